"""One slice drawn again from the points that a person left there."""

from __future__ import annotations

import numpy as np
from p2sam.errors import InputError
from slicer.i18n import tr as _

from . import MRMLReview
from .Cases import openedCase
from .MRMLPrompts import pointsOfSlice, replaceSlice
from .Proposals import unpack
from .SliceReview import EDITED, NOT_REVIEWED, SliceReview
from .Task import Task
from .WorkerClient import WorkerError

FACTS = ("distance", "kind", "nPositive", "nNegative", "candidates", "chosen", "flags")
"""Attributes of a slice that tell of one drawing of it."""
TRIES = 2
"""A case that the worker has closed meanwhile is opened once more."""


class Redraw(Task):
    """Draws a slice of a structure from its points.

    Parameters
    ----------
    access : VisitAccess
        Reads the review, makes the case and the writer of a visit.
    reviewNode : vtkMRMLTextNode
    structure : str
    index : int
        The follow-up's own slice number.
    reviewer : str
        Who moved the points.
    """

    eager = True

    def __init__(self, worker, access, reviewNode, structure: str, index: int, reviewer: str = "", onFinished=None):
        super().__init__(worker, onFinished)
        self.reviewNode = reviewNode
        self.structure = structure
        self.index = index
        self.reviewer = reviewer
        self._access = access

    def _steps(self):
        case = self._access.case(self.reviewNode)
        for attempt in range(TRIES):
            facts = yield from openedCase(self, case)
            points = self._points(case, facts)
            try:
                redrawn = yield from self._redraw(facts, points)
                break
            except WorkerError as error:
                if error.kind != "CaseNotOpen" or attempt == TRIES - 1:
                    raise
                self.worker.cases.pop(facts["id"], None)
        mask = self.worker.folder.take_array(redrawn["mask"], ndim=2, mask=True)
        case.checkNodes()
        self._write(case, mask, redrawn["slice"], points)
        return self.reviewNode

    def _redraw(self, facts: dict, points: list):
        return (
            yield from self.ask(
                "redraw", case=facts["id"], structure=self.structure, index=self.index,
                points_ras=[point["ras"] for point in points], labels=[point["label"] for point in points],
                parts=[point["part"] for point in points],
            )
        )  # fmt: skip

    def _points(self, case, facts: dict) -> list:
        lists = MRMLReview.listsOf(self.reviewNode).get(self.structure)
        if lists is None:
            text = _("The points of '{structure}' were removed from the scene; propagate the visit again to have them back.")
            raise InputError(text.format(structure=self.structure))
        return pointsOfSlice(lists, case.followup, int(facts["slice_axis"]), self.index)

    def _write(self, case, mask: np.ndarray, told: dict, sent: list) -> None:
        """The mask, what the method says of it, and the points, unless a person has moved one meanwhile."""
        writer = self._access.writer(self.reviewNode)
        structure = writer.review.structure(self.structure)
        fresh = SliceReview.fromResult(told)
        writer.correct(self.structure, self.index, mask, EDITED, self.reviewer)
        one = structure.slices[self.index]
        one.redrawnCrc = one.seenCrc
        one.before = one.before or {name: getattr(one, name) for name in FACTS}
        for name in FACTS:
            setattr(one, name, getattr(fresh, name))
        if one.positionMm is None:
            one.positionMm, one.priorAreaMm2, one.referenceIndex = fresh.positionMm, fresh.priorAreaMm2, fresh.referenceIndex
        lists = MRMLReview.listsOf(self.reviewNode).get(self.structure)
        axis = writer.review.sliceAxis
        if lists is not None and _places(pointsOfSlice(lists, case.followup, axis, self.index)) == _places(sent):
            replaceSlice(lists, self.index, told.get("points") or (), case.followup, axis)
        self._access.conclude(self.reviewNode, writer, self.structure)


def resetSlice(access, reviewNode, structure: str, index: int) -> None:
    """Take a slice back to what the method proposed: mask and points. Needs no worker.

    Raises
    ------
    InputError
        Nothing was proposed on this slice, or the visit is being drawn.
    """
    access.checkUnused(reviewNode)
    writer = access.writer(reviewNode)
    one = writer.review.slice(structure, index)
    if one.proposedCrc is None:
        raise InputError(_("Nothing is known of what was proposed on slice {index} of '{structure}'; propagate the visit again.").format(index=index, structure=structure))
    mask = unpack(one.proposed, writer.current(structure, index).shape)
    writer.correct(structure, index, mask, NOT_REVIEWED)
    lists = MRMLReview.listsOf(reviewNode).get(structure)
    if lists is not None:
        replaceSlice(lists, index, one.points, writer.followup, writer.review.sliceAxis)
    for name, value in one.before.items():
        setattr(one, name, [tuple(flag) for flag in value] if name == "flags" else value)
    one.before = {}
    access.conclude(reviewNode, writer, structure)


def _places(points: list) -> list:
    return sorted((point["label"], point["part"], *(round(value, 3) for value in point["ras"])) for point in points)
