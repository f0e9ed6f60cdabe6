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
        _("Distribution distance to the prior, as a multiple of what is usual within the prior (1 ×)"),
        _("Change of the contour's area in per cent, against the aligned prior on the same slice"),
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
    """Of the row's slice, for its cell."""
    return distance(row.slice.distance, _usual(row))


def distance(value: float | None, usual: float | None, digits: int = 2) -> str:
    """A distance as a multiple of what is usual within the prior; as it is where that is not known."""
    if value is None:
        return NOTHING
    return _("{factor} ×").format(factor=f"{value / usual:.{digits}f}") if usual else f"{value:.{digits + 1}g}"


def distanceWords(value: float | None, usual: float | None) -> str:
    """The same with what it is measured by."""
    if value is None:
        return _("no distance")
    text = _("distance {distance} what is usual within the prior") if usual else _("distance {distance} (what is usual within the prior is not known)")
    return text.format(distance=distance(value, usual))


def distanceTip(row) -> str:
    return distanceWords(row.slice.distance, _usual(row))


def _usual(row) -> float | None:
    return row.review.structure(row.structure).usualDistance


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


def usesPoints(one) -> bool:
    """Whether the contour was drawn from the slice's points: where the prior was kept, they are those of a candidate that was not taken."""
    return "prior" not in one.kind


def pointsTitle(structure: str, index: int, one) -> str:
    """What stands over the list of points; `one` is the slice, or None where it is not in the review."""
    if one is None or usesPoints(one) or not one.points:
        return _("{structure}, slice {index}: its points").format(structure=structure, index=index)
    text = _("{structure}, slice {index}: the points of the nearest drawn candidate; they were not used for this contour")
    return text.format(structure=structure, index=index)


def details(row) -> list:
    """What is known of a slice, a sentence each: reasons first, then the choice and its points, then who looked."""
    one = row.slice
    lines = [reason for _code, reason in one.flags]
    lines.append(_choice(row))
    if one.points and not usesPoints(one):
        lines.append(_("The points, shown dim, are those of the nearest drawn candidate; they were not used for this contour."))
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
        how = _kept(row)
    else:
        how = one.kind.capitalize() or _("Nothing was drawn")
    if one.distance is None:
        return _("{how}; {areas}.").format(how=how, areas=areas)
    return _("{how}; {distance}; {areas}.").format(how=how, distance=distanceWords(one.distance, _usual(row)), areas=areas)


def _kept(row) -> str:
    """Why the prior was kept, as `p2sam.retrieval` decides it."""
    one, settings, usual = row.slice, row.review.settings, _usual(row)
    drawn = [candidate.get("distance") for candidate in one.candidates if candidate.get("kind") == "parts"]
    nearest = min((value for value in drawn if value is not None), default=None)
    margin = settings.get("keep_margin") or 0.0
    if settings.get("retrieval") == "none":
        text = _("The {kind} was taken; candidates were not compared")
    elif one.distance is None:
        text = _("The {kind} was kept; the structure is too small here to be compared")
    elif nearest is None:
        text = _("The {kind} was kept; no candidate was drawn that could be compared with it")
    elif nearest >= one.distance:
        text = _("The {kind} was kept; no drawn candidate lay nearer")
    elif nearest > (1 - margin) * one.distance:
        text = _("The {kind} was kept; a drawn candidate was nearer ({nearest} against {kept}), but not by the {margin} % that is required")
    else:
        text = _("The {kind} was kept; a drawn candidate was nearer ({nearest} against {kept})")
    digits = next((number for number in (2, 3) if distance(nearest, usual, number) != distance(one.distance, usual, number)), 4)
    nearest, kept = distance(nearest, usual, digits), distance(one.distance, usual, digits)
    return text.format(kind=one.kind, nearest=nearest, kept=kept, margin=f"{100 * margin:.0f}")


def _looked(one) -> str:
    who = one.reviewer or _("a reviewer who gave no name")
    text = _("{status} by {who}, {time}.").format(status=statusText(one.status), who=who, time=moment(one.time))
    return f"{text} {_('Note: {note}').format(note=one.note)}" if one.note else text


def moment(time: str) -> str:
    """ISO 8601 as people read it: date and minute."""
    return time[:16].replace("T", " ")
