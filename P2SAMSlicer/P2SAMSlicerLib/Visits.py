"""One follow-up of a run, from the export of its voxels to the finished review."""

from __future__ import annotations

import time
from collections import deque

import numpy as np
from p2sam.errors import InputError, P2SAMError
from slicer.i18n import tr as _

from . import MRMLReview
from .Cases import isInScene, loadedModel, openedCase
from .EditedSlices import markEdited
from .Exports import exportArray
from .MRMLUserAction import UserAction
from .MRMLVolumes import volumeOf
from .Patients import differingIds, patientWarning
from .ResultWriter import ResultWriter
from .VisitFinish import SLICES_A_STEP, VisitFinish
from .VisitNodes import editorOf, isInto, makeReview, makeSegments, refreshTables
from .VisitResults import startedReview

SAVE_SECONDS = 2.0
"""How often the review is saved while slices come in."""


class VisitJob:
    """Draws one case and keeps its nodes.

    Parameters
    ----------
    run : Run
    case : Case
    reviewNode : vtkMRMLTextNode or None
        Of a visit that is propagated again; its accepted and edited slices are kept.
    into : vtkMRMLSegmentationNode or None
        The user's own choice for a new visit.
    slices : (first, last) or None
        Own slice indices to draw, both inclusive.
    """

    def __init__(self, run, case, reviewNode=None, into=None, slices=None):
        self.run = run
        self.case = case
        self.reviewNode = reviewNode
        self.review = None
        self.writer = None
        self.hasDrawn = False
        self._into = into
        self.slices = slices
        self._action = UserAction(run.undo)
        self._pending = deque()
        self.live = {}
        self.warnings = []
        self._madeNodes = False
        self._leftFiles = set()
        self._savedAt = time.monotonic()

    def steps(self):
        """Generator: the whole visit. What was drawn is kept, marked incomplete, whatever ends it."""
        model = yield from loadedModel(self.run, self.case.model, self.case.device, self._receive)
        self.case = self.case.withRanges(model.get("ranges"))
        facts = yield from openedCase(self.run, self.case, self._receive)
        self._begin(facts)
        reason = _("The run was interrupted.")
        try:
            anchors = yield from self._anchors()
            parameters = {"anchors": anchors, "slices": list(self.slices) if self.slices else None}
            reply = self.run.send("propagate", self._receive, case=facts["id"], **parameters)
            yield from self._drawLive(reply)
            visit = reply.outcome()["result"]
            self._makeNodes()
            yield from VisitFinish(self).steps(visit)
            self._conclude()
            reason = ""
        except P2SAMError as error:
            reason = str(error)
            raise
        except GeneratorExit:
            reason = ""  # the run was given up by whoever began it; the scene may be gone
            raise
        finally:
            if reason:
                self._keepPart(reason)
            self._discardFiles()

    def checkNodes(self) -> None:
        """Raise `InputError` where a node that is needed has left the scene."""
        self.case.checkNodes()
        if self.writer is not None:
            self.writer.checkNodes()
            if self.reviewNode is not None and not isInScene(self.reviewNode):
                raise InputError(_("The review of '{visit}' was removed from the scene, so its drawing ended.").format(visit=self.case.name))

    def expect(self, *files: str) -> None:
        """Note files in the job folder that are ours to remove, whatever happens."""
        self._leftFiles.update(files)

    def take(self, file: str, ndim: int) -> np.ndarray:
        """A mask of the job folder, whose file is removed.

        Raises
        ------
        InputError
            The file or the folder has vanished, or is damaged.
        """
        self._leftFiles.discard(file)
        if self.run.worker.folder is None:
            raise InputError(_("The worker's folder is gone; propagate again."))
        return self.run.worker.folder.take_array(file, ndim=ndim, mask=True)

    def _begin(self, facts: dict) -> None:
        model = {**self.run.worker.modelFacts, "requested": self.case.model, "requestedDevice": self.case.device}
        self.review = startedReview(self.case, facts, model)
        if isinstance(self.case.transform, str):
            self.review.provenance["transformFile"] = self.case.transform
        for warning in facts.get("warnings") or ():
            self._note(str(warning))
        self._warnOfPatients()
        if self.reviewNode is not None:
            known = MRMLReview.load(self.reviewNode)
            known.model, known.settings = self.review.model, self.review.settings
            self.review = known
            self._makeWriter(MRMLReview.reference(self.reviewNode, "segmentation"), isInto(self.reviewNode))

    def _warnOfPatients(self) -> None:
        """Patient IDs that differ are kept with the result, in words and as they are."""
        warning = patientWarning(self.case.priorVolume, self.case.followup)
        if warning is not None:
            self.review.provenance["patientIds"] = list(differingIds(self.case.priorVolume, self.case.followup))
            self._note(warning)

    def _note(self, warning: str) -> None:
        self.warnings.append(warning)
        self.run.tell("onWarning", warning)

    def _anchors(self):
        """Generator: the accepted and edited slices, exported; edits that nobody noted yet are noted first."""
        if self.reviewNode is None:
            return None
        told = {}
        matrix = volumeOf(self.case.followup)[1]
        for structure in self.review.structures:
            self.checkNodes()
            mask = self.writer.currentMask(structure.name)
            markEdited(structure, mask, self.review.sliceAxis, matrix)
            yield None
            indices = structure.anchors()
            if indices:
                masks = np.stack([np.take(mask, index, axis=self.review.sliceAxis) for index in indices]).astype(np.uint8)
                name = yield from exportArray(self.run.worker.folder, masks, "anchors")
                told[structure.name] = {"indices": indices, "masks": name}
        return told or None

    def _drawLive(self, reply):
        """Generator: write slices as they come, until the request has ended. A node that is removed ends it; where the
        worker failed as well, its own sentence is the one that is told."""
        try:
            while self._pending or not reply.ready:
                if self._pending:
                    self._drawPending()
                    yield None
                else:
                    self.checkNodes()
                    yield reply
        except InputError:
            if self.run.worker.running and not reply.ready:
                self.run.worker.client.cancel()
            while not reply.ready:
                yield reply
            if reply.message["event"] not in ("died", "error"):
                raise

    def _receive(self, message: dict) -> None:
        """A message of the worker, on the way; nothing is done here that takes time."""
        event = message["event"]
        if event == "slice":
            self._pending.append((str(message["structure"]), int(message["index"]), message["file"]))
            self.expect(message["file"])
        elif event == "warning":
            self._note(str(message.get("message", "")))
        elif event == "progress":
            self.run.tellProgress(self.case.name, message)

    def _drawPending(self) -> None:
        """Write the slices that wait, as far as they are of one structure, and a few at most."""
        name, masks = self._pending[0][0], {}
        while self._pending and self._pending[0][0] == name and len(masks) < SLICES_A_STEP:
            _name, index, file = self._pending.popleft()
            masks[index] = self.take(file, 2)
        self.live.setdefault(name, set()).update(masks)
        if self._into is not None or self.writer is not None and self.writer.honouring:
            return
        self._makeNodes()
        self.writer.write(name, masks, surfaces=False)
        self.hasDrawn = True
        for index in masks:
            self.run.tell("onSlice", self.case.name, name, index)
        if time.monotonic() - self._savedAt > SAVE_SECONDS:
            self._save()

    def _makeNodes(self) -> None:
        """Make what is not there yet: the segmentation and the review."""
        self.checkNodes()
        if self.writer is None:
            node = makeSegments(self.run.scene, self.case, self.review, self._into, self._action)
            self._madeNodes = True
            self._makeWriter(node, self._into is not None)
            self.reviewNode = makeReview(self.run.scene, self.case, self.review, node, self._into)

    def _makeWriter(self, segmentationNode, honouring: bool) -> None:
        if segmentationNode is None:
            raise InputError(_("The result segmentation of '{visit}' is not in the scene any more; propagate the visit anew.").format(visit=self.case.name))
        editor = editorOf(self.run.scene)
        self.writer = ResultWriter(self.case.followup, segmentationNode, self.review, self._action, editor, honouring)

    def _keepPart(self, reason: str) -> None:
        """What was drawn stays, marked incomplete; where nothing was, the scene is as it was."""
        if not self.hasDrawn:
            self._removeMade()
        if not self.hasDrawn or not isInScene(self.writer.segmentationNode) or not isInScene(self.reviewNode):
            return
        self.review.complete = False
        reason = _("The run was cancelled.") if self.run.cancelling else reason
        self.review.warnings = list(dict.fromkeys([*self.review.warnings, *self.warnings, reason]))
        self._conclude()

    def _removeMade(self) -> None:
        """Take back nodes and segments that were made for a visit of which nothing was drawn."""
        if not self._madeNodes:
            return
        node = self.writer.segmentationNode
        if isInScene(node) and self._into is None:
            self.run.scene.RemoveNode(node)
        elif isInScene(node):
            for structure in self.review.structures:
                node.GetSegmentation().RemoveSegment(structure.segmentId)
        if isInScene(self.reviewNode):
            MRMLReview.removeOurs(self.reviewNode)
        self.reviewNode = None

    def _conclude(self) -> None:
        if isInScene(self.case.followup):
            refreshTables(self.run.scene, self.reviewNode, self.review)
        for name in self.review.names:
            self.writer.settleStatus(name)
        self._save()
        self.run.tell("onVisit", self.reviewNode)

    def _save(self) -> None:
        self._savedAt = time.monotonic()
        MRMLReview.save(self.run.scene, self.reviewNode, self.review)

    def _discardFiles(self) -> None:
        for file in self._leftFiles:
            if self.run.worker.folder is not None:
                self.run.worker.folder.discard(file)
        self._leftFiles.clear()
