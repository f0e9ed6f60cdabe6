"""The aligned prior, tracked: each neighbourhood of the prior is searched for around its place in the follow-up.

Alignment leaves millimetres to centimetres, the more the softer the tissue. From coarse to fine, every place of the
structure's surroundings is compared with the aligned prior displaced by each step within reach; the displacements are
averaged by how well they fit, smoothed, and followed. What is left is below a voxel: the prior settles by a smooth
dense registration (`settling`), and its labels are fused (`fusion`), which gives a probability.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .fusion import fused
from .motion import coarse_shape, moved, resized, shrunk
from .patches import fit_costs, offsets
from .settling import settled

HU_RANGE = (-1000.0, 400.0)


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
FUSION_REACH_MM = 5.0
SURROUNDINGS_MM = 16.0
"""Around the structure and its reach, that is looked at."""
GROWTH_LIMIT = 1.4
THIN_PX = 2.6
"""After a deformable alignment a structure thinner than this (half its width) only settles: steps of whole voxels are too coarse to fuse it."""


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
    thin = reach_mm <= FUSION_REACH_MM and half_width_px(inside) < THIN_PX
    spacing_mm = np.asarray(spacing_mm, float)
    room = region(inside, reach_mm + SURROUNDINGS_MM, spacing_mm)
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
    near_mm = min(FUSION_REACH_MM, reach_mm)
    motion = settled(target, prior, spacing_mm, near_mm)
    prior, mask = moved(prior, motion, spacing_mm), moved(mask, motion, spacing_mm)
    if not thin and (mask > 0.01).any():
        near = region(mask > 0.01, near_mm + 8.0, spacing_mm)
        mask[near] = fused(target[near], prior[near], mask[near], spacing_mm, near_mm)
    tracked = np.zeros(probability.shape, np.float32)
    tracked[room] = mask
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
    width = np.minimum(level.patch / spacing_mm, [max(0.8, level.patch / spacing_mm[0]), np.inf, np.inf])
    costs = np.stack([cost for _, cost in fit_costs(target, prior, spacing_mm, steps, width, level.motion)])
    weights = np.exp(costs.min(axis=0) - costs)
    weights /= weights.sum(axis=0)
    millimetres = (steps * spacing_mm).astype(np.float32)
    mean = np.tensordot(millimetres.T, weights, 1)
    spread = np.tensordot((millimetres**2).sum(axis=1), weights, 1) - (mean**2).sum(axis=0)
    return mean, 1 / (1 + np.maximum(spread, 0) * (3 / level.reach) ** 2)
