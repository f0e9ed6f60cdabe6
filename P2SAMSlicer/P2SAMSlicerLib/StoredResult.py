"""What the method said of a visit, as the review keeps it: for a report of the result that was reviewed, and not of another run."""

from __future__ import annotations

from .MRMLPrompts import pointsOfSlice


def storedResult(review, lists: dict, followup) -> dict:
    """`stored` of the worker's verb `export`.

    Parameters
    ----------
    review : VisitReview
    lists : dict
        Structure name -> its point lists, as of `MRMLReview.listsOf`.
    followup : vtkMRMLScalarVolumeNode
    """
    return {
        "complete": review.complete,
        "seconds": review.seconds,
        "alignment": review.alignment,
        "warnings": list(review.warnings),
        "provenance": review.provenance,
        "structures": [
            {
                "name": structure.name,
                "usual_distance": structure.usualDistance,
                "warnings": list(structure.warnings),
                "slices": [_slice(one, _points(one, lists.get(structure.name), followup, review.sliceAxis)) for _index, one in sorted(structure.slices.items())],
            }
            for structure in review.structures
        ],
    }


def _slice(one, points: list) -> dict:
    """As the worker reports a slice, and whether a person drew what is there."""
    return {
        "index": one.index,
        "position_mm": one.positionMm,
        "reference_index": one.referenceIndex,
        "distance": one.distance,
        "area_mm2": one.areaMm2,
        "prior_area_mm2": one.priorAreaMm2,
        "kind": one.kind or None,
        "n_positive": one.nPositive,
        "n_negative": one.nNegative,
        "flags": [{"code": code, "reason": reason} for code, reason in one.flags],
        "candidates": list(one.candidates),
        "chosen": one.chosen,
        "points": points,
        "by_hand": one.isByHand,
    }


def _points(one, lists, followup, sliceAxis: int) -> list:
    """Those that the slice was drawn from: the proposed ones, or, where it was drawn again, those that a person left."""
    if not one.before or lists is None:
        return list(one.points)
    return pointsOfSlice(lists, followup, sliceAxis, one.index)
