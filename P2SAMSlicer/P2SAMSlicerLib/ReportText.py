"""How the figures of a structure read in the Report panel. Text only."""

from __future__ import annotations

import re

from slicer.i18n import tr as _

from . import RowText
from .RowText import NOTHING, moment

WIDTHS = (70, 70, 48, 54, 68, 62, 76)


def titles() -> tuple:
    return (_("Visit"), _("Structure"), _("Volume\n(ml)"), _("Change"), _("Shift to\naligned\nprior (mm)"), _("Reviewed"), _("Status"))


def tips() -> tuple:
    return (
        _("The follow-up"),
        _("The structure"),
        _("Volume of the result in millilitres"),
        _("Of the volume, in per cent of the prior's volume on its own scan; none where a scan cuts the structure or the run was stopped"),
        _("From the centroid of the prior, brought onto the follow-up by the alignment, to that of the result. What the alignment took up is not in it: it is not the shift in the patient."),
        _("Slices that somebody accepted, edited or flagged, of all"),
        _("As the Segment Editor shows it"),
    )


def cells(row: dict) -> tuple:
    """The texts of one row of `ReviewRows.reportRows`."""
    statuses = {"NotStarted": _("Not started"), "InProgress": _("In progress"), "Completed": _("Completed"), "Flagged": _("Flagged")}
    return (
        row["visit"],
        row["structure"],
        f"{row['volumeMl']:.1f}",
        percent(row["changePercent"]),
        number(row["centroidShiftMm"], "{:.1f}"),
        f"{row['slices'] - row['notReviewed']} / {row['slices']}",
        statuses[row["status"]],
    )


def details(row: dict) -> list:
    """Sentences on a structure of a visit."""
    counts = _("Slices of {structure}: {accepted} accepted, {edited} edited, {flagged} flagged, {open} not reviewed; the method gave reasons to look at {reasons}.")
    lines = [
        counts.format(
            structure=row["structure"], accepted=row["accepted"], edited=row["edited"], flagged=row["flagged"], open=row["notReviewed"], reasons=row["flaggedByMethod"]
        )
    ]
    lines.append(_("Volume {now} ml, prior {prior} ml.").format(now=f"{row['volumeMl']:.2f}", prior=f"{row['priorVolumeMl']:.2f}"))
    if row["isPart"]:
        lines.append(_("A scan cuts the structure, so that no change of its volume is given."))
    if row["time"]:
        lines.append(_("Reviewed by {reviewer}, last on {time}.").format(reviewer=row["reviewer"] or _("a reviewer who gave no name"), time=moment(row["time"])))
    if not row["complete"]:
        lines.append(_("Incomplete: the run was stopped before the end."))
    if row["warnings"]:
        lines.append(row["warnings"])
    return lines


def percent(value) -> str:
    return NOTHING if value is None else RowText.percent(value)


def number(value, form: str = "{:.1f}") -> str:
    return NOTHING if value is None else form.format(value)


def folderName(visit: str) -> str:
    """A visit's name as the name of a folder on every system."""
    return re.sub(r'[<>:"/\\|?*\x00-\x1f]+', "_", visit).strip(" .") or "visit"
