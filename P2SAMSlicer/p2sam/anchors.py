"""Accepted slices of today's scan, carried to their neighbours: the tracked prior is bent until it meets them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .boxed import Boxed, box_of, union
from .visit import Target, depth_mm, probability_of

CARRY_MM = 15.0
"""Standard deviation, along the body, of how far an accepted slice corrects its neighbours."""
LIMIT_MM = 20.0
"""Of a correction."""
LEAST = 0.05
"""Below this share of a correction a slice is left as it was tracked."""


def anchored(target: Target, anchors: dict[int, np.ndarray], spacing_mm: np.ndarray) -> Target:
    """The structure with its tracked prior corrected by accepted slices.

    At an accepted slice the difference between its depth map and the tracked prior's is known. Between two of them
    differences are interpolated, away from them they fade; added to the depth maps of the slices without one.

    Parameters
    ----------
    anchors : canonical slice -> (H, W) bool
    spacing_mm : (3,) along (k, row, column)
    """
    if not anchors:
        return target
    in_plane = (float(spacing_mm[1]), float(spacing_mm[2]))
    rows, columns = _room(target, anchors, in_plane)

    def depth(mask: np.ndarray) -> np.ndarray:
        return np.clip(depth_mm(mask[rows, columns], in_plane), -LIMIT_MM, LIMIT_MM) if mask.any() else np.full(shape, -LIMIT_MM)

    shape = (rows.stop - rows.start, columns.stop - columns.start)
    tracked = {int(k): depth(target.guide(int(k), spacing_mm).tracked >= 0.5) for k in _slices(target, anchors, spacing_mm)}
    change = {a: depth(mask) - tracked[a] for a, mask in anchors.items()}
    whole = target.tracked.whole()
    for k, before in tracked.items():
        share, correction = _carried(k, change, float(spacing_mm[0]))
        if k in anchors or share >= LEAST:
            whole[k, rows, columns] = anchors[k][rows, columns] if k in anchors else probability_of(before + share * correction, in_plane)
    corrected = Boxed.of(whole, dtype=np.float16)
    present = np.flatnonzero(corrected.any_slice(0.5))
    if len(present) == 0:
        return target
    slices = np.union1d(target.slices, [*anchors, *range(present[0], present[-1] + 1)]).astype(int)
    return replace(target, tracked=corrected, slices=slices, first=int(present[0]), last=int(present[-1]))


def _carried(k: int, change: dict[int, np.ndarray], slice_mm: float) -> tuple[float, np.ndarray]:
    """How much of a correction reaches slice k, 0..1, and the correction (mm)."""
    below, above = [a for a in change if a <= k], [a for a in change if a >= k]
    if below and above:
        a, b = max(below), min(above)
        t = 0.0 if a == b else (k - a) / (b - a)
        correction = (1 - t) * change[a] + t * change[b]
    else:
        a = b = max(below) if below else min(above)
        correction = change[a]
    away = min(abs(k - a), abs(k - b)) * slice_mm
    return float(np.exp(-0.5 * (away / CARRY_MM) ** 2)), correction


def _slices(target: Target, anchors: dict[int, np.ndarray], spacing_mm: np.ndarray) -> np.ndarray:
    """The structure's slices, those accepted, and all between."""
    return np.arange(min(int(target.slices[0]), *anchors), max(int(target.slices[-1]), *anchors) + 1)


def _room(target: Target, anchors: dict[int, np.ndarray], in_plane: tuple[float, float]) -> tuple[slice, slice]:
    """Rows and columns that hold the tracked prior and every accepted mask, with the room a correction may take."""
    box = union([target.tracked.box[1:], *(box_of(mask) for mask in anchors.values())])
    margin = [int(np.ceil(2 * LIMIT_MM / step)) for step in in_plane]
    sizes = target.tracked.shape[1:]
    return tuple(slice(max(0, one.start - m), min(n, one.stop + m)) for one, m, n in zip(box, margin, sizes))
