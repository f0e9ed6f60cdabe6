"""How well the prior fits the follow-up, displaced by whole voxels: neighbourhoods compared, step by step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

DIFFERENCE_LIMIT_HU = 300.0
NOISE_HU = 30.0
LEAST_SEEN = 0.05
"""Share of a neighbourhood that counts as seen, however much of it is left out."""


def fit_costs(
    target: np.ndarray,
    prior: np.ndarray,
    spacing_mm: np.ndarray,
    steps: np.ndarray,
    width: np.ndarray,
    motion_mm: float,
    seen: np.ndarray | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each step and its cost: squared difference of the neighbourhoods over the noise, and the motion's own.

    Parameters
    ----------
    target, prior : (K, H, W) float32 Hounsfield units
    steps : (n, 3) whole voxels
    width : (3,) voxels
        Standard deviations of the Gaussian neighbourhood.
    motion_mm : float
        Standard deviation of the expected motion.
    seen : (K, H, W) float32 in 0..1, optional
        What of the follow-up is compared; the rest is left out of every neighbourhood.

    Yields
    ------
    (step, cost)
        Cost (K, H, W): a negative log-likelihood.
    """
    share = None if seen is None else ndimage.gaussian_filter(seen, width, truncate=2.0) + LEAST_SEEN
    for step in steps:
        difference = np.minimum(np.abs(target - shifted(prior, step)), DIFFERENCE_LIMIT_HU)
        square = difference * difference if seen is None else seen * difference * difference
        patch = ndimage.gaussian_filter(square, width, truncate=2.0)
        motion = ((step * spacing_mm) ** 2).sum() / (2 * motion_mm**2)
        yield step, (patch if share is None else patch / share) / (2 * NOISE_HU**2) + np.float32(motion)


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
