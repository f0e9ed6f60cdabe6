"""Panel part 2: the model and its weights, the device, and how long it will take."""

import qt
import slicer
from slicer.i18n import tr as _

from p2sam.errors import P2SAMError
from p2sam.models import registry, weights
from . import ModelChoice
from .ComboChoice import ComboChoice
from .Weights import Weights
from .WorkerProcess import WorkerProcess

KILL_AFTER_MS = 3000


class ModelPanel:
    """Shows and changes which model runs; downloads, installs and removes weights.

    Parameters
    ----------
    ui : widgets by name
    logic : Logic
    """

    def __init__(self, ui, logic, makeProcess=WorkerProcess):
        self.ui = ui
        self.logic = logic
        self.onChanged = lambda: None
        self._parameterNode = None
        self._error = ""
        self._model = ComboChoice(ui.modelSelector, "model", self._onModel)
        self._weights = Weights(makeProcess, self._onBytes, self._onWeightsEnd)
        self._fillModels()
        ui.downloadProgressBar.setVisible(False)
        ui.downloadButton.connect("clicked()", self._onDownload)
        ui.installFileButton.connect("clicked()", self._onInstallFile)
        ui.removeButton.connect("clicked()", self._onRemove)
        ui.modelFileEdit.nameFilters = [_("Weights ({patterns})").format(patterns=" ".join(f"*{one}" for one in registry.WEIGHT_SUFFIXES))]
        ui.modelFileEdit.connect("currentPathChanged(QString)", self._onModelFile)

    def setParameterNode(self, parameterNode):
        self._parameterNode = parameterNode
        self._model.setParameterNode(parameterNode)
        self.refresh()

    def cleanup(self):
        self._weights.kill()
        self._parameterNode = None

    @property
    def choice(self):
        return ModelChoice.find(self._parameterNode.model)

    @property
    def family(self):
        """Whose packages the chosen model needs."""
        return ModelChoice.familyOf(self._parameterNode.model, self._parameterNode.modelFile)

    @property
    def name(self):
        """What the worker loads."""
        return ModelChoice.nameFor(self._parameterNode.model, self._parameterNode.modelFile)

    def choose(self, key):
        """Choose a model as a person would."""
        self._model.choose(key)

    def refresh(self):
        """Show what the parameter node has."""
        if self._parameterNode is None:
            return
        self._model.refresh()
        choice, own, busy = self.choice, self._isOwnFile(), self._weights.running
        self._showDetails(choice)
        self.ui.weightsRow.setVisible(choice.needsDownload)
        self.ui.downloadButton.setText(_("Cancel download") if busy else _("Download…"))
        self.ui.downloadButton.setVisible(busy or not choice.present)
        self.ui.installFileButton.setVisible(not busy and not choice.present)
        self.ui.removeButton.setVisible(not busy and choice.present)
        self.ui.modelSelector.setEnabled(not busy)
        for widget in (self.ui.modelFileLabel, self.ui.modelFileEdit):
            widget.setVisible(own)
        if self.ui.modelFileEdit.currentPath != self._parameterNode.modelFile:
            blocked = self.ui.modelFileEdit.blockSignals(True)
            self.ui.modelFileEdit.currentPath = self._parameterNode.modelFile
            self.ui.modelFileEdit.blockSignals(blocked)

    def whyNot(self):
        """Why this model cannot run; None where it can."""
        if self._parameterNode is None:
            return None
        if self._weights.running:
            return _("The weights are being downloaded.")
        if self._isOwnFile():
            file = qt.QFileInfo(self._parameterNode.modelFile)
            if not self._parameterNode.modelFile:
                return _("Choose the weights file, or another model.")
            return None if file.isFile() else _("There is no weights file {file}. Choose another.").format(file=self._parameterNode.modelFile)
        if not self.choice.present:
            return _("Download the weights of {model}, or choose another model.").format(model=registry.find(self.choice.key).title)
        return None

    def _isOwnFile(self):
        return self._parameterNode.model == ModelChoice.LOCAL_FILE

    def _showDetails(self, choice):
        self.ui.modelDetailsLabel.setText(self._error or choice.details)
        self.ui.modelDetailsLabel.setStyleSheet("color: #c62828;" if self._error else "")

    def _fillModels(self):
        self._model.setChoices([(one.key, one.title, one.details) for one in ModelChoice.choices()])

    def _onModel(self, key):
        self._error = ""
        if key != ModelChoice.LOCAL_FILE:
            self._parameterNode.modelFile = ""
        self.refresh()
        self.onChanged()

    def _onModelFile(self, path):
        if self._parameterNode is not None:
            self._parameterNode.modelFile = path

    def _onDownload(self):
        if self._weights.running:
            self.ui.downloadButton.setEnabled(False)
            self._weights.cancel()
            qt.QTimer.singleShot(KILL_AFTER_MS, self._weights.killer())
        elif slicer.util.confirmOkCancelDisplay(ModelChoice.consent(self.choice), _("P2SAM: download weights")):
            self._begin()
            self._weights.download(self.choice.key)
            self.refresh()

    def _onInstallFile(self):
        spec = registry.find(self.choice.key)
        file = qt.QFileDialog.getOpenFileName(None, _("The file {name}").format(name=spec.filename), "", _("Weights ({patterns})").format(patterns="*" + spec.filename[spec.filename.rindex("."):]))
        if file:
            self.installFile(file)

    def installFile(self, file):
        """Take the chosen model's weights from a file."""
        self._begin()
        self._weights.install(self.choice.key, file)
        self.refresh()

    def _onRemove(self):
        spec = registry.find(self.choice.key)
        size = ModelChoice.megabytes(spec.size_bytes)
        if not slicer.util.confirmOkCancelDisplay(_("Delete the weights of {title} from this machine ({size})?\n\n{file}").format(title=spec.title, size=size, file=weights.path(spec)), _("P2SAM: remove weights")):
            return
        try:
            weights.remove(spec)
        except (P2SAMError, OSError) as error:
            self._error = str(error)
        self._afterWeights()

    def _begin(self):
        self._error = ""
        self.ui.downloadProgressBar.setVisible(True)
        self._onBytes(0, None)

    def _onBytes(self, done, total):
        bar = self.ui.downloadProgressBar
        bar.setRange(0, 1000 if total else 0)
        bar.setValue(round(1000 * done / total) if total else 0)
        bar.setFormat(_("{done} of {total}").format(done=ModelChoice.megabytes(done), total=ModelChoice.megabytes(total)) if total else _("Connecting…"))

    def _onWeightsEnd(self, status, message):
        self._error = message if status == "failed" else ""
        self.ui.downloadProgressBar.setVisible(False)
        self.ui.downloadButton.setEnabled(True)
        self._afterWeights()

    def _afterWeights(self):
        self._fillModels()
        self.refresh()
        self.onChanged()
