"""What a person made of a result: which slices were looked at, by whom, when, and what was noted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .result import StructureResult, VisitResult

ACCEPTED, EDITED, FLAGGED, NOT_REVIEWED = STATUSES = ("accepted", "edited", "flagged", "not reviewed")


@dataclass(frozen=True)
class SliceReview:
    """Of one slice of one structure.

    Attributes
    ----------
    status : str
        One of `STATUSES`.
    time : str
        ISO 8601; empty where nobody looked.
    edited : bool
        Whether the contour differs from what the method drew, whatever the status says.
    """

    status: str = NOT_REVIEWED
    reviewer: str = ""
    time: str = ""
    note: str = ""
    edited: bool = False

    @property
    def minute(self) -> str:
        """The time for a person: the date and the time of day, without seconds."""
        return self.time[:16].replace("T", " ")


@dataclass(frozen=True)
class Review:
    """Of a visit. A slice that it does not name was not reviewed.

    Attributes
    ----------
    slices : mapping of (structure name, slice index) to SliceReview
    """

    slices: Mapping[tuple[str, int], SliceReview]

    def of(self, structure: str, index: int) -> SliceReview:
        return self.slices.get((structure, index), SliceReview())

    def counts(self, structure: StructureResult) -> dict[str, int]:
        """Number of its slices of each status."""
        found = [self.of(structure.segment.name, one.index).status for one in structure.slices]
        return {status: found.count(status) for status in STATUSES}

    def segment_status(self, structure: StructureResult, complete: bool) -> str:
        """The status of a structure as Slicer's segments have it: completed is one whose every slice was accepted."""
        counts = self.counts(structure)
        if counts[FLAGGED]:
            return "flagged"
        if complete and structure.slices and counts[ACCEPTED] == len(structure.slices):
            return "completed"
        return "notstarted" if complete and counts[NOT_REVIEWED] == len(structure.slices) else "inprogress"

    def reviewers(self) -> list[str]:
        """Everybody who settled a slice and gave a name, in alphabetical order."""
        return sorted({one.reviewer for one in self.slices.values() if one.reviewer and one.status != NOT_REVIEWED})

    def last(self) -> SliceReview | None:
        """What was settled last."""
        return max((one for one in self.slices.values() if one.time), key=lambda one: one.time, default=None)


def review_of(visit: VisitResult) -> Review | None:
    """The review that a visit carries in its provenance (`review`, a list `slices` of dictionaries); None where there is none."""
    told = visit.provenance.get("review")
    slices = told.get("slices") if isinstance(told, Mapping) else None
    return None if slices is None else Review(dict(_entries(slices)))


def _entries(told: Iterable[Mapping]) -> Iterable[tuple[tuple[str, int], SliceReview]]:
    for one in told:
        status = one.get("status")
        texts = (str(one.get(key) or "") for key in ("reviewer", "time", "note"))
        yield (str(one["structure"]), int(one["slice"])), SliceReview(status if status in STATUSES else NOT_REVIEWED, *texts, bool(one.get("edited")))
