"""From Hounsfield units to the images a promptable model takes; and where each slice lies."""

from __future__ import annotations

import numpy as np

from .volume import Volume


def window_to_rgb(hu: np.ndarray, window_hu: tuple[float, float]) -> np.ndarray:
    """(..., H, W) Hounsfield units to (..., H, W, 3) uint8: clipped to the window, scaled linearly to 0..255, rounded.

    Not-a-number becomes the window's lower end.
    """
    low, high = window_hu
    scaled = (np.clip(np.nan_to_num(hu, nan=low), low, high) - low) * (255.0 / (high - low))
    grey = np.rint(scaled).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def slice_positions_mm(volume: Volume) -> np.ndarray:
    """(K,) position of each slice centre along the slice normal, as Slicer's slice views count it: towards R, A or S."""
    step = volume.ijk_to_ras[:3, 2]
    normal = step / np.linalg.norm(step)
    normal = normal * np.sign(normal[np.argmax(np.abs(normal))])
    middle = volume.ras_of(np.array([[(volume.array.shape[2] - 1) / 2, (volume.array.shape[1] - 1) / 2, 0.0]]))[0]
    return middle @ normal + np.arange(volume.array.shape[0]) * (step @ normal)
