"""How well an aligned prior fits its follow-up: one number in 0..1 that catches a failed alignment, and its details."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from .coarse import VOXEL_MM, CoarseScan

WINDOW_SIGMA_MM = 8.0
"""Of the Gaussian window that local means and deviations are taken in."""

_FLOOR = 0.02
"""Local standard deviation (grey scale of `CoarseScan`) that noise alone may have; what lies below it counts little."""

_FULL_OVERLAP = 0.5
"""Share of the smaller body that must be in both scans before a smaller overlap lowers the score."""


@dataclass(frozen=True)
class Agreement:
    """Measures on the follow-up's coarse grid.

    Attributes
    ----------
    quality : float in 0..1
        Local correlation of the two scans' grey values in a Gaussian window (sigma `WINDOW_SIGMA_MM`), negative
        values as 0, averaged over the follow-up's body where the prior reaches, each voxel weighted by the larger
        of the two local standard deviations: structure counts, plain tissue does not. 1 is a perfect copy.
    score : float in 0..1
        What alignments are compared by: `quality`, lowered in proportion where less than half of the smaller body
        lies in both scans, so that a small piece that fits by chance does not win.
    overlap : float in 0..1
        Volume of both bodies together as a share of the smaller one.
    body_dice, bone_dice : float in 0..1
        Dice of the bodies (hulls of the slices) and of bone (above 200 HU, within one coarse voxel), where the prior reaches.
    """

    quality: float
    score: float
    overlap: float
    body_dice: float
    bone_dice: float


def agreement(prior: CoarseScan, followup: CoarseScan, transform: sitk.Transform) -> Agreement:
    """Measure an alignment.

    Parameters
    ----------
    transform
        Maps follow-up points to prior points (LPS).
    """
    grey, body, bone = (_warped(prior, part, followup, transform) for part in (prior.grey, prior.body, prior.bone))
    reached = _warped(prior, np.ones(prior.shape, dtype=np.float32), followup, transform) > 0.99
    both = followup.body & (body > 0.5)
    overlap = both.sum() / max(1, min(prior.body.sum(), followup.body.sum()))
    quality = _local_correlation(followup.grey, grey, reached, followup.body & reached)
    return Agreement(
        quality=quality,
        score=quality * min(1.0, float(overlap) / _FULL_OVERLAP),
        overlap=float(overlap),
        body_dice=_dice(followup.body & reached, (body > 0.5) & reached),
        bone_dice=_near_dice(followup.bone & reached, (bone > 0.5) & reached),
    )


def _warped(prior: CoarseScan, array: np.ndarray, followup: CoarseScan, transform: sitk.Transform) -> np.ndarray:
    """(K, J, I) float32 of the prior's array on the follow-up's coarse grid; 0 beyond the prior."""
    image = prior.as_image(array.astype(np.float32))
    return sitk.GetArrayFromImage(sitk.Resample(image, followup.image, transform, sitk.sitkLinear, 0.0))


def _local_correlation(one: np.ndarray, other: np.ndarray, reached: np.ndarray, where: np.ndarray) -> float:
    if not where.any():
        return 0.0
    weight = reached.astype(np.float32)
    total = np.maximum(_window(weight), 1e-3)

    def local_mean(array):
        return _window(array * weight) / total

    mean_one, mean_other = local_mean(one), local_mean(other)
    variance_one = np.maximum(local_mean(one * one) - mean_one**2, 0)[where]
    variance_other = np.maximum(local_mean(other * other) - mean_other**2, 0)[where]
    covariance = (local_mean(one * other) - mean_one * mean_other)[where]
    correlation = np.clip(covariance / (np.sqrt(variance_one * variance_other) + _FLOOR**2), 0, 1)
    importance = np.sqrt(np.maximum(variance_one, variance_other))
    return float((importance * correlation).sum(dtype=np.float64) / max(importance.sum(dtype=np.float64), 1e-9))


def _window(array: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(array, WINDOW_SIGMA_MM / VOXEL_MM, mode="nearest", truncate=3.0)


def _dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / max(1, one.sum() + other.sum()))


def _near_dice(one: np.ndarray, other: np.ndarray) -> float:
    """Dice that takes voxels within one voxel of the other mask as hits: ribs are as thin as a coarse voxel."""
    ball = ndimage.generate_binary_structure(3, 1)
    hits = (one & ndimage.binary_dilation(other, ball)).sum() + (other & ndimage.binary_dilation(one, ball)).sum()
    return float(hits / max(1, one.sum() + other.sum()))
