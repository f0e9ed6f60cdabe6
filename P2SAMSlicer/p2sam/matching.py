"""What a registration climbs: the mutual information of two scans at given places, and which way it rises."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .coarse import VOXEL_MM, CoarseScan
from .mutual_information import MutualInformation


class Matching:
    """Smoothed grey values of a follow-up's body, to be matched with those of a prior.

    Parameters
    ----------
    sigma_mm : float
        Of the Gaussian that smooths both scans.
    voxels : int
        About how many voxels of the body are used: every n-th, never a random choice, so that runs repeat.

    Attributes
    ----------
    used : (n,) int
        Their flat indices on the follow-up's grid.
    points : (n, 3) float64
        Their places, LPS.
    """

    def __init__(self, prior: CoarseScan, followup: CoarseScan, sigma_mm: float, voxels: int):
        near = ndimage.binary_dilation(followup.body)
        every = max(1, round(near.sum() / voxels))
        self.used = np.flatnonzero(near)[::every]
        self.points = followup.points(near)[::every]
        fixed = ndimage.gaussian_filter(followup.grey, sigma_mm / VOXEL_MM)
        self._information = MutualInformation(fixed.ravel()[self.used])
        self._moving = ndimage.gaussian_filter(prior.grey, sigma_mm / VOXEL_MM)
        self._to_kji = (prior.direction.T / VOXEL_MM)[::-1].astype(np.float32)
        self._origin = prior.origin

    def __call__(self, places: np.ndarray) -> tuple[float, np.ndarray]:
        """Mutual information (nats) where the voxels lie at these places of the prior, and its derivative.

        Parameters
        ----------
        places : (n, 3) LPS

        Returns
        -------
        float, (n, 3) float32 in nats a mm
        """
        kji = (places - self._origin).astype(np.float32) @ self._to_kji.T
        values, slopes, inside = interpolated(self._moving, kji)
        information, change = self._information(values, inside)
        return information, (slopes * change[:, None]) @ self._to_kji


def interpolated(array: np.ndarray, kji: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Trilinear values, their exact derivatives, and which points lie inside.

    Parameters
    ----------
    array : (K, J, I) float32
    kji : (n, 3) float
        Continuous indices; points outside take the nearest value, with derivative 0.

    Returns
    -------
    (n,) float32, (n, 3) float32 along k, j, i, and (n,) bool
    """
    last = np.array(array.shape) - 1
    inside = ((kji >= 0) & (kji <= last)).all(axis=1)
    kji = np.clip(kji, 0, last - 1e-3, dtype=np.float32)
    cell = kji.astype(np.int64)
    t = (kji - cell).astype(np.float32)
    first = (cell[:, 0] * array.shape[1] + cell[:, 1]) * array.shape[2] + cell[:, 2]
    row, plane = array.shape[2], array.shape[1] * array.shape[2]
    corner = array.ravel()[first[:, None] + np.array([0, plane, row, row + plane, 1, plane + 1, row + 1, row + plane + 1])]
    by_i = corner[:, 4:] - corner[:, :4]
    edge = corner[:, :4] + by_i * t[:, 2:]
    by_j = edge[:, 2:] - edge[:, :2]
    face = edge[:, :2] + by_j * t[:, 1:2]
    by_k = face[:, 1] - face[:, 0]
    by_i = by_i[:, :2] * (1 - t[:, 1:2]) + by_i[:, 2:] * t[:, 1:2]
    slopes = np.stack([by_k, _mix(by_j, t[:, 0]), _mix(by_i, t[:, 0])], axis=1)
    slopes[~inside] = 0
    return face[:, 0] + by_k * t[:, 0], slopes, inside


def _mix(pair: np.ndarray, t: np.ndarray) -> np.ndarray:
    return pair[:, 0] * (1 - t) + pair[:, 1] * t
