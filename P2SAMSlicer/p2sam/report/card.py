"""One slice of the report as a card: a line that says why to look, and behind it the pictures, prompts and candidates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..prompts import PointPrompts
from .figures import Frame, slice_svg
from .html import figure, no_picture, table
from .pixels import Window
from .text import NOTHING, area, escape, number, plain
from ..result import CandidateRecord, SliceResult
from ..review import ACCEPTED, EDITED, FLAGGED, NOT_REVIEWED, SliceReview
from ..files.tables import second_best_distance

LISTED_CANDIDATES = 8
LEFT_OUT = "Picture left out to keep this file small. Open segmentation.seg.nrrd in 3D Slicer to see this slice."


@dataclass(frozen=True)
class StructureView:
    """What the cards of one structure share; arrays are (K, J, I) in the follow-up's canonical frame.

    `prior_hu` is the prior CT on the same grid, or None; `truth` likewise; `slice_axis` is the letter that Slicer writes
    before a position ("S" on axial slices); `slice_number` maps `SliceResult.index` to the first axis of the arrays.
    """

    number: int
    name: str
    frame: Frame
    window: Window
    hu: np.ndarray
    prior_hu: np.ndarray | None
    result: np.ndarray
    prior: np.ndarray
    truth: np.ndarray | None
    slice_axis: str
    side: int
    flipped: bool
    keep_margin: float | None = None
    """By which fraction a drawn candidate must be nearer than the tracked prior; None where nobody recorded it."""

    def slice_number(self, index: int) -> int:
        return len(self.hu) - 1 - index if self.flipped else index

    def card_id(self, result: SliceResult) -> str:
        return f"c{self.number}-{result.index}"


def slice_card(view: StructureView, result: SliceResult, rank: int, opened: bool, pictured: bool, reviewed: SliceReview | None = None) -> str:
    """The card of one slice.

    Parameters
    ----------
    view : StructureView
    result : SliceResult
    rank : int
        Place in the order of the cards, from 1.
    opened, pictured : bool
        Whether the card starts unfolded, and whether it holds pictures.
    reviewed : SliceReview or None
        What a person made of the slice; None where the visit was not reviewed at all.
    """
    classes = f"card s{view.number}" + (" flagged" if wants_a_look(result, reviewed) else "")
    unfolded = ' open="open"' if opened else ""
    pictures = _pictures(view, result) if pictured else no_picture(LEFT_OUT)
    return (
        f'<details class="{classes}" id="{view.card_id(result)}"{unfolded}>'
        f'{_summary(view, result, rank, reviewed)}<div class="body">{pictures}<div class="why">{_reviewed(reviewed)}{_reasons(result)}{_facts(result)}'
        f"{_choice(view, result, reviewed is not None and reviewed.edited)}{candidate_table(result)}</div></div></details>\n"
    )


def wants_a_look(result: SliceResult, reviewed: SliceReview | None) -> bool:
    """Whether the method gives a reason to look, or a person flagged the slice."""
    return bool(result.flags) or reviewed is not None and reviewed.status == FLAGGED


def candidate_table(result: SliceResult) -> str:
    """The candidates, nearest first, the chosen one marked; those without a score are counted."""
    if not result.candidates:
        return '<p class="note">No candidate was drawn on this slice.</p>'
    scored = sorted((n for n, c in enumerate(result.candidates) if c.distance is not None), key=lambda n: result.candidates[n].distance)
    listed = scored[:LISTED_CANDIDATES]
    if result.chosen is not None and result.chosen not in listed:
        listed = [*listed[: LISTED_CANDIDATES - 1], result.chosen]
    rows = [_candidate_row(result.candidates[n], n == result.chosen) for n in listed]
    classes = ["chosen" if n == result.chosen else "" for n in listed]
    columns = [("Candidate", True), ("Distance", False), ("cm²", False)]
    notes = []
    if len(scored) > len(listed):
        notes.append(f"{len(set(scored) - set(listed))} more lie farther away.")
    if len(result.candidates) > len(scored):
        notes.append(f"{len(result.candidates) - len(scored)} without a score (empty mask).")
    note = f'<p class="note">{" ".join(notes)}</p>' if notes else ""
    return (table(columns, rows, classes) if rows else "") + note


def position_text(axis: str, position_mm: float) -> str:
    """As in Slicer's slice view: "S: 12.5mm"."""
    return f"{axis}: {position_mm:.1f} mm".replace("-", "\N{MINUS SIGN}")


def _candidate_row(candidate: CandidateRecord, chosen: bool) -> list[str]:
    what = f"{candidate.n_positive} positive, {candidate.n_negative} negative" if candidate.kind == "parts" else escape(candidate.kind)
    return [what + (" (chosen)" if chosen else ""), number(candidate.distance), f"{candidate.area_mm2 / 100:.2f}"]


def _summary(view: StructureView, result: SliceResult, rank: int, reviewed: SliceReview | None) -> str:
    tags = _status_tag(reviewed) + "".join(f'<span class="tag">{escape(plain(flag.code))}</span>' for flag in result.flags)
    size = area(result.area_mm2) if result.area_mm2 > 0 else "no contour"
    distance = "no score" if result.distance is None else f"distance {number(result.distance)}"
    return (
        f'<summary><span class="rank">{rank}</span><span class="who">{escape(view.name)}, slice {result.index}</span>'
        f'<span class="num">{position_text(view.slice_axis, result.position_mm)}</span><span>{tags}</span>'
        f'<span class="num">{distance}</span><span class="num">{size} (prior {area(result.prior_area_mm2)})</span></summary>'
    )


def _status_tag(reviewed: SliceReview | None) -> str:
    if reviewed is None:
        return ""
    kind = "settled" if reviewed.status in (ACCEPTED, EDITED) else "open" if reviewed.status == NOT_REVIEWED else "rejected"
    by_hand = ", edited" if reviewed.edited and reviewed.status != EDITED else ""
    return f'<span class="tag {kind}">{escape(_said(reviewed) + by_hand)}</span>'


def _said(reviewed: SliceReview) -> str:
    """The status for a person; a flag is always a person's, the method gives reasons."""
    return f"flagged by {reviewed.reviewer or 'a reviewer'}" if reviewed.status == FLAGGED else reviewed.status


def _reviewed(reviewed: SliceReview | None) -> str:
    """Who settled the slice, when, and the note."""
    if reviewed is None or reviewed.status == NOT_REVIEWED and not reviewed.note:
        return ""
    who = f" by {reviewed.reviewer}" if reviewed.reviewer and reviewed.status != NOT_REVIEWED else ""
    status = "Flagged" if reviewed.status == FLAGGED else reviewed.status.capitalize()
    when = f", {reviewed.minute}" if reviewed.time else ""
    note = f'<br/>{escape(reviewed.note)}' if reviewed.note else ""
    return f'<p class="reviewed"><b>{escape(status + who)}</b>{escape(when)}{note}</p>'


def _reasons(result: SliceResult) -> str:
    if not result.flags:
        return ""
    items = "".join(f"<li>{escape(flag.reason)}</li>" for flag in result.flags)
    return f'<ul class="reasons">{items}</ul>'


def _facts(result: SliceResult) -> str:
    change = None if result.prior_area_mm2 <= 0 else 100 * (result.area_mm2 / result.prior_area_mm2 - 1)
    pair = "none, beyond the prior" if result.reference_index is None else f"slice {result.reference_index}"
    facts = (
        ("Distance", number(result.distance)),
        ("Nearest other candidate", number(second_best_distance(result))),
        ("Area", area(result.area_mm2)),
        ("Area of the aligned prior", area(result.prior_area_mm2)),
        ("Against the aligned prior", NOTHING if change is None else f"{number(change, signed=True)} %"),
        ("Paired prior slice", pair),
    )
    return f"<dl>{''.join(f'<dt>{term}</dt><dd>{value}</dd>' for term, value in facts)}</dl>"


def _choice(view: StructureView, result: SliceResult, by_hand: bool) -> str:
    """Why a candidate that is not the nearest was kept, and why a slice with a chosen candidate may have no contour."""
    chosen = None if result.chosen is None else result.candidates[result.chosen]
    if chosen is None:
        return ""
    lines = []
    if result.area_mm2 == 0 and chosen.area_mm2 > 0 and not result.flags and not by_hand:
        lines.append(f"The chosen candidate ({area(chosen.area_mm2)}) was removed: nothing of it is left on this slice.")
    nearer = [one for one in result.candidates if None not in (one.distance, chosen.distance) and one.distance < chosen.distance]
    drawn = min((one.distance for one in nearer if one.kind == "parts"), default=None)
    if drawn is not None and chosen.kind != "parts":
        margin = "the margin" if view.keep_margin is None else f"the {100 * view.keep_margin:.0f} %"
        lines.append(
            f"A drawn candidate was nearer ({number(drawn)} against {number(chosen.distance)}), but not by {margin} that it takes to leave the {chosen.kind}."
        )
    if any(one.kind == "aligned prior" for one in nearer):
        lines.append("The aligned prior was nearer; beside the tracked prior it is scored for comparison only.")
    if "prior" in chosen.kind and len(result.prompts):
        lines.append("The points are those of the nearest drawn candidate; they were not used for this contour.")
    return "".join(f'<p class="note">{escape(line)}</p>' for line in lines)


def _pictures(view: StructureView, result: SliceResult) -> str:
    k = view.slice_number(result.index)
    layers = [("prior", view.prior[k]), ("result", view.result[k])]
    if view.truth is not None:
        layers.append(("truth", view.truth[k]))
    drawn = slice_svg(view.frame, view.hu[k], layers, result.prompts, f"Follow-up CT, {view.name}, slice {result.index}", view.side)
    caption = f"<b>Follow-up CT, slice {result.index}</b>{_outside(view, result.prompts)}"
    return figure(drawn, caption, view.window.key) + _prior_picture(view, result, k)


def _prior_picture(view: StructureView, result: SliceResult, k: int) -> str:
    if view.prior_hu is None:
        return no_picture("The prior CT was not handed to this report; only its contour is drawn on the follow-up.")
    if not np.isfinite(view.frame.crop(view.prior_hu[k])).any():
        return no_picture("The prior CT does not reach this slice.")
    pair = "" if result.reference_index is None else f" (its slice {result.reference_index})"
    title = f"Prior CT, aligned, {view.name}"
    drawn = slice_svg(view.frame, view.prior_hu[k], [("prior", view.prior[k])], PointPrompts.empty(), title, view.side)
    return figure(drawn, f"<b>Prior CT, aligned</b>{pair}", view.window.key)


def _outside(view: StructureView, prompts: PointPrompts) -> str:
    """A point outside the picture is said, not dropped in silence."""
    outside = int(np.sum(~view.frame.holds(prompts.points_xy)))
    if not outside:
        return ""
    return f", {outside} point{'s' if outside > 1 else ''} outside the picture"
