"""The result of a run met with what is known of the visit already: what was drawn anew, and what a person settled."""

from __future__ import annotations

import numpy as np

from .Review import StructureReview, VisitReview
from .SliceReview import FLAGGED


def startedReview(case, facts: dict, model: dict) -> VisitReview:
    """The review of a visit of which nothing has been drawn yet."""
    return VisitReview(
        name=case.name,
        complete=False,
        alignment=dict(facts.get("alignment") or {}),
        settings=case.settings.to_dict(),
        model=model,
        sliceAxis=int(facts["slice_axis"]),
        structures=[StructureReview(name) for name in facts["structures"]],
    )


def drawnSlices(structure: dict, mask: np.ndarray, known, sliceAxis: int, complete: bool, live, slices) -> list:
    """Which slices of a structure the run decided, and must be written.

    Parameters
    ----------
    structure : dict
        As the worker reports it.
    mask : (K, J, I) bool
        Its result.
    known : iterable of int
        Slices in the review.
    live : iterable of int
        Slices that were told of while the run went on.
    slices : (first, last) or None
        What the run was limited to.
    """
    others = tuple(axis for axis in range(3) if axis != sliceAxis)
    found = set(np.flatnonzero(mask.any(axis=others)).tolist()) | set(live)
    if complete:
        found |= {int(one["index"]) for one in structure["slices"]} | set(known)
    first, last = slices or (0, mask.shape[sliceAxis] - 1)
    return sorted(index for index in found if first <= index <= last and index < mask.shape[sliceAxis])


def merged(known: VisitReview, new: VisitReview, replaced: dict, filled: dict) -> VisitReview:
    """The review after a run: `new`, with what must be kept of `known`.

    Parameters
    ----------
    replaced : dict of str to set of int
        Structure name -> slices that the run decided.
    filled : dict of str to set of int
        Structure name -> slices on which something is drawn now.
    """
    for structure in new.structures:
        before = known.structure(structure.name)
        structure.segmentId, structure.priorSegmentId = before.segmentId, before.priorSegmentId
        decided, slices = replaced.get(structure.name, set()), {}
        for index in sorted(set(before.slices) | set(structure.slices)):
            one = _mergedSlice(before.slices.get(index), structure.slices.get(index), index in decided)
            if one is not None and (index in structure.slices or index not in decided or one.isSettled or index in filled.get(structure.name, ())):
                slices[index] = one
        structure.slices = slices
    new.structures += [structure for structure in known.structures if structure.name not in new.names]
    return new


def _mergedSlice(before, after, decided: bool):
    """One slice: what a person settled stays; what was not reached stays as it was, or is absent."""
    if not decided or before is not None and before.isSettled:
        return before
    if after is None:
        return before
    if before is not None:
        after.proposedCrc, after.seenCrc, after.proposed = before.proposedCrc, before.seenCrc, before.proposed
        if before.status == FLAGGED:
            after.settle(FLAGGED, before.reviewer, before.note, before.time)
    return after
