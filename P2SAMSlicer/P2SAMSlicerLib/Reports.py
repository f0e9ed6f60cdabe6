"""What leaves the scene: the result folder of a visit as the command line writes it, and measures against a reference."""

from __future__ import annotations

import numpy as np
from p2sam.errors import InputError
from slicer.i18n import tr as _

from . import MRMLReview
from .Cases import openedCase
from .Exports import exportArray
from .MRMLSegmentExport import OneLabel, storedSegment
from .MRMLVolumes import volumeOf
from .ReviewJson import finite
from .StoredResult import storedResult
from .Task import Task


class ReportExport(Task):
    """Writes segmentation, points, tables and report of a visit into a folder; the result says where.

    Parameters
    ----------
    access : VisitAccess
    reviewNode : vtkMRMLTextNode
    folder : str
        Absolute path.
    overwrite : bool
        An earlier result of ours may be replaced; files of others never are.
    reference : vtkMRMLSegmentationNode or None
        What the user holds to be right; the folder then has the comparison with it.
    pairs : dict of str to str
        Structure name -> segment id in the reference.
    """

    eager = True

    def __init__(self, worker, access, reviewNode, folder: str, overwrite: bool = False, reference=None, pairs=None, onFinished=None):
        super().__init__(worker, onFinished)
        self.reviewNode = reviewNode
        self._access = access
        self._folder = folder
        self._overwrite = overwrite
        self._reference = reference
        self._pairs = dict(pairs or {}) if reference is not None else {}

    def _steps(self):
        self._access.noteEdits(self.reviewNode)
        case = self._access.case(self.reviewNode)
        facts = yield from openedCase(self, case)
        masks = {}
        for name in self._access.review(self.reviewNode).names:
            mask = self._access.writer(self.reviewNode).currentMask(name)
            yield None
            masks[name] = yield from _exported(self.worker.folder, mask)
            yield None
        reference = yield from _reference(self.worker.folder, self._reference, self._pairs, case.followup)
        review = self._access.review(self.reviewNode)
        stored = finite(storedResult(review, MRMLReview.listsOf(self.reviewNode), case.followup))
        return (
            yield from self.ask(
                "export", case=facts["id"], folder=self._folder, overwrite=self._overwrite, stored=stored,
                review=finite(_withoutProposals(review)), masks=masks, reference=reference,
            )
        )  # fmt: skip


class Evaluation(Task):
    """Measures structures of a visit against segments that the user holds to be right; the result is a row a structure.

    Parameters
    ----------
    reference : vtkMRMLSegmentationNode
    pairs : dict of str to str
        Structure name -> segment id in the reference.
    """

    eager = True

    def __init__(self, worker, access, reviewNode, reference, pairs: dict, onFinished=None):
        super().__init__(worker, onFinished)
        self.reviewNode = reviewNode
        self._access = access
        self._reference = reference
        self._pairs = dict(pairs)

    def _steps(self):
        writer = self._access.writer(self.reviewNode)
        _array, matrix = volumeOf(writer.followup)
        result = {}
        self.worker.ensure()
        truth = yield from _reference(self.worker.folder, self._reference, self._pairs, writer.followup)
        for name in truth:
            result[name] = yield from _exported(self.worker.folder, writer.currentMask(name))
            yield None
        told = yield from self.ask("evaluate", truth=truth, result=result, ijk_to_ras=np.asarray(matrix).tolist())
        return told["rows"]


def _reference(folder, reference, pairs: dict, followup):
    """Generator: a file for each segment of `pairs` (structure name -> segment id), as the worker reads it."""
    files = {}
    for name, segmentId in pairs.items():
        if reference.GetSegmentation().GetSegment(segmentId) is None:
            text = _("There is no segment '{id}' in '{node}'; choose the reference of '{structure}' again.")
            raise InputError(text.format(id=segmentId, node=reference.GetName(), structure=name))
        found = storedSegment(reference, followup, segmentId)
        yield None
        file = yield from exportArray(folder, found["voxels"], "mask")
        files[name] = {"mask": file, "ijk_to_ras": found["ijkToRas"].tolist()}
    return files


def _exported(folder, mask: np.ndarray):
    """Write a mask (K, J, I) bool; the name of its file."""
    return (yield from exportArray(folder, OneLabel(mask, True), "mask"))


def useAsPrior(access, reviewNode) -> tuple:
    """(volume, segmentation) of a visit that is accepted, as the prior of the next one.

    Raises
    ------
    InputError
        Slices are flagged, or nobody has looked at them.
    """
    access.checkUnused(reviewNode)
    access.noteEdits(reviewNode)
    review = access.review(reviewNode)
    if not review.complete:
        raise InputError(_("'{visit}' was not drawn to its end; propagate it again before it becomes a prior.").format(visit=reviewNode.GetName()))
    counts = review.counts()
    for status, text in (
        ("flagged", _("{count} slices of '{visit}' are flagged; correct them, or clear their flags, before the visit becomes a prior.")),
        ("not reviewed", _("{count} slices of '{visit}' were not looked at; accept the visit before it becomes a prior.")),
    ):
        if counts[status]:
            raise InputError(text.format(count=counts[status], visit=reviewNode.GetName()))
    return MRMLReview.reference(reviewNode, "followup"), MRMLReview.reference(reviewNode, "segmentation")


def _withoutProposals(review) -> dict:
    """The review as a person reads it: who settled what, when, and why; no voxels."""
    slices = [
        {"structure": structure.name, "slice": index, "status": one.status, "reviewer": one.reviewer, "time": one.time, "note": one.note, "edited": one.isEdited}
        for structure in review.structures
        for index, one in sorted(structure.slices.items())
    ]
    return {"counts": review.counts(), "warnings": list(review.warnings), "slices": slices}
