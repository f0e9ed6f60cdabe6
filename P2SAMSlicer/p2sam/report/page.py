"""The report of a visit: one HTML file that opens from disk, the slices with a flag or a reason to look first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from .card import StructureView, slice_card, wants_a_look
from .chart import structure_chart
from .figures import LETTERS, frame_of
from .html import alert, chart_legend, header, page, panel, picture_legend, section, toolbar
from .pixels import default_window
from .reviewed import review_panel
from .summary import facts, footer, metric_table, structure_table, verdict, warnings
from .text import escape
from ..result import SliceResult, VisitResult
from ..review import FLAGGED, review_of
from ..volume import Volume, canonical

FLAG_ORDER = ("empty", "beyond", "jump", "outside", "far", "extent")
"""Words in flag codes, gravest first. A code without any of them counts as gravest: what is unknown is looked at first."""

PICTURE_BYTES = 10_000_000
"""Room for all pictures of a report before base64, which adds a third."""
BYTES_A_PIXEL = 0.9
"""A noisy CT after PNG, measured on the phantom and on real CT (0.7 to 0.85)."""
SIDES = (110, 240)
"""Smallest and largest side of a picture in pixels; smaller than the first a contour cannot be judged."""
OPENED = 6
"""Cards that start unfolded, where somebody or the method wants a look."""


def render_report(
    visit: VisitResult,
    prior_on_followup: np.ndarray | None = None,
    metrics_rows: Sequence[Mapping] | None = None,
    truth_masks: Mapping[str, np.ndarray] | None = None,
) -> str:
    """Render a visit as one self-contained HTML page (also well-formed XML after its first line).

    Parameters
    ----------
    visit : VisitResult
    prior_on_followup : (K, J, I) float32 or None
        The aligned prior CT in HU on the follow-up's grid; not-a-number where the prior does not reach.
    metrics_rows : list of dict or None
        Rows of `Metrics.as_row()` against a known truth.
    truth_masks : dict of str to (K, J, I) bool, or None
        Structure name to the known truth on the follow-up's grid.

    Returns
    -------
    str
        The page. It asks for nothing over the network.

    Raises
    ------
    GeometryError
        An array does not lie on the follow-up's grid.
    """
    views = _views(visit, prior_on_followup, truth_masks or {})
    order, review = worst_first(visit), review_of(visit)
    title = f"{visit.followup.meta.get('patient_id', 'Patient not recorded')}, {visit.name}"
    sections = [
        alert("This result is incomplete", [] if visit.complete else [_INCOMPLETE]),
        alert("Read this first", warnings(visit)),
        section("Structures", panel(verdict(order, views, review)), panel(structure_table(visit))),
        section("Review", panel(review_panel(visit, review))) if review else "",
        section("Against the given truth", panel(metric_table(metrics_rows, visit.name))) if metrics_rows else "",
        section("Distance over the slices", _charts(visit, views)),
        section("Slices: flagged by a reviewer, then with a reason to look, then most unlike the prior", panel(picture_legend(bool(truth_masks))), _cards(visit, order, views)),
        footer(visit),
    ]
    return page(f"P2SAMSlicer: {title}", header(title, facts(visit)), sections, len(visit.structures))


_INCOMPLETE = (
    "The run was stopped before its end. Only the slices listed below were segmented; volumes are those of the slices done, and no change is given."
)


def severity(result: SliceResult) -> int:
    """0 for the gravest flag of a slice; one more than the last rank where there is none."""
    ranks = [next((rank for rank, word in enumerate(FLAG_ORDER) if word in flag.code), 0) for flag in result.flags]
    return min(ranks, default=len(FLAG_ORDER))


def worst_first(visit: VisitResult) -> list[tuple[int, SliceResult]]:
    """(structure number, slice) of every slice: those that a person flagged, then those with a reason, the gravest first, then by
    distance; no score comes before any score."""
    review = review_of(visit)
    slices = [(place, result) for place, structure in enumerate(visit.structures) for result in structure.slices]

    def key(entry: tuple[int, SliceResult]):
        place, result = entry
        distance = math.inf if result.distance is None and (result.area_mm2 > 0 or result.flags) else result.distance
        reviewed = review and review.of(visit.structures[place].segment.name, result.index)
        return not reviewed or reviewed.status != FLAGGED, severity(result), -len(result.flags), -(distance if distance is not None else -1.0), place, result.index

    return sorted(slices, key=key)


def picture_side(pictures: int) -> int:
    """Largest side in pixels, so that so many pictures stay within `PICTURE_BYTES`."""
    side = math.sqrt(PICTURE_BYTES / max(pictures, 1) / BYTES_A_PIXEL)
    return int(np.clip(side, *SIDES))


def _views(visit: VisitResult, prior_hu: np.ndarray | None, truths: Mapping[str, np.ndarray]) -> list[StructureView]:
    volume, order = canonical(visit.followup)
    turned_prior = None if prior_hu is None else order.apply(visit.followup.with_array(prior_hu).array)
    side = picture_side(2 * sum(len(structure.slices) for structure in visit.structures))
    views = []
    for place, structure in enumerate(visit.structures):
        name = structure.segment.name
        result, prior = (order.apply(visit.followup.with_array(mask).array) for mask in (structure.segment.mask, visit.aligned_masks[name]))
        truth = order.apply(visit.followup.with_array(truths[name]).array) if name in truths else None
        masks = [result, prior] if truth is None else [result, prior, truth]
        positive = [slice_.prompts.points_xy[slice_.prompts.labels == 1] for slice_ in structure.slices]
        views.append(
            StructureView(
                number=place,
                name=name,
                frame=frame_of(volume, masks, np.vstack([np.zeros((0, 2)), *positive])),
                window=default_window(volume.array, result | prior),
                hu=volume.array,
                prior_hu=turned_prior,
                result=result,
                prior=prior,
                truth=truth,
                slice_axis=_slice_letters(volume)[2],
                side=side,
                flipped=order.flips[0],
                keep_margin=_keep_margin(visit),
            )
        )
    return views


def _keep_margin(visit: VisitResult) -> float | None:
    settings = visit.provenance.get("settings")
    return settings.get("keep_margin") if isinstance(settings, Mapping) else None


def _slice_letters(volume: Volume) -> tuple[str, str, str]:
    """Letters towards the first and the last canonical slice, and the one Slicer writes before a position."""
    normal = volume.ijk_to_ras[:3, 2]
    axis = int(np.argmax(np.abs(normal)))
    up = int(normal[axis] > 0)
    return LETTERS[axis][1 - up], LETTERS[axis][up], LETTERS[axis][1]


def _charts(visit: VisitResult, views: list[StructureView]) -> str:
    volume, order = canonical(visit.followup)
    first, last, _ = _slice_letters(volume)
    ends = (last, first) if order.flips[0] else (first, last)
    charts = [
        panel(f"<h3>{escape(structure.segment.name)}</h3>", structure_chart(structure, view.card_id, ends))
        for structure, view in zip(visit.structures, views, strict=True)
    ]
    note = (
        '<p class="note">The distance compares the features inside the contour with those of the prior: near is alike. '
        "It has no unit. Choose a point to open its slice.</p>"
    )
    return panel(chart_legend(), note) + "".join(charts)


def _cards(visit: VisitResult, order: list[tuple[int, SliceResult]], views: list[StructureView]) -> str:
    room, review = PICTURE_BYTES / BYTES_A_PIXEL / 2, review_of(visit)
    cards = []
    for rank, (place, result) in enumerate(order, start=1):
        room -= views[place].side ** 2
        reviewed = None if review is None else review.of(views[place].name, result.index)
        cards.append(slice_card(views[place], result, rank, rank <= OPENED and wants_a_look(result, reviewed), room >= 0, reviewed))
    return toolbar([structure.segment.name for structure in visit.structures]) + f'<div class="cards">{"".join(cards)}</div>'
