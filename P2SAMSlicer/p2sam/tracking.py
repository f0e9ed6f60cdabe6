"""The aligned prior, tracked: each neighbourhood of the prior is searched for around its place in the follow-up.

Alignment leaves millimetres to centimetres, the more the softer the tissue. From coarse to fine, every place of the
structure's surroundings is compared with the aligned prior displaced by each step within reach; the displacements are
averaged by how well they fit, smoothed, and followed. At the end the prior's labels are averaged in the same way
(non-local label fusion; Coupe et al., NeuroImage 2011, with one atlas), which gives a probability.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

HU_RANGE = (-1000.0, 400.0)
DIFFERENCE_LIMIT_HU = 300.0
NOISE_HU = 30.0


@dataclass(frozen=True)
class Level:
    """One round of the search. All in millimetres: voxel size, patch width, reach, expected motion, smoothness."""

    voxel: float
    patch: float
    reach: float
    motion: float
    smooth: float


LEVELS = (
    Level(5.0, 12.0, 24.0, 25.0, 20.0),
    Level(5.0, 12.0, 24.0, 25.0, 20.0),
    Level(4.0, 9.0, 12.0, 12.0, 13.0),
    Level(2.5, 5.0, 7.0, 8.0, 7.0),
)
FUSION = Level(0.0, 2.5, 5.0, 4.0, 0.0)
TRUST = 0.8
"""Share of the fused labels in the result; the rest is the moved prior's own contour."""
GROWTH_LIMIT = 1.4
THIN_PX = 2.6
"""A structure thinner than this (half its width) is left as a deformable alignment put it: steps of whole voxels are too coarse."""
NEW_TISSUE_HU = 100.0
NEW_TISSUE_SMOOTH_MM = 1.0
MAX_VOXELS = 700_000
"""The last round works on at most so many voxels; a larger structure is fused on a coarser grid."""


def track(
    target_hu: np.ndarray,
    prior_hu: np.ndarray,
    probability: np.ndarray,
    spacing_mm: np.ndarray,
    reach_mm: float,
    tell: Callable[[str], None] = lambda reason: None,
) -> np.ndarray:
    """Move the aligned prior's contour to where its surroundings are found.

    Parameters
    ----------
    target_hu, prior_hu : (K, H, W) float
        Follow-up and aligned prior on the same grid, Hounsfield units.
    probability : (K, H, W) float32
        Aligned prior's mask, 0..1.
    spacing_mm : (3,) along (k, row, column)
    reach_mm : float
        How far to search; 0 gives back what came in.
    tell : callable
        Given one sentence where the far search was given up.

    Returns
    -------
    (K, H, W) float32
        Probability of the structure.
    """
    inside = probability >= 0.5
    if reach_mm <= 0 or not inside.any():
        return probability.astype(np.float32)
    if reach_mm <= FUSION.reach and half_width_px(inside) < THIN_PX:
        return probability.astype(np.float32)
    spacing_mm = np.asarray(spacing_mm, float)
    room = region(inside, reach_mm + 8.0, spacing_mm)
    target, prior = (np.clip(a[room], *HU_RANGE).astype(np.float32) for a in (target_hu, prior_hu))
    mask = probability[room].astype(np.float32)
    motion = np.zeros((3, *mask.shape), np.float32)
    for level in LEVELS:
        if level.reach <= reach_mm:
            motion = followed(target, prior, motion, spacing_mm, level)
    kept = not_stretched(motion, mask, spacing_mm)
    if kept is not motion:
        tell(f"the far search would have made it over {GROWTH_LIMIT:g} times as large, and was given up")
    motion = kept
    prior, mask = moved(prior, motion, spacing_mm), moved(mask, motion, spacing_mm)
    reach = min(FUSION.reach, reach_mm)
    near = region(mask > 0.01, reach + 8.0, spacing_mm) if (mask > 0.01).any() else (slice(None),) * 3
    found = mask.copy()
    found[near] = fused(target[near], prior[near], mask[near], spacing_mm, reach)
    found = without_new_tissue(found, mask, target, prior, spacing_mm)
    tracked = np.zeros(probability.shape, np.float32)
    tracked[room] = TRUST * found + (1 - TRUST) * mask
    return tracked


def half_width_px(inside: np.ndarray) -> float:
    """How many pixels the structure's thickest place on a slice lies from its border."""
    box = inside[ndimage.find_objects(inside.astype(np.uint8))[0]]
    return max(float(ndimage.distance_transform_edt(np.pad(plane, 1)).max()) for plane in box)


def not_stretched(motion: np.ndarray, mask: np.ndarray, spacing_mm: np.ndarray) -> np.ndarray:
    """The motion; or none, where it would blow the structure up beyond `GROWTH_LIMIT`.

    A search that reaches far can stretch a mass over a collapse or an effusion that lies beside it.
    """
    return motion if moved(mask, motion, spacing_mm).sum() <= GROWTH_LIMIT * mask.sum() else np.zeros_like(motion)


def region(inside: np.ndarray, margin_mm: float, spacing_mm: np.ndarray) -> tuple[slice, slice, slice]:
    """Bounding box of a mask with a margin, clipped to the grid."""
    box = ndimage.find_objects(inside.astype(np.uint8))[0]
    margin = np.ceil(margin_mm / spacing_mm).astype(int)
    return tuple(slice(max(0, s.start - m), min(n, s.stop + m)) for s, m, n in zip(box, margin, inside.shape))


def followed(target: np.ndarray, prior: np.ndarray, motion: np.ndarray, spacing_mm: np.ndarray, level: Level) -> np.ndarray:
    """One round: (3, K, H, W) motion in mm, refined. The prior at x + motion(x) is what is expected at x."""
    shape = coarse_shape(target.shape, spacing_mm, level.voxel)
    coarse_mm = spacing_mm * np.array(target.shape) / shape
    target_c = shrunk(target, shape)
    prior_c = shrunk(moved(prior, motion, spacing_mm), shape)
    motion_c = np.stack([resized(axis, shape) for axis in motion])
    step, sure = best_steps(target_c, prior_c, coarse_mm, level)
    width = level.smooth / coarse_mm
    weight = ndimage.gaussian_filter(sure, width, truncate=3.0) + 1e-6
    step = np.stack([ndimage.gaussian_filter(axis * sure, width, truncate=3.0) / weight for axis in step])
    motion_c = np.stack([moved(axis, step, coarse_mm) for axis in motion_c]) + step
    return np.stack([resized(axis, target.shape) for axis in motion_c])


def best_steps(target: np.ndarray, prior: np.ndarray, spacing_mm: np.ndarray, level: Level) -> tuple[np.ndarray, np.ndarray]:
    """Mean displacement (3, ...) in mm, weighted by fit, and how sure it is, 0..1."""
    steps = offsets(level.reach, spacing_mm)
    costs = np.stack([cost for _, cost in fit_costs(target, prior, spacing_mm, level, steps)])
    weights = np.exp(costs.min(axis=0) - costs)
    weights /= weights.sum(axis=0)
    millimetres = (steps * spacing_mm).astype(np.float32)
    mean = np.tensordot(millimetres.T, weights, 1)
    spread = np.tensordot((millimetres**2).sum(axis=1), weights, 1) - (mean**2).sum(axis=0)
    return mean, 1 / (1 + np.maximum(spread, 0) * (3 / level.reach) ** 2)


def fused(target: np.ndarray, prior: np.ndarray, mask: np.ndarray, spacing_mm: np.ndarray, reach_mm: float) -> np.ndarray:
    """Labels averaged over the steps within reach, weighted by how well their neighbourhoods fit."""
    voxel = (target.size * spacing_mm.prod() / MAX_VOXELS) ** (1 / 3)
    shape = target.shape if target.size <= MAX_VOXELS else coarse_shape(target.shape, spacing_mm, voxel)
    coarse_mm = spacing_mm * np.array(target.shape) / shape
    target_c, prior_c, mask_c = (a if shape == target.shape else shrunk(a, shape) for a in (target, prior, mask))
    level = Level(0.0, FUSION.patch, reach_mm, min(FUSION.motion, reach_mm), 0.0)
    steps = offsets(reach_mm, coarse_mm)
    least = np.full(shape, np.inf, np.float32)
    total, weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for step, cost in fit_costs(target_c, prior_c, coarse_mm, level, steps):
        best = np.minimum(least, cost)
        before, now = np.exp(best - least), np.exp(best - cost)
        total = total * before + now * shifted(mask_c, step)
        weight = weight * before + now
        least = best
    found = total / weight
    return found if shape == target.shape else resized(found, target.shape)


def without_new_tissue(
    found: np.ndarray, mask: np.ndarray, target: np.ndarray, prior: np.ndarray, spacing_mm: np.ndarray
) -> np.ndarray:
    """Do not take in what was not there before: tissue where the prior had lung or air may be an effusion or a collapse.

    Where the follow-up is denser than the moved prior by `NEW_TISSUE_HU` the structure does not grow beyond it. What
    left the structure (denser on the prior) is unaffected, and so is growth that alignment explains.
    """
    width = NEW_TISSUE_SMOOTH_MM / spacing_mm
    denser = ndimage.gaussian_filter(target - prior, [0, width[1], width[2]])
    return np.where(denser > NEW_TISSUE_HU, np.minimum(found, mask), found)


def fit_costs(
    target: np.ndarray, prior: np.ndarray, spacing_mm: np.ndarray, level: Level, steps: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Negative log-likelihood of each step at every voxel: squared patch difference over the noise, and the motion's own."""
    width = np.minimum(level.patch / spacing_mm, [max(0.8, level.patch / spacing_mm[0]) if level.voxel else 0.8, np.inf, np.inf])
    for step in steps:
        difference = np.minimum(np.abs(target - shifted(prior, step)), DIFFERENCE_LIMIT_HU)
        patch = ndimage.gaussian_filter(difference * difference, width, truncate=2.0)
        motion = ((step * spacing_mm) ** 2).sum() / (2 * level.motion**2)
        yield step, patch / (2 * NOISE_HU**2) + np.float32(motion)


def offsets(reach_mm: float, spacing_mm: np.ndarray) -> np.ndarray:
    """(n, 3) whole-voxel steps within reach, the zero step among them."""
    counts = [int(reach_mm // s) for s in spacing_mm]
    grid = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in counts], indexing="ij"), axis=-1).reshape(-1, 3)
    return grid[((grid * spacing_mm) ** 2).sum(axis=1) <= reach_mm**2 + 1e-6]


def shifted(array: np.ndarray, step: np.ndarray) -> np.ndarray:
    """array at x + step, the border repeated."""
    for axis, n in enumerate(step):
        if n:
            index = np.clip(np.arange(array.shape[axis]) + n, 0, array.shape[axis] - 1)
            array = array.take(index, axis=axis)
    return array


def moved(array: np.ndarray, motion: np.ndarray, spacing_mm: np.ndarray) -> np.ndarray:
    """array at x + motion(x), linear; motion (3, ...) in mm on the array's own grid."""
    if not motion.any():
        return array
    places = np.indices(array.shape, dtype=np.float32)
    for axis in range(3):
        places[axis] += motion[axis] / np.float32(spacing_mm[axis])
    return ndimage.map_coordinates(array, places, order=1, mode="nearest")


def coarse_shape(shape: tuple[int, ...], spacing_mm: np.ndarray, voxel_mm: float) -> tuple[int, ...]:
    return tuple(max(min(n, 3), int(round(n * s / max(voxel_mm, s)))) for n, s in zip(shape, spacing_mm))


def shrunk(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Resized to a coarser grid after the blur that this needs."""
    blur = [max(0.0, n / m / 2.5) if n > 1.2 * m else 0.0 for n, m in zip(array.shape, shape)]
    return resized(ndimage.gaussian_filter(array, blur, truncate=3.0), shape)


def resized(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Linear, edge to edge: the first and the last voxel keep their outer borders."""
    if array.shape == tuple(shape):
        return array
    axes = [(np.arange(n, dtype=np.float32) + 0.5) * (m / n) - 0.5 for n, m in zip(shape, array.shape)]
    return ndimage.map_coordinates(array, np.stack(np.meshgrid(*axes, indexing="ij")), order=1, mode="nearest")
