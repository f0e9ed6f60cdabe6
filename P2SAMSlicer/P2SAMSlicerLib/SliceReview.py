"""The review of one slice: what the method says of it, and what a person made of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime

from p2sam.errors import InputError
from slicer.i18n import tr as _

from .ReviewJson import finite

NOT_REVIEWED, ACCEPTED, EDITED, FLAGGED = STATUSES = ("not reviewed", "accepted", "edited", "flagged")
ANCHORING = (ACCEPTED, EDITED)
"""Slices with these statuses are the nearest priors of the next run; see `isSettled` for what it keeps."""

DRAWN_BY_HAND = "drawn by hand"
"""`kind` of a slice that only a person drew on."""


@dataclass
class SliceReview:
    """One slice of one structure.

    Attributes
    ----------
    index, referenceIndex : int
        Along the follow-up's and the prior's own slice axis, as Slicer's IJK counts; None where there is no pair.
    distance : float or None
        Distribution distance of the chosen candidate; None where nothing was compared.
    kind, nPositive, nNegative
        Of the chosen candidate; `kind` is empty where every candidate was.
    flags : list of (code, reason)
    candidates : list of dict
        As the worker reports them: kind, n_positive, n_negative, distance, area_mm2.
    status, reviewer, time, note
        `time` is ISO 8601 with the offset from UTC; empty where nobody looked yet.
    proposedCrc : int or None
        `Proposals.checksum` of the mask as the method drew it; None where it is not known.
    seenCrc : int or None
        The same of the mask when the status was last settled. What differs from it has been edited since.
    proposed : str
        `Proposals.pack` of that mask, to take the slice back to it; may be empty.
    redrawnCrc : int or None
        The same of the mask when it was last drawn from points that a person left; None where it was not.
    points : list of dict
        The prompts as the worker reported them (label, part, similarity, ras), to take the slice's points back to them.
    before : dict
        What the method said of the slice until it was drawn again from moved points, by attribute; empty where it was not.
    """

    index: int
    positionMm: float | None = None
    referenceIndex: int | None = None
    distance: float | None = None
    areaMm2: float = 0.0
    priorAreaMm2: float = 0.0
    nPositive: int | None = None
    nNegative: int | None = None
    kind: str = ""
    flags: list = field(default_factory=list)
    candidates: list = field(default_factory=list)
    chosen: int | None = None
    status: str = NOT_REVIEWED
    reviewer: str = ""
    time: str = ""
    note: str = ""
    proposedCrc: int | None = None
    seenCrc: int | None = None
    proposed: str = ""
    redrawnCrc: int | None = None
    points: list = field(default_factory=list)
    before: dict = field(default_factory=dict)

    def __post_init__(self):
        self.flags = [(str(flag[0]), str(flag[1])) for flag in self.flags]
        if self.status not in STATUSES:
            message = _("The status of a slice is '{status}'; known are: {known}.")
            raise InputError(message.format(status=self.status, known=", ".join(STATUSES)))

    @property
    def flagCodes(self) -> list:
        return [code for code, _reason in self.flags]

    @property
    def reasons(self) -> str:
        """Every reason to look at the slice, one sentence after the other."""
        return " ".join(reason for _code, reason in self.flags)

    @property
    def isEdited(self) -> bool:
        """Whether the mask differs from what the method drew, whatever the status says."""
        return self.proposedCrc is not None and self.seenCrc is not None and self.seenCrc != self.proposedCrc

    @property
    def isByHand(self) -> bool:
        """Whether a person drew what is there, rather than the method from a person's points."""
        return self.isEdited and self.seenCrc != self.redrawnCrc

    @property
    def isSettled(self) -> bool:
        """Whether a run must leave the slice as it is: a person accepted it, or changed what is on it, whatever the status says."""
        return self.status in ANCHORING or self.isEdited

    def settle(self, status: str, reviewer: str = "", note: str = "", time: str | None = None) -> None:
        """Give the slice a status; "not reviewed" forgets who looked and when."""
        if status not in STATUSES:
            raise InputError(_("'{status}' is no status of a slice; choose one of: {known}.").format(status=status, known=", ".join(STATUSES)))
        looked = status != NOT_REVIEWED
        self.status = status
        self.reviewer = reviewer if looked else ""
        self.note = note if looked else ""
        self.time = (time or now()) if looked else ""

    @classmethod
    def fromResult(cls, result: dict) -> SliceReview:
        """Of a slice as the worker reports it (`SLICE` of the protocol); nobody has looked at it yet."""
        return cls(
            index=int(result["index"]),
            positionMm=number(result.get("position_mm")),
            referenceIndex=result.get("reference_index"),
            distance=number(result.get("distance")),
            areaMm2=number(result.get("area_mm2")) or 0.0,
            priorAreaMm2=number(result.get("prior_area_mm2")) or 0.0,
            nPositive=result.get("n_positive"),
            nNegative=result.get("n_negative"),
            kind=result.get("kind") or "",
            flags=[(flag["code"], flag["reason"]) for flag in result.get("flags") or ()],
            candidates=finite(list(result.get("candidates") or ())),
            chosen=result.get("chosen"),
            points=[dict(point) for point in result.get("points") or ()],
        )


def now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def number(value) -> float | None:
    """As a float; None for what is absent or not finite."""
    return float(value) if value is not None and math.isfinite(value) else None
