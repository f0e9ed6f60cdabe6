"""The entry of the module P2SAM in 3D Slicer: its four classes, a few lines each; what they do is in P2SAMSlicerLib."""

import sys

import qt
import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)

from P2SAMSlicerLib.Logic import Logic

OURS = ("P2SAMSlicerLib", "p2sam", "p2sam_worker")


class P2SAMSlicer(ScriptedLoadableModule):
    """What the application's menu and help show of the module."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = _("P2SAM")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Radiotherapy")]
        parent.dependencies = []
        parent.contributors = ["P2SAMSlicer contributors"]
        parent.helpText = _(
            "Segments a patient's follow-up CT from the earlier CT (the prior) and its segmentation, without training. "
            "Choose the prior, tick follow-ups, press Propagate; then review the slices, those with a reason first, then the most unlike the prior. "
            "For research use only: every contour needs a clinician's eye."
        )
        parent.acknowledgementText = _(
            "The method is P2SAM: C. Zhao and L. Shen, Part-aware Prompted Segment Anything Model for Adaptive "
            "Segmentation, Transactions on Machine Learning Research, 2025, arXiv 2403.05433. Please cite it."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


class P2SAMSlicerWidget(ScriptedLoadableModuleWidget):
    """The module's panel; see P2SAMSlicerLib/Widget.py."""

    def setup(self):
        super().setup()
        from P2SAMSlicerLib.Widget import Widget

        self.logic = P2SAMSlicerLogic()
        self.panel = Widget(self, self.logic)

    def enter(self):
        self.panel.enter()

    def exit(self):
        self.panel.exit()

    def cleanup(self):
        try:
            self.panel.cleanup()
        finally:
            self.logic.shutdown()

    def onReload(self):
        """Read the module's packages again as well, not this file alone."""
        for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
            del sys.modules[name]
        super().onReload()
        if slicer.util.selectedModule() == self.moduleName:  # the new panel is on the screen, and nobody tells it so
            slicer.modules.P2SAMSlicerWidget.enter()


class P2SAMSlicerLogic(Logic, ScriptedLoadableModuleLogic):
    """The panel's verbs for the Python console; see P2SAMSlicerLib/Logic.py.

    Example
    -------
    >>> logic = P2SAMSlicerLogic()
    >>> reviews = logic.propagate(priorVolume, priorSegmentation, [followup])
    """

    def __init__(self, parent=None):
        from P2SAMSlicerLib.Undo import saveState
        from P2SAMSlicerLib.WorkerProcess import WorkerProcess

        ScriptedLoadableModuleLogic.__init__(self, parent)
        Logic.__init__(self, slicer.mrmlScene, WorkerProcess, undo=saveState, later=lambda action: qt.QTimer.singleShot(0, action))

    def getParameterNode(self):
        """The choices of the panel, saved with the scene."""
        from P2SAMSlicerLib.ParameterNode import ParameterNode

        return ParameterNode(super().getParameterNode())


class P2SAMSlicerTest(ScriptedLoadableModuleTest):
    """Self-tests that run in the application: the built-in model on the computed patient, no network."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        for name in sorted(name for name in dir(self) if name.startswith("test_")):
            self.setUp()
            getattr(self, name)()

    def test_aFollowupIsPropagatedFromThePrior(self):
        from P2SAMSlicerLib import SelfTest

        SelfTest.propagateThePhantom(self, P2SAMSlicerLogic())

    def test_thePanelOpensOnAnEmptyScene(self):
        from P2SAMSlicerLib import SelfTest

        SelfTest.openThePanel(self)


def registerSampleData():
    """Offer the computed patient in the module Sample Data."""
    from P2SAMSlicerLib import SampleData

    SampleData.register()
