"""Rows of the review table, the worst slice first, and rows of the report, one a structure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from .SliceReview import ACCEPTED, EDITED, FLAGGED, NOT_REVIEWED, SliceReview

SEVERITY = (
    "empty", "beyond the prior's scan", "area jump", "centroid jump", "far", "prompt outside body", "not compared", "speck removed", "extent end",
)  # fmt: skip
"""Codes of `p2sam.flags`, the most alarming first; codes that are not known come after them."""

NOT_STARTED, IN_PROGRESS, COMPLETED, MARKED = "NotStarted", "InProgress", "Completed", "Flagged"
"""Slicer's own words for the status of a segment."""


@dataclass(frozen=True)
class Row:
    """One slice of one structure of one visit.

    Attributes
    ----------
    visit, structure : str
    slice : SliceReview
    relative : float or None
        Its distance, where 1 is usual within the prior.
    review : VisitReview
    """

    visit: str
    structure: str
    slice: SliceReview
    relative: float | None
    review: object

    @property
    def key(self) -> tuple:
        """(visit, structure, slice index), to find the row again after a run."""
        return self.visit, self.structure, self.slice.index


def rowsOf(reviews) -> list:
    """Every slice of every structure, visit by visit, in the order of the slices."""
    return [
        Row(review.name, structure.name, structure.slices[index], structure.relative(structure.slices[index]), review)
        for review in reviews
        for structure in review.structures
        for index in sorted(structure.slices)
    ]


def worstFirst(reviews) -> list:
    """Rows by need: what the method flagged first, the most alarming reason first and more reasons before fewer; then by distance;
    slices on which neither the prior nor the result has anything come last.

    Whether somebody has looked at a slice does not move it, so that the table keeps still while one works through it.
    """
    return sorted(rowsOf(reviews), key=_need)


def structureStatus(structure, complete: bool = True) -> str:
    """The status of the whole structure in Slicer's words: NotStarted, InProgress, Completed or Flagged.

    Completed is a structure of a run that came to its end, and of which every slice was accepted; edited is not accepted yet.
    """
    statuses = [one.status for one in structure.slices.values()]
    if FLAGGED in statuses:
        return MARKED
    if not statuses or all(status == NOT_REVIEWED for status in statuses):
        return NOT_STARTED
    return COMPLETED if complete and all(status == ACCEPTED for status in statuses) else IN_PROGRESS


def reportRows(review) -> list:
    """One dictionary a structure: volume, change, centroid shift, flags, statuses, who looked last and when.

    What cannot be computed, or compared, is None: of a run that was stopped, and of a structure that a scan cuts.
    `worstSlice` is the slice at the top of the review table; `complete` is False for a run that was stopped.
    """
    return [_reportRow(review, structure) for structure in review.structures]


def _reportRow(review, structure) -> dict:
    slices = list(structure.slices.values())
    rows = [row for row in worstFirst([review]) if row.structure == structure.name]
    looked = max((one for one in slices if one.time), key=lambda one: _moment(one.time), default=None)
    counts = {status: sum(one.status == status for one in slices) for status in (ACCEPTED, EDITED, FLAGGED, NOT_REVIEWED)}
    reviewers = list(dict.fromkeys(one.reviewer for one in sorted(slices, key=lambda one: one.index) if one.reviewer))
    return {
        "visit": review.name,
        "structure": structure.name,
        "volumeMl": structure.volumeMl,
        "priorVolumeMl": structure.priorVolumeMl,
        "changePercent": structure.changePercent if review.complete else None,
        "centroidShiftMm": structure.centroidShiftMm if review.complete else None,
        "isPart": structure.isPart,
        "slices": len(slices),
        "flaggedByMethod": sum(bool(one.flags) for one in slices),
        "accepted": counts[ACCEPTED],
        "edited": counts[EDITED],
        "flagged": counts[FLAGGED],
        "notReviewed": counts[NOT_REVIEWED],
        "changedByHand": sum(one.isEdited for one in slices),
        "worstSlice": rows[0].slice.index if rows else None,
        "worstDistance": rows[0].relative if rows else None,
        "status": structureStatus(structure, review.complete),
        "reviewer": ", ".join(reviewers),
        "time": looked.time if looked else "",
        "complete": review.complete,
        "warnings": " ".join([*review.warnings, *structure.warnings]),
    }


def _moment(time: str) -> tuple:
    """Sorts times of different offsets from UTC; what is no time comes first."""
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return 0, 0.0
    return 1, (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


def _need(row: Row) -> tuple:
    ranks = sorted(SEVERITY.index(code) if code in SEVERITY else len(SEVERITY) for code in row.slice.flagCodes)
    compared = row.relative is not None
    isNothing = not row.slice.areaMm2 and not row.slice.priorAreaMm2
    return not ranks, ranks[:1], not ranks and isNothing, -len(ranks), not compared, -row.relative if compared else 0.0, row.visit, row.structure, row.slice.index
