"""Panel part 1: the prior CT, its segmentation and structures, the follow-ups, and what was checked between them."""

from dataclasses import replace

import qt
import slicer
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from . import Checks, VisitList
from .CheckedList import CheckedList
from .MRMLVolumes import metaOf

SCENE_DELAY_MS = 100
SEGMENT_EVENTS = (slicer.vtkSegmentation.SegmentAdded, slicer.vtkSegmentation.SegmentRemoved, slicer.vtkSegmentation.SegmentModified)


class VisitsPanel(VTKObservationMixin):
    """Shows and changes what is propagated, and to where.

    Parameters
    ----------
    ui : widgets by name
    logic : Logic
    """

    def __init__(self, ui, logic):
        super().__init__()
        self.ui = ui
        self.logic = logic
        self.onChanged = lambda: None
        self.onSample = lambda: None
        self._parameterNode = None
        self._segmentationSeen = None
        self._judgement = (None, ([], None))
        self._statedFor = None
        self._segments = CheckedList(ui.segmentsList, self._onSegmentsTicked)
        self._followups = CheckedList(ui.followupsTree, self._onFollowupsTicked)
        self._later = qt.QTimer()
        self._later.setSingleShot(True)
        self._later.setInterval(SCENE_DELAY_MS)
        self._later.connect("timeout()", self._onSceneSettled)
        ui.allSegmentsButton.connect("clicked()", lambda: self._segments.tickAll(True))
        ui.noSegmentsButton.connect("clicked()", lambda: self._segments.tickAll(False))
        ui.sampleButton.connect("clicked()", lambda: self.onSample())
        ui.samePatientBox.connect("toggled(bool)", self._onSamePatient)
        ui.followupsTree.header().setStretchLastSection(False)
        ui.followupsTree.header().setSectionResizeMode(0, qt.QHeaderView.Stretch)
        ui.followupsTree.header().setSectionResizeMode(1, qt.QHeaderView.ResizeToContents)

    def setParameterNode(self, parameterNode):
        self._parameterNode = parameterNode
        self._segmentationSeen = None
        if parameterNode is None:
            self._statedFor = None
        self.removeObservers()
        if parameterNode is not None:
            scene = self.logic.scene
            for event in (slicer.vtkMRMLScene.NodeAddedEvent, slicer.vtkMRMLScene.NodeRemovedEvent):
                self.addObserver(scene, event, self._onScene)
        self.refresh()

    def cleanup(self):
        self._later.stop()
        self.removeObservers()
        self._parameterNode = None

    def refresh(self):
        """Show what the parameter node has."""
        if self._parameterNode is None:
            return
        self._followSegmentation()
        volumes = VisitList.volumes(self.logic.scene)
        self.ui.sampleButton.setVisible(not volumes)
        self._showSegments()
        self._showFollowups(volumes)
        self._showChecks()

    @property
    def isSettled(self):
        """Whether the lists show the scene as it is now."""
        return not self._later.active

    def whyNot(self):
        """The sentence that says why nothing can be propagated; None where it can."""
        node = self._parameterNode
        if node is None:
            return _("The scene is being closed or loaded.")
        return self._judged()[1]

    @property
    def isSamePatient(self):
        """Whether a person stated, for the scans that are chosen now, that patient IDs which differ are of one patient."""
        return self._statedFor is not None and self._statedFor == self._scans()

    def segmentIds(self):
        """Ticked segments that exist, in the order of the segmentation."""
        node = self._parameterNode
        ticked = list(node.priorSegmentIds)
        return [one.id for one in VisitList.segments(node.priorSegmentation) if one.id in ticked]

    def followups(self):
        """Ticked follow-ups, in the order of the list; never the prior."""
        node = self._parameterNode
        ticked = {one.GetID() for one in node.followups if one is not None}
        return [one for one in VisitList.volumes(self.logic.scene) if one.GetID() in ticked and one is not node.priorVolume]

    def _followSegmentation(self):
        """Tick every structure of a segmentation that is chosen for the first time."""
        node = self._parameterNode
        segmentation = node.priorSegmentation
        if segmentation is self._segmentationSeen:
            return
        if self._segmentationSeen is not None:
            for event in SEGMENT_EVENTS:
                self.removeObserver(self._segmentationSeen, event, self._onScene)
        self._segmentationSeen = segmentation
        if segmentation is None:
            return
        for event in SEGMENT_EVENTS:
            self.addObserver(segmentation, event, self._onScene)
        if not self.segmentIds():
            node.priorSegmentIds = [one.id for one in VisitList.segments(segmentation)]

    def _showSegments(self):
        segments = VisitList.segments(self._parameterNode.priorSegmentation)
        self._segments.show([(one.id, [one.name], one.color, "") for one in segments], set(self._parameterNode.priorSegmentIds))
        ticked = len(self.segmentIds())
        self.ui.segmentsCountLabel.setText(_("{ticked} of {all} ticked").format(ticked=ticked, all=len(segments)) if segments else "")
        for button in (self.ui.allSegmentsButton, self.ui.noSegmentsButton):
            button.setEnabled(bool(segments))

    def _showFollowups(self, volumes):
        prior = self._parameterNode.priorVolume
        rows = [(one.GetID(), [one.GetName(), VisitList.dateText(one)], None, VisitList.about(one)) for one in volumes if one is not prior]
        self._followups.show(rows, {one.GetID() for one in self._parameterNode.followups if one is not None})

    def _showChecks(self):
        ready = self._parameterNode.priorVolume is not None and self.followups()
        if self._statedFor is not None and not self.isSamePatient:
            self._statedFor = None
        checks = self._judged()[0] if ready else []
        self._showSamePatient(checks)
        self.ui.checksLabel.setText(VisitList.checksText(checks))
        self.ui.checksLabel.setToolTip("\n".join(one.text for one in checks))
        self.ui.checksLabel.setVisible(bool(checks))

    def _showSamePatient(self, checks):
        """The tick is there only where the patient IDs differ."""
        box, isNeeded = self.ui.samePatientBox, any(one.topic == "patient" and one.level == Checks.ERROR for one in checks)
        blocked = box.blockSignals(True)
        box.setChecked(self.isSamePatient)
        box.blockSignals(blocked)
        box.setVisible(isNeeded or self.isSamePatient)

    def _scans(self):
        """What a statement about the patient holds for: the scans and the contours, with the patient IDs as they are."""
        node, chosen = self._parameterNode, [self._parameterNode.priorVolume, *self.followups()]
        segmentation = node.priorSegmentation
        return tuple((one.GetID(), metaOf(one).get("patient_id")) for one in chosen if one is not None), segmentation and segmentation.GetID()

    def _judged(self):
        """(checks, why not) of the present choice; found again only where something in it changed."""
        node, followups, ids = self._parameterNode, self.followups(), self.segmentIds()
        segmentation = node.priorSegmentation
        objects = [node.priorVolume, segmentation, segmentation and segmentation.GetSegmentation(), node.outputSegmentation, *followups]
        key = (tuple((one, one.GetMTime()) for one in objects if one is not None), tuple(ids), node.alignment, self.isSamePatient)
        if self._judgement[0] != key:
            checks = Checks.visitChecks(node.priorVolume, segmentation, ids, followups, node.alignment)
            checks = [replace(one, level=Checks.WARNING) if self.isSamePatient and one.topic == "patient" and one.level == Checks.ERROR else one for one in checks]
            reason = Checks.whyNot(node.priorVolume, segmentation, ids, followups, node.outputSegmentation, node.alignment, self.isSamePatient)
            self._judgement = (key, (checks, reason))
        return self._judgement[1]

    def _onSegmentsTicked(self, ids):
        self._parameterNode.priorSegmentIds = list(ids)
        self.onChanged()

    def _onFollowupsTicked(self, ids):
        self._parameterNode.followups = [self.logic.scene.GetNodeByID(one) for one in ids]
        self.onChanged()

    def _onSamePatient(self, isOn):
        self._statedFor = self._scans() if isOn and self._parameterNode is not None else None
        self.onChanged()

    def _onScene(self, caller, event):
        """Many nodes may come at once: show them when it is quiet."""
        self._later.start()

    def _onSceneSettled(self):
        self.refresh()
        self.onChanged()
