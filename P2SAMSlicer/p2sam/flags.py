"""Where a person should look, and why, in one sentence each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .prompts import PointPrompts
from .result import Flag

AREA_JUMP = 1.6
"""Areas of neighbouring slices that differ by more than this factor, beyond what the prior does there, are flagged."""
SMALL_MM2 = 50.0
"""Jumps between areas below this are not worth a look."""
CENTROID_JUMP_MM = 8.0
FAR_FACTOR = 1.5
BODY_HU = -400.0


@dataclass(frozen=True)
class Outline:
    """Area and centroid of a mask on one slice; the centroid (row, column) in mm is None where it is empty."""

    area_mm2: float
    centroid_mm: np.ndarray | None


def outline(mask: np.ndarray, spacing_mm: np.ndarray) -> Outline:
    rows, columns = np.nonzero(mask)
    centroid = np.array([rows.mean(), columns.mean()]) * spacing_mm if len(rows) else None
    return Outline(float(len(rows) * np.prod(spacing_mm)), centroid)


def empty_flag(here: Outline, prior: Outline) -> list[Flag]:
    if here.area_mm2 > 0 or prior.area_mm2 == 0:
        return []
    return [Flag("empty", f"Nothing was found, but the aligned prior has {prior.area_mm2 / 100:.1f} cm² here.")]


def end_flag(removed_mm2: float) -> Flag:
    return Flag("empty", f"Removed at the end of the structure ({removed_mm2 / 100:.1f} cm²): it lies beyond the tracked prior and is not enough like it.")


def jump_flags(here: Outline, before: Outline, prior_here: Outline, prior_before: Outline, beside: str = "the slice beside it") -> list[Flag]:
    """Against the neighbouring slice, which a person reads as `beside`, less what the prior does at the same place."""
    found = []
    both = min(here.area_mm2, before.area_mm2)
    if both > 0 and max(here.area_mm2, before.area_mm2) > SMALL_MM2:
        change = here.area_mm2 / before.area_mm2
        known = min(prior_here.area_mm2, prior_before.area_mm2) > 0
        expected = prior_here.area_mm2 / prior_before.area_mm2 if known else 1.0
        if abs(np.log(change) - np.log(expected)) > np.log(AREA_JUMP) and abs(np.log(change)) > np.log(AREA_JUMP):
            prior = f"; that of the aligned prior is {in_words(expected)} there" if known else ""
            found.append(Flag("area jump", f"The area is {in_words(change)} on {beside}{prior}."))
        moved = here.centroid_mm - before.centroid_mm
        if prior_here.centroid_mm is not None and prior_before.centroid_mm is not None:
            moved = moved - (prior_here.centroid_mm - prior_before.centroid_mm)
        if np.hypot(*moved) > CENTROID_JUMP_MM:
            found.append(
                Flag("centroid jump", f"The centre moves {np.hypot(*moved):.0f} mm from where it is on {beside}, more than the prior's does.")
            )
    return found


def in_words(ratio: float) -> str:
    """How an area compares with another: "64 % smaller than", "3.1 times as large as"."""
    percent = round(100 * (ratio - 1))
    if percent == 0:
        return "as large as"
    if ratio >= 2:
        return f"{ratio:.1f} times as large as"
    return f"{abs(percent)} % {'larger' if percent > 0 else 'smaller'} than"


def distance_flags(distance: float | None, drawn: bool, usual: float | None) -> list[Flag]:
    if drawn and distance is None:
        return [Flag("not compared", "The structure is smaller than a cell of the feature grid here; no distance could be computed.")]
    if distance is not None and usual is not None and distance > FAR_FACTOR * usual:
        return [Flag("far", f"The distance {distance:.3g} is {distance / usual:.1f} times what is usual within the prior ({usual:.3g}).")]
    return []


def prompt_flags(prompts: PointPrompts, hu: np.ndarray) -> list[Flag]:
    """Positive prompts that lie in the air around the patient."""
    positive = prompts.points_xy[prompts.labels == 1]
    if len(positive) == 0:
        return []
    body = ndimage.binary_fill_holes(ndimage.binary_opening(hu > BODY_HU, iterations=2))
    columns, rows = np.clip(np.rint(positive).astype(int), 0, np.array(hu.shape[::-1]) - 1).T
    outside = np.flatnonzero(~body[rows, columns])
    if len(outside) == 0 or not body.any():
        return []
    return [Flag("prompt outside body", f"Positive point {', '.join(str(int(i) + 1) for i in outside)} lies outside the body.")]
