"""The panel as a person uses it: clicks, ticks, choices. Knows the names of the widgets, so that tests need not."""

import qt
import slicer


class PanelDriver:
    """Drives parts 1 to 4.

    Parameters
    ----------
    module : P2SAMSlicerWidget
    wait : fixture `wait`
    """

    def __init__(self, module, wait):
        self.panel = module.panel
        self.ui = module.panel.ui
        self.wait = wait

    def rest(self):
        """After a test: nothing goes on, and the worker stays warm for the next one."""
        if self.panel.logic.running:
            self.panel.logic.shutdown()

    def choose(self, phantom, followups=None, structures=None, alignment="rigid"):
        """Prior, segmentation, follow-ups (all unless named) and structures (all unless named); an alignment that is quick."""
        self.settle()
        self.ui.priorVolumeSelector.setCurrentNode(phantom.prior)
        self.ui.priorSegmentationSelector.setCurrentNode(phantom.segmentation)
        for node in phantom.followups:
            self.tickFollowup(node, followups is None or node in followups)
        if structures is not None:
            for key in ("GTV", "Heart"):
                self.tickStructure(key, key in structures)
        self.panel.parameterNode.alignment = alignment

    def settle(self):
        """Let the lists follow the scene."""
        slicer.app.processEvents()
        self.wait(lambda: self.panel.visitsPanel.isSettled)

    def tickFollowup(self, node, on=True):
        tree = self.ui.followupsTree
        (row,) = [number for number in range(tree.topLevelItemCount) if tree.topLevelItem(number).text(0) == node.GetName()]
        tree.topLevelItem(row).setCheckState(0, qt.Qt.Checked if on else qt.Qt.Unchecked)

    def tickStructure(self, name, on=True):
        names = self.ui.segmentsList
        (row,) = [number for number in range(names.count) if names.item(number).text() == name]
        names.item(row).setCheckState(qt.Qt.Checked if on else qt.Qt.Unchecked)

    def click(self, button):
        assert button.enabled, f"'{button.text}' is disabled: {button.toolTip}"
        button.click()

    def propagate(self):
        """Press Propagate and wait until the run has begun."""
        self.click(self.ui.propagateButton)
        self.wait(lambda: self.panel.runPanel.running, 60, "the run")

    def finish(self, seconds=180):
        self.wait(lambda: not self.panel.runPanel.running and not self.panel.logic.running and self.panel.isSettled, seconds, "the end of the run")

    @property
    def whyNot(self):
        """What the disabled button says; None where it is enabled."""
        button = self.ui.propagateButton
        return None if button.enabled else button.toolTip


def reviews():
    from P2SAMSlicerLib import MRMLReview

    return MRMLReview.findAll(slicer.mrmlScene)
