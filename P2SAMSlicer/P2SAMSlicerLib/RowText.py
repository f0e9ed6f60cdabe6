"""How a slice of the review reads: the cells of the table, and the sentences for the chosen one. Text only."""

from __future__ import annotations

from slicer.i18n import tr as _

from .SliceReview import ACCEPTED, EDITED, FLAGGED, NOT_REVIEWED

NOTHING = "–"


def statusText(status: str) -> str:
    words = {NOT_REVIEWED: _("Not reviewed"), ACCEPTED: _("Accepted"), EDITED: _("Edited"), FLAGGED: _("Flagged")}
    return words[status]


def titles() -> tuple:
    """Of the table's columns."""
    return (_("Visit"), _("Structure"), _("Slice"), _("Reasons"), _("Distance"), _("Area"), _("Parts"), _("Status"))


def titleTips() -> tuple:
    return (
        _("The follow-up"),
        _("The structure"),
        _("Slice number of the follow-up, counted from 0 as in the Volumes module"),
        _("Why the method says that this slice needs a look"),
        _("Distribution distance to the prior, where 1 is usual within the prior"),
        _("Area of the contour against that of the aligned prior on the same slice"),
        _("How many positive / negative parts the chosen candidate was drawn from"),
        _("What a person made of the slice"),
    )


def cells(row) -> tuple:
    """The texts of one row of the table, in the order of `titles`."""
    one = row.slice
    return (
        row.visit,
        row.structure,
        str(one.index),
        ", ".join(one.flagCodes) or NOTHING,
        distanceText(row),
        areaText(one),
        partsText(one),
        statusText(one.status),
    )


def percent(value: float) -> str:
    """With its sign, and without one where it is rounded to nothing."""
    text = f"{value:+.0f} %"
    return "0 %" if text[1:] == "0 %" else text.replace("-", "−")


def distanceText(row) -> str:
    if row.slice.distance is None:
        return NOTHING
    isRelative = row.relative != row.slice.distance
    return _("{factor} ×").format(factor=f"{row.relative:.2f}") if isRelative else f"{row.slice.distance:.3g}"


def areaText(one) -> str:
    """The change against the prior in per cent; "new" and "lost" where one of the two is empty."""
    if not one.priorAreaMm2:
        return _("new") if one.areaMm2 else NOTHING
    if not one.areaMm2:
        return _("lost")
    return percent(100 * (one.areaMm2 / one.priorAreaMm2 - 1))


def partsText(one) -> str:
    if one.kind != "parts":
        return _("prior") if "prior" in one.kind else NOTHING
    return f"{one.nPositive} / {one.nNegative}"


def headline(row, priorIndex: int | None) -> str:
    """Where one is: structure, slice, position, and the prior's slice beside it."""
    one = row.slice
    place = _("at {mm} mm").format(mm=f"{one.positionMm:.1f}".replace("-", "−")) if one.positionMm is not None else ""
    beside = _("prior slice {index}").format(index=priorIndex) if priorIndex is not None else _("the prior does not reach this slice")
    return _("{structure}, slice {index} {place}, {beside}").format(structure=row.structure, index=one.index, place=place, beside=beside)


def details(row) -> list:
    """What is known of a slice, a sentence each: reasons first, then the choice, then who looked."""
    one = row.slice
    lines = [reason for _code, reason in one.flags]
    lines.append(_choice(row))
    if one.status != NOT_REVIEWED:
        lines.append(_looked(one))
    return lines


def _choice(row) -> str:
    one = row.slice
    areas = _("{area} cm², aligned prior {prior} cm²").format(area=f"{one.areaMm2 / 100:.1f}", prior=f"{one.priorAreaMm2 / 100:.1f}")
    if one.kind == "parts":
        how = _("Drawn from {positive} positive and {negative} negative parts, best of {count} candidates")
        how = how.format(positive=one.nPositive, negative=one.nNegative, count=len(one.candidates))
    elif "prior" in one.kind:
        how = _("The {kind} was kept: no drawn candidate lay clearly nearer").format(kind=one.kind)
    else:
        how = one.kind.capitalize() or _("Nothing was drawn")
    if one.distance is None:
        return _("{how}; {areas}.").format(how=how, areas=areas)
    return _("{how}; distance {distance}; {areas}.").format(how=how, distance=f"{one.distance:.3g}", areas=areas)


def _looked(one) -> str:
    who = one.reviewer or _("a reviewer who gave no name")
    text = _("{status} by {who}, {time}.").format(status=statusText(one.status), who=who, time=moment(one.time))
    return f"{text} {_('Note: {note}').format(note=one.note)}" if one.note else text


def moment(time: str) -> str:
    """ISO 8601 as people read it: date and minute."""
    return time[:16].replace("T", " ")
