"""Charts of the report: for one structure the distance and the area over its slices, each point a link to its card."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .text import escape
from ..result import SliceResult, StructureResult

WIDTH, LEFT, RIGHT = 920, 62, 14
DISTANCE_TOP, DISTANCE_BOTTOM, NO_SCORE = 26, 126, 147
AREA_TOP, AREA_BOTTOM, HEIGHT = 192, 244, 280


def structure_chart(structure: StructureResult, card_id: Callable[[SliceResult], str], ends: tuple[str, str]) -> str:
    """Distance above, area below, over the slice number.

    Parameters
    ----------
    structure : StructureResult
    card_id : callable
        SliceResult to the id of its card.
    ends : (str, str)
        Patient letters towards which the lowest and the highest slice number lie.

    Returns
    -------
    str
        SVG. Marks differ in shape: disc drawn from prompts, ring registered prior kept, triangle flagged, cross no score.
    """
    slices = sorted(structure.slices, key=lambda result: result.index)
    if not slices:
        return '<p class="note">No slice was tried for this structure.</p>'
    x_of = _x_scale(slices)
    name = escape(structure.segment.name)
    body = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Distance and area over the slices of {name}">',
        *_distance_panel(slices, x_of, card_id),
        *_area_panel(slices, x_of),
        *_slice_axis(slices, x_of, ends),
        "</svg>",
    ]
    return "".join(body)


def ticks(top: float, count: int = 4) -> list[float]:
    """Round numbers from 0 to at least `top`, about `count` steps of 1, 2, 2.5 or 5 times a power of ten."""
    if not top > 0:
        return [0.0, 1.0]
    raw = top / count
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * (1 - 1e-9))
    return [float(number * step) for number in range(int(np.ceil(top / step - 1e-9)) + 1)]


def mark_of(result: SliceResult) -> str:
    """The shape of a slice in the chart and in the legend."""
    if result.distance is None:
        return "unscored"
    if result.flags:
        return "flagged"
    return "drawn" if result.candidates[result.chosen].kind == "parts" else "kept"


def mark_svg(kind: str, x: float, y: float) -> str:
    """One mark: a shape a kind, so that no one depends on its colour."""
    shapes = {
        "drawn": f'<circle class="m-drawn" cx="{x:.1f}" cy="{y:.1f}" r="4"/>',
        "kept": f'<circle class="m-kept" cx="{x:.1f}" cy="{y:.1f}" r="3.6"/>',
        "flagged": f'<path class="m-flagged" d="M{x:.1f} {y - 6.5:.1f}l6 10.5h-12Z"/>',
        "unscored": f'<path class="m-unscored" d="M{x - 4:.1f} {y - 4:.1f}l8 8m-8 0l8 -8"/>',
    }
    return shapes[kind]


def _x_scale(slices: list[SliceResult]) -> Callable[[float], float]:
    low, high = slices[0].index, slices[-1].index
    room = WIDTH - LEFT - RIGHT - 24
    return lambda index: LEFT + 12 + (room * (index - low) / (high - low) if high > low else room / 2)


def _distance_panel(slices: list[SliceResult], x_of: Callable, card_id: Callable) -> list[str]:
    scored = [result for result in slices if result.distance is not None]
    values = ticks(max((result.distance for result in scored), default=0.0))
    body = ['<text class="title" x="0" y="12">Distance to the prior</text>', *_grid(values, DISTANCE_TOP, DISTANCE_BOTTOM)]

    def y_of(result: SliceResult) -> float:
        if result.distance is None:
            return NO_SCORE
        return DISTANCE_BOTTOM - (DISTANCE_BOTTOM - DISTANCE_TOP) * result.distance / values[-1]

    if len(scored) < len(slices):
        body.append(f'<text class="tick" x="{LEFT - 8}" y="{NO_SCORE + 4}" text-anchor="end">no score</text>')
    body += [f'<path class="l-distance" d="{run}"/>' for run in _runs(slices, x_of, y_of)]
    for result in slices:
        x, y = x_of(result.index), y_of(result)
        tip = f"Slice {result.index}: " + ("no score" if result.distance is None else f"distance {result.distance:.3g}")
        tip += "".join(f"; {flag.reason}" for flag in result.flags)
        body.append(
            f'<a href="#{card_id(result)}" data-mark="{mark_of(result)}"><title>{escape(tip)}</title>'
            f'<circle class="hit" cx="{x:.1f}" cy="{y:.1f}" r="9"/>{mark_svg(mark_of(result), x, y)}</a>'
        )
    return body


def _runs(slices: list[SliceResult], x_of: Callable, y_of: Callable) -> list[str]:
    """Lines through neighbouring slices that have a distance; a gap stays a gap."""
    runs, points = [], []
    for number, result in enumerate(slices):
        apart = number and result.index != slices[number - 1].index + 1
        if (result.distance is None or apart) and points:
            runs.append(points)
            points = []
        if result.distance is not None:
            points.append(f"{x_of(result.index):.1f} {y_of(result):.1f}")
    return ["M" + "L".join(run) for run in [*runs, points] if len(run) > 1]


def _area_panel(slices: list[SliceResult], x_of: Callable) -> list[str]:
    values = ticks(max(max(result.area_mm2, result.prior_area_mm2) for result in slices) / 100, 2)
    body = [f'<text class="title" x="0" y="{AREA_TOP - 15}">Area, cm²</text>', *_grid(values, AREA_TOP, AREA_BOTTOM)]
    for kind, areas in (("prior", [r.prior_area_mm2 for r in slices]), ("result", [r.area_mm2 for r in slices])):
        line = "L".join(
            f"{x_of(result.index):.1f} {AREA_BOTTOM - (AREA_BOTTOM - AREA_TOP) * area / 100 / values[-1]:.1f}"
            for result, area in zip(slices, areas, strict=True)
        )
        body.append(f'<path class="l-{kind}" d="M{line}"/>')
    return body


def _grid(values: list[float], top: float, bottom: float) -> list[str]:
    body = []
    for value in values:
        y = bottom - (bottom - top) * value / values[-1]
        body.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        body.append(f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.4g}</text>')
    return body


def _slice_axis(slices: list[SliceResult], x_of: Callable, ends: tuple[str, str]) -> list[str]:
    low, high = slices[0].index, slices[-1].index
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 10**9) if (high - low) / step <= 14)
    numbers = [number for number in range(low, high + 1) if number % step == 0] or [low]
    body = [
        f'<text class="tick" x="{x_of(number):.1f}" y="{AREA_BOTTOM + 17}" text-anchor="middle">{number}</text>' for number in numbers
    ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    body.append(
        f'<text class="tick" x="{middle}" y="{HEIGHT - 3}" text-anchor="middle">slice number ({ends[0]} to the left, {ends[1]} to the right)</text>'
    )
    return body
