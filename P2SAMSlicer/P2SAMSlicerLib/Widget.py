"""The panel as a whole: loads the .ui files, makes the parts, and follows the scene."""

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from . import SampleData, VisitList
from .Dependencies import Dependencies
from .DevicePanel import DevicePanel
from .Estimate import Estimate
from .LiveView import LiveView
from .ModelPanel import ModelPanel
from .Offline import Offline
from .Preparation import Preparation
from .RenderPause import renderedOnce
from .ReviewPanels import ReviewPanels
from .RunPanel import RunPanel
from .SettingsPanel import SettingsPanel
from .Steps import Steps
from .VisitsPanel import VisitsPanel

PULSE_MS = 50
"""How often the logic's pending work is done; each time takes about as long at most."""


class Widget(VTKObservationMixin):
    """Everything the module shows.

    Parameters
    ----------
    moduleWidget : ScriptedLoadableModuleWidget
        Whose layout it is put into.
    logic : P2SAMSlicerLogic
    """

    def __init__(self, moduleWidget, logic):
        super().__init__()
        self.moduleWidget = moduleWidget
        self.logic = logic
        self.parameterNode = None
        self._tag = None
        self._refreshing = False
        self._entered = False
        self._drawn = None
        self._whenIdle = None
        self._steps = Steps()
        self._pulse = qt.QTimer()
        self._pulse.setInterval(PULSE_MS)
        self._pulse.connect("timeout()", self._onPulse)
        self._load()
        self._makePanels()
        self._connect()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self._onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self._onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self._onSceneEndClose)
        self.setParameterNode(logic.getParameterNode())
        self._pulse.start()

    def enter(self):
        self._entered = True
        self.setParameterNode(self.logic.getParameterNode())
        self._suggest()
        self.reviewPanels.enter()

    def exit(self):
        self._entered = False
        self.reviewPanels.exit()

    def cleanup(self):
        self._pulse.stop()
        self._steps.clear()
        self.liveView.stop()
        self.setParameterNode(None)
        self.removeObservers()
        for panel in self.panels:
            panel.cleanup()

    def setParameterNode(self, parameterNode):
        """Show another parameter node; None while a scene closes."""
        if self.parameterNode is not None:
            self.parameterNode.disconnectGui(self._tag)
            self.removeObserver(self.parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self._onParameterNode)
        self.parameterNode = parameterNode
        if parameterNode is not None:
            self._tag = parameterNode.connectGui(self.ui)
            self.addObserver(parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self._onParameterNode)
        for panel in self.panels:
            panel.setParameterNode(parameterNode)

    def refresh(self):
        """Show what the parameter node and the scene have; the review parts follow the reviews by themselves."""
        if self._refreshing or self.parameterNode is None:
            return
        self._refreshing = True
        try:
            for panel in self.inputPanels:
                panel.refresh()
            self.estimate.want(self._estimated())
        finally:
            self._refreshing = False

    def whyNot(self):
        """Why nothing can be propagated now, the first reason from the top; None where it can."""
        reasons = (panel.whyNot() for panel in (self.visitsPanel, self.modelPanel, self.settingsPanel))
        return next((reason for reason in reasons if reason), None)

    def propagate(self):
        """What the button does: an estimate that goes on comes to its end, what is missing is installed, the run begins."""
        self.runPanel.setBusy(_("Preparing…"))
        self._doWhenIdle(self._prepare)

    def onRunFinished(self, status, message):
        """Make room for the review, once there is one: the table, then the views, then the slice."""
        drawn, self._drawn = self._drawn, None
        self.liveView.stop()
        self._steps.do(self.refresh)
        if drawn is not None and drawn.GetScene() is not None:
            review = self.reviewPanels.review
            self._steps.do(self._foldInputs, review.refresh, review.views.open, lambda: self.reviewPanels.showVisit(drawn))
        elif self._entered:
            self._steps.do(self.reviewPanels.follow)

    @property
    def isSettled(self):
        """Whether all that follows a run has been done."""
        return self._steps.isIdle

    def loadSample(self):
        """Compute the patient, load it, and choose it."""
        self.runPanel.setBusy(_("Computing the sample patient…"))
        self._doWhenIdle(lambda: self.logic.loadSample(self._onSample))

    def _load(self):
        self.uiWidget = slicer.util.loadUI(self.moduleWidget.resourcePath("UI/P2SAMSlicer.ui"))
        self.ui = slicer.util.childWidgetVariables(self.uiWidget)
        self.reviewWidget = slicer.util.loadUI(self.moduleWidget.resourcePath("UI/Review.ui"))
        self.reviewUi = slicer.util.childWidgetVariables(self.reviewWidget)
        self.ui.reviewFrame.layout().addWidget(self.reviewWidget)
        self.moduleWidget.layout.addWidget(self.uiWidget)
        self.moduleWidget.layout.addStretch(1)
        self.uiWidget.setMRMLScene(slicer.mrmlScene)
        self.reviewWidget.setMRMLScene(slicer.mrmlScene)

    def _makePanels(self):
        self.visitsPanel = VisitsPanel(self.ui, self.logic)
        self.modelPanel = ModelPanel(self.ui, self.logic)
        self.devicePanel = DevicePanel(self.ui, self.logic)
        self.settingsPanel = SettingsPanel(self.ui, self.logic)
        self.runPanel = RunPanel(self.ui, self.logic)
        self.inputPanels = [self.visitsPanel, self.modelPanel, self.devicePanel, self.settingsPanel, self.runPanel]
        self.reviewPanels = ReviewPanels(self.reviewUi, self.logic)
        self.panels = [*self.inputPanels, self.reviewPanels]

    def _connect(self):
        self.offline = Offline(self.ui)
        self.liveView = LiveView(self.logic.scene, self.reviewPanels.layout)
        self.estimate = Estimate(self.logic, self.devicePanel.showEstimate, lambda family: not self._dependencies().missing(family))
        self.preparation = Preparation(self.logic, self._dependencies, self.devicePanel, self.runPanel)
        self.visitsPanel.onChanged = self.modelPanel.onChanged = self.refresh
        self.visitsPanel.onSample = self.loadSample
        self.devicePanel.onRepair = self.preparation.repair
        self.runPanel.whyNot = self.whyNot
        self.runPanel.onPropagate = self.propagate
        self.runPanel.afterSlice = self._onSlice
        self.runPanel.afterVisit = self._onVisit
        self.runPanel.afterRun = self.onRunFinished
        self.ui.modelButton.connect("contentsCollapsed(bool)", lambda _isCollapsed: self.refresh())
        self.reviewPanels.correct.startRun = lambda begin: self._doWhenIdle(lambda: self.runPanel.follow(begin))
        self.reviewPanels.correct.onUsePrior = self._onUsePrior

    def _doWhenIdle(self, action):
        self.estimate.stop()
        self._whenIdle = action

    def _onPulse(self):
        with renderedOnce():
            self.logic.flush()
        self.estimate.pulse()
        if self._whenIdle is not None and not self.logic.running:
            action, self._whenIdle = self._whenIdle, None
            action()

    def _prepare(self):
        self.runPanel.setBusy("")
        if self.parameterNode is not None and self.whyNot() is None:
            self.preparation.prepare(self.modelPanel.family, lambda: self.runPanel.follow(self._begin))

    def _estimated(self):
        """What to estimate the time of; None where nothing can be propagated, or nobody would see it."""
        if self.runPanel.running or self.ui.modelButton.collapsed or self.whyNot() is not None:
            return None
        return {
            "followups": self.visitsPanel.followups(), "structures": len(self.visitsPanel.segmentIds()), "settings": self.settingsPanel.settings(),
            "model": self.modelPanel.name, "device": self.parameterNode.device, "family": self.modelPanel.family,
        }  # fmt: skip

    def _dependencies(self):
        return Dependencies(self.moduleWidget.resourcePath("requirements.txt"), self.offline.folder)

    def _begin(self, observer):
        node = self.parameterNode
        run = self.logic.propagate(
            node.priorVolume, node.priorSegmentation, self.visitsPanel.followups(), segments=self.visitsPanel.segmentIds(),
            settings=self.settingsPanel.settings(), model=self.modelPanel.name, device=node.device, into=node.outputSegmentation,
            wait=False, observer=observer, allowOtherPatient=self.visitsPanel.isSamePatient,
        )  # fmt: skip
        self.liveView.makeRoom(self.reviewUi.sideBySideButton)
        return run

    def _onSlice(self, job, index):
        if self._entered:
            self.liveView.follow(job, index)

    def _onVisit(self, reviewNode):
        """The first visit that is drawn is the one shown after the run."""
        self._drawn = self._drawn or reviewNode

    def _foldInputs(self):
        self.ui.visitsButton.collapsed = self.ui.modelButton.collapsed = True

    def _onUsePrior(self, volume, segmentation):
        node = self.parameterNode
        node.priorVolume, node.priorSegmentation, node.followups = volume, segmentation, []
        self.ui.visitsButton.collapsed = False
        self.refresh()

    def _onSample(self, nodes):
        self.runPanel.setBusy("")
        if "error" in nodes:
            self.runPanel.showMessage(_("The sample patient could not be computed: {reason}").format(reason=nodes["error"]), isError=True)
        if self.parameterNode is None or "error" in nodes:
            return
        SampleData.placeInHierarchy(self.logic.scene, nodes)
        SampleData.show(nodes)
        self.parameterNode.priorVolume = nodes["priorVolume"]
        self.parameterNode.priorSegmentation = nodes["priorSegmentation"]
        self.parameterNode.followups = nodes["followups"]
        self.refresh()

    def _suggest(self):
        """Choose the prior where the scene leaves no doubt."""
        node = self.parameterNode
        if node.priorVolume is None and node.priorSegmentation is None:
            volume, segmentation = VisitList.suggestion(self.logic.scene)
            if segmentation is not None:
                node.priorVolume, node.priorSegmentation = volume, segmentation

    def _onParameterNode(self, caller, event):
        self.refresh()

    def _onSceneStartClose(self, caller, event):
        self._steps.clear()
        self.setParameterNode(None)

    def _onSceneEndClose(self, caller, event):
        if self._entered or self.parameterNode is None:
            self.setParameterNode(self.logic.getParameterNode())
