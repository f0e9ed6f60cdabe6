"""Arrays displaced along a motion, and put on coarser or finer grids."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


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
