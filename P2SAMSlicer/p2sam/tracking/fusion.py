"""The moved prior's labels, fused: each voxel takes the labels whose neighbourhoods fit best (one-atlas non-local fusion;
Coupe et al., NeuroImage 2011), as far as they fit better than those at its own place.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .motion import coarse_shape, resized, shrunk
from .patches import fit_costs, offsets, shifted

PATCH_MM, PATCH_SLICES = 2.5, 0.8
"""Neighbourhood: millimetres in the slice, slices across."""
MOTION_MM = 4.0
LEAST_TRUST, MOST_TRUST = 0.3, 0.95
"""Share of the fused labels in the result, where they fit no better than the labels in place, and where they fit much better."""
TRUST_SMOOTH_MM = 1.5
NEW_TISSUE_HU = 100.0
NEW_TISSUE_SMOOTH_MM = 1.0
MAX_VOXELS = 700_000
"""A larger structure is fused on a coarser grid of so many voxels."""


def fused(target: np.ndarray, prior: np.ndarray, mask: np.ndarray, spacing_mm: np.ndarray, reach_mm: float) -> np.ndarray:
    """Probability (K, H, W) float32 of the structure.

    Tissue that is new, denser than the moved prior by `NEW_TISSUE_HU`, may be an effusion or a collapse: it is not
    compared, and the structure does not grow into it. What left the structure, and growth that alignment explains, is unaffected.

    Parameters
    ----------
    target, prior : (K, H, W) float32 Hounsfield units, the prior moved
    mask : (K, H, W) float32
        The moved prior's probability.
    reach_mm : float
        How far labels may come from.
    """
    new = new_tissue(target, prior, spacing_mm)
    voxel = (target.size * spacing_mm.prod() / MAX_VOXELS) ** (1 / 3)
    shape = target.shape if target.size <= MAX_VOXELS else coarse_shape(target.shape, spacing_mm, voxel)
    coarse_mm = spacing_mm * np.array(target.shape) / shape
    seen = 1 - new.astype(np.float32)
    parts = (a if shape == target.shape else shrunk(a, shape) for a in (target, prior, mask, seen))
    found, gain = (resized(one, target.shape) for one in averaged(*parts, coarse_mm, reach_mm))
    found = np.where(new, np.minimum(found, mask), found)
    gain = ndimage.gaussian_filter(gain, TRUST_SMOOTH_MM / spacing_mm)
    trust = LEAST_TRUST + (MOST_TRUST - LEAST_TRUST) * (1 - np.exp(-gain))
    return trust * found + (1 - trust) * mask


def averaged(
    target: np.ndarray, prior: np.ndarray, mask: np.ndarray, seen: np.ndarray, spacing_mm: np.ndarray, reach_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Labels averaged over the steps within reach, weighted by how well they fit; and by how much (nats) the best fits better than in place."""
    width = np.minimum(PATCH_MM / spacing_mm, [PATCH_SLICES, np.inf, np.inf])
    least, in_place = np.full(target.shape, np.inf, np.float32), None
    total, weight = np.zeros(target.shape, np.float32), np.zeros(target.shape, np.float32)
    for step, cost in fit_costs(target, prior, spacing_mm, offsets(reach_mm, spacing_mm), width, min(MOTION_MM, reach_mm), seen):
        if not step.any():
            in_place = cost
        best = np.minimum(least, cost)
        before, now = np.exp(best - least), np.exp(best - cost)
        total = total * before + now * shifted(mask, step)
        weight = weight * before + now
        least = best
    return total / weight, in_place - least


def new_tissue(target: np.ndarray, prior: np.ndarray, spacing_mm: np.ndarray) -> np.ndarray:
    """(K, H, W) bool: tissue where the moved prior had lung or air."""
    width = NEW_TISSUE_SMOOTH_MM / spacing_mm
    return ndimage.gaussian_filter(target - prior, [0, width[1], width[2]]) > NEW_TISSUE_HU
