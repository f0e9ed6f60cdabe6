"""Panel part 3: preset, part counts, distance, HU window, alignment and margins; every default is of `p2sam.settings`."""

from p2sam.errors import SettingsError
from p2sam.models.registry import settings_for
from p2sam.settings import ALIGNMENTS, COSTS, PRESETS, RETRIEVALS
from slicer.i18n import tr as _

from . import SettingsText
from .ComboChoice import ComboChoice
from .MRMLVolumes import windowOf


class SettingsPanel:
    """Shows and changes how it is done.

    Parameters
    ----------
    ui : widgets by name
    logic : Logic
    """

    def __init__(self, ui, logic):
        self.ui = ui
        self.logic = logic
        self._parameterNode = None
        self._model = None
        self._combos = {
            "preset": ComboChoice(ui.presetSelector, "preset", self._onPreset),
            "retrieval": ComboChoice(ui.retrievalSelector, "retrieval"),
            "cost": ComboChoice(ui.costSelector, "cost"),
            "alignment": ComboChoice(ui.alignmentSelector, "alignment"),
        }
        self._fill()
        ui.resetButton.connect("clicked()", self.reset)

    def setParameterNode(self, parameterNode):
        self._parameterNode = parameterNode
        self._model = None
        for combo in self._combos.values():
            combo.setParameterNode(parameterNode)
        self.refresh()

    def cleanup(self):
        self.setParameterNode(None)

    def refresh(self):
        """Show what the parameter node has, and what is wrong with it."""
        node = self._parameterNode
        if node is None:
            return
        self._followModel()
        for combo in self._combos.values():
            combo.refresh()
        for box in (self.ui.windowLowBox, self.ui.windowHighBox):
            box.setEnabled(not node.windowFromDisplay)
        self.ui.costSelector.setEnabled(node.retrieval == "wasserstein")
        wrong = self.whyNot()
        self.ui.settingsErrorLabel.setText(wrong or "")
        self.ui.settingsErrorLabel.setVisible(bool(wrong))
        changed = SettingsText.differsFromPreset(node, self._displayWindow())
        self.ui.resetButton.setEnabled(changed)
        title = presetTitle(node.preset)
        self.ui.settingsButton.text = _("Settings: {preset}, changed").format(preset=title) if changed else _("Settings: {preset}").format(preset=title)

    def settings(self):
        """The settings chosen.

        Raises
        ------
        SettingsError
            A sentence that says which value is wrong.
        """
        return SettingsText.settingsOf(self._parameterNode, window=self._displayWindow())

    def whyNot(self):
        """What is wrong with the settings; None where nothing is."""
        try:
            self.settings()
        except SettingsError as error:
            return str(error)
        return None

    def reset(self):
        """Every value back to that of the chosen preset."""
        if self._parameterNode is not None:
            self._onPreset(self._parameterNode.preset)

    def choosePreset(self, name):
        """Choose a preset as a person would."""
        self._combos["preset"].choose(name)

    def _followModel(self):
        """Show the part counts of a model that was just chosen. A scene that is read brings model and counts that belong together."""
        before, self._model = self._model, SettingsText.modelOf(self._parameterNode)
        if before not in (None, self._model) and not self.logic.scene.IsBatchProcessing():
            SettingsText.followModel(self._parameterNode, before)

    def _displayWindow(self):
        """The window that the prior is shown with, where that is asked for and the prior is known."""
        node = self._parameterNode
        if not node.windowFromDisplay or node.priorVolume is None:
            return None
        return windowOf(node.priorVolume)

    def _onPreset(self, name):
        SettingsText.showSettings(self._parameterNode, settings_for(PRESETS[name], SettingsText.modelOf(self._parameterNode)))
        self.refresh()

    def _fill(self):
        self._combos["preset"].setChoices([(name, presetTitle(name)) for name in PRESETS])
        for name, keys, titles in (("retrieval", RETRIEVALS, _retrievals()), ("cost", COSTS, _costs()), ("alignment", ALIGNMENTS, _alignments())):
            self._combos[name].setChoices([(key, *titles.get(key, (key,))) for key in keys])


def presetTitle(name):
    """What a person reads for the name of a preset."""
    titles = {
        "clinical": _("Clinical"),
        "paper": _("Paper, CT with Meta's SAM"),
        "paper-finetuned": _("Paper, CT with fine-tuned SAM"),
        "paper-cvc": _("Paper, endoscopy"),
        "paper-perseg": _("Paper, natural images"),
        "paper-coco": _("Paper, natural images, many parts"),
    }
    return titles.get(name, name)


def _retrievals():
    return {
        "wasserstein": (_("Wasserstein distance"), _("The published distance: the cost of moving the candidate's features onto the prior's.")),
        "jensen-shannon": (_("Jensen-Shannon divergence"), _("Compares histograms of the features; faster, coarser.")),
        "hungarian": (_("Hungarian matching"), _("Pairs features one to one.")),
        "none": (_("None: the last candidate"), _("Nothing is compared, so the review has no distances to sort by.")),
    }


def _costs():
    return {
        "squared-euclidean": (_("Squared Euclidean"), _("What the authors' program computes.")),
        "cosine": (_("Cosine"), _("What the paper's equation 5 writes.")),
    }


def _alignments():
    return {
        "none": (_("None"), _("The visits are in register already.")),
        "centre": (_("Centre"), _("The bodies' centres are put together; no rotation.")),
        "rigid": (_("Rigid"), _("Shift and rotation; for structures that do not deform.")),
        "deformable": (_("Deformable"), _("Rigid, then deformable; follows breathing and shrinkage, takes longest.")),
    }
