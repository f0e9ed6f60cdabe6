"""What a person is asked before their own work is replaced or signed, and told when it changed. Text only."""

from __future__ import annotations

from slicer.i18n import tr as _

from .RowText import moment
from .SliceReview import ACCEPTED, EDITED, FLAGGED, NOT_REVIEWED


def whoseWork(one, structure: str) -> str:
    """Of a slice that was accepted or drawn by hand."""
    who = one.reviewer or _("a reviewer who gave no name")
    if one.status == ACCEPTED:
        text = _("Slice {index} of '{structure}' was accepted by {who}, {time}.")
    else:
        text = _("Slice {index} of '{structure}' was edited by hand.")
    return text.format(index=one.index, structure=structure, who=who, time=moment(one.time))


def acceptQuestion(review, reviewer: str) -> str:
    """Before all the rest of a visit is accepted: how many slices that are, and how many of them have a reason to be looked at."""
    slices = [one for structure in review.structures for one in structure.slices.values()]
    counts = {status: sum(one.status == status for one in slices) for status in (NOT_REVIEWED, EDITED, FLAGGED)}
    doubtful = sum(bool(one.flags) for one in slices if one.status == NOT_REVIEWED)
    text = _("{who} accepts {count} slices of {visit} that nobody has looked at yet and {edited} edited ones. "
             "{doubtful} of those not looked at have a reason to look. {flagged} flagged by a person stay flagged. Accept?")  # fmt: skip
    return text.format(who=reviewer, count=counts[NOT_REVIEWED], visit=review.name, edited=counts[EDITED], doubtful=doubtful, flagged=counts[FLAGGED])


def changedByHand(found: dict) -> str:
    """Which slices were changed outside the panel, so that none is lost sight of: visit -> structure -> slices."""
    parts = [
        _("{structure} of {visit}: slice {slices}").format(structure=structure, visit=visit, slices=", ".join(map(str, slices)))
        for visit, structures in found.items()
        for structure, slices in structures.items()
    ]
    return _("Changed by hand, and to be accepted (again): {list}.").format(list="; ".join(parts))
