"""The last, small part of a motion: a smooth dense registration within the structure's surroundings, finer than a voxel."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from .motion import coarse_shape, resized, shrunk

MAX_VOXELS = 1_000_000
"""A larger room is worked on in voxels so large that it has no more; the motion is smooth."""
SMOOTH_MM = 6.0
"""Standard deviation of the Gaussian that keeps the motion smooth."""
ITERATIONS = 20
SAME_HU = 30.0
"""Grey values that differ less pull on nothing."""
HIGHEST_HU = 300.0
"""Bone above this counts as this, so that it does not lead."""


def settled(target: np.ndarray, prior: np.ndarray, spacing_mm: np.ndarray, reach_mm: float) -> np.ndarray:
    """(3, K, H, W) float32 motion in mm along (k, row, column): the prior at x + motion(x) is what is expected at x.

    Symmetric demons (Vercauteren et al., NeuroImage 2009; ITK's filter), elastic.

    Parameters
    ----------
    target, prior : (K, H, W) float32 Hounsfield units
    reach_mm : float
        The longest motion; a longer one is cut to it.
    """
    if min(target.shape) < 2:
        return np.zeros((3, *target.shape), np.float32)
    voxel = (target.size * spacing_mm.prod() / MAX_VOXELS) ** (1 / 3)
    shape = target.shape if target.size <= MAX_VOXELS else coarse_shape(target.shape, spacing_mm, voxel)
    coarse_mm = spacing_mm * np.array(target.shape) / shape
    arrays = [np.minimum(array, HIGHEST_HU).astype(np.float32) for array in (target, prior)]
    images = [sitk.GetImageFromArray(array if shape == target.shape else shrunk(array, shape)) for array in arrays]
    for image in images:
        image.SetSpacing([float(step) for step in coarse_mm[::-1]])
    demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
    demons.SetNumberOfIterations(ITERATIONS)
    demons.SetMaximumRMSError(0.0)
    demons.SetIntensityDifferenceThreshold(SAME_HU)
    demons.SetSmoothDisplacementField(True)
    demons.SetStandardDeviations([SMOOTH_MM / float(step) for step in coarse_mm[::-1]])
    field = sitk.GetArrayFromImage(demons.Execute(*images))
    motion = np.stack([resized(axis, target.shape) for axis in np.moveaxis(field, -1, 0)[::-1].astype(np.float32)])
    length = np.linalg.norm(motion, axis=0)
    return motion * np.minimum(1.0, reach_mm / np.maximum(length, 1e-6)).astype(np.float32)
