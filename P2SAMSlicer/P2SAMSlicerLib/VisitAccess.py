"""A visit of the scene, opened for a change: its review, the case it was made of, and the writer of its segmentation."""

from __future__ import annotations

import numpy as np
from p2sam.errors import InputError
from p2sam.settings import Settings
from slicer.i18n import tr as _

from . import MRMLReview
from .Cases import Case
from .EditedSlices import markEdited, measure
from .MRMLUserAction import UserAction
from .MRMLVolumes import volumeOf
from .ResultWriter import ResultWriter
from .VisitNodes import TRANSFORM, editorOf, isInto, needed, refreshTables


class VisitAccess:
    """Opens visits.

    Parameters
    ----------
    scene : vtkMRMLScene
    undo : callable(segmentationNode) or None
    current : callable() -> VisitJob or None
        The visit that is being drawn; its review is in memory and must not be read from the node.
    """

    def __init__(self, scene, undo=None, current=lambda: None):
        self.scene = scene
        self.undo = undo
        self._current = current

    def isDrawing(self, reviewNode) -> bool:
        job = self._current()
        return job is not None and job.reviewNode is reviewNode and job.review is not None

    def review(self, reviewNode):
        """The visit's review; of a visit that is being drawn, the one that the run holds."""
        return self._current().review if self.isDrawing(reviewNode) else MRMLReview.load(reviewNode)

    def writer(self, reviewNode) -> ResultWriter:
        """To change the visit's segmentation as one user action."""
        if self.isDrawing(reviewNode) and self._current().writer is not None:
            return self._current().writer
        followup, segmentation = needed(reviewNode, "followup"), needed(reviewNode, "segmentation")
        review = self.review(reviewNode)
        return ResultWriter(followup, segmentation, review, UserAction(self.undo), editorOf(self.scene), isInto(reviewNode))

    def case(self, reviewNode) -> Case:
        """What the visit was made of, to open it in the worker."""
        review = self.review(reviewNode)
        nodes = {name: needed(reviewNode, name) for name in ("priorVolume", "priorSegmentation", "followup")}
        return Case(
            segmentIds=tuple(structure.priorSegmentId for structure in review.structures),
            settings=Settings.from_dict(review.settings),
            model=review.model.get("requested") or review.model.get("name") or "graph",
            device=review.model.get("requestedDevice") or "auto",
            transform=reviewNode.GetNodeReference(TRANSFORM) or review.provenance.get("transformFile"),
            **nodes,
        )

    def noteEdits(self, reviewNode, reviewer: str = "") -> dict:
        """Give slices that were edited since the status "edited"; structure name -> slices that changed.

        Raises
        ------
        InputError
            The follow-up or the segmentation is gone.
        """
        if self.isDrawing(reviewNode):
            return {}
        writer = self.writer(reviewNode)
        matrix = volumeOf(writer.followup)[1]
        found = {}
        for structure in writer.review.structures:
            if writer.hasSegment(structure.name):
                changed = markEdited(structure, writer.currentMask(structure.name), writer.review.sliceAxis, matrix, reviewer)
                if changed:
                    found[structure.name] = changed
        if found:
            self.save(reviewNode, writer, found)
        return found

    def conclude(self, reviewNode, writer: ResultWriter, name: str) -> None:
        """After a slice was written: measures, status, tables, and the review saved."""
        measure(writer.review.structure(name), writer.currentMask(name), volumeOf(writer.followup)[1])
        self.save(reviewNode, writer, [name], chart=True)

    def save(self, reviewNode, writer: ResultWriter, names, chart: bool = False) -> None:
        """Keep the review, show the structures' statuses, renew the tables."""
        for name in names:
            writer.settleStatus(name)
        MRMLReview.save(self.scene, reviewNode, writer.review)
        refreshTables(self.scene, reviewNode, writer.review, chart)

    def settle(self, reviewNode, structure: str, index: int, status: str, reviewer: str = "", note: str = "") -> None:
        """Give one slice a status, for the mask it has now."""
        writer = self.writer(reviewNode)
        writer.see(structure, index)
        writer.review.setStatus(structure, index, status, reviewer, note)
        self.save(reviewNode, writer, [structure])

    def acceptAll(self, reviewNode, reviewer: str = "", note: str = "") -> list:
        """Accept every slice of the visit but those a person flagged; these are returned as (structure, index)."""
        if self.isDrawing(reviewNode):
            raise InputError(_("'{visit}' is being drawn; wait for its end, or cancel it, and accept it then.").format(visit=reviewNode.GetName()))
        self.noteEdits(reviewNode, reviewer)
        writer = self.writer(reviewNode)
        left = writer.review.acceptAll(reviewer, note)
        self.save(reviewNode, writer, writer.review.names)
        return left

    def checkUnused(self, reviewNode) -> None:
        """Raise `InputError` where the visit is being drawn just now."""
        if self.isDrawing(reviewNode):
            raise InputError(_("'{visit}' is being drawn; wait for its end, or cancel it first.").format(visit=reviewNode.GetName()))

    def masks(self, reviewNode) -> dict:
        """Structure name -> (K, J, I) bool as it is in the scene now."""
        writer = self.writer(reviewNode)
        return {name: np.asarray(writer.currentMask(name), dtype=bool) for name in writer.review.names}
