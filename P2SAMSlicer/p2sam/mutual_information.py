"""Mutual information of grey values, with its derivative, as a deformable registration climbs it."""

from __future__ import annotations

import numpy as np

_BINS = 32


class MutualInformation:
    """Of fixed grey values with others at the same places, from a joint histogram.

    Mattes et al., PET-CT image registration in the chest using free-form deformations, IEEE TMI 2003: a fixed value
    counts for one bin, a moving value for four through a cubic B-spline, which makes the histogram differentiable.

    Parameters
    ----------
    fixed : (n,) in 0..1
    """

    def __init__(self, fixed: np.ndarray):
        self._row = np.clip((fixed * _BINS).astype(np.int64), 0, _BINS - 1) * (_BINS + 4)

    def __call__(self, moving: np.ndarray, used: np.ndarray) -> tuple[float, np.ndarray]:
        """Mutual information (nats) and its derivative.

        Parameters
        ----------
        moving : (n,) in 0..1
        used : (n,) bool
            Which pairs count.

        Returns
        -------
        float, (n,) float32
            0 and zeros where no pair counts.
        """
        total = int(used.sum())
        if total == 0:
            return 0.0, np.zeros(len(moving), dtype=np.float32)
        at = moving.astype(np.float64) * (_BINS - 1) + 2
        first = np.floor(at).astype(np.int64)
        t = at - first
        share = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6 * used
        slope = np.stack([-((1 - t) ** 2), 3 * t**2 - 4 * t, -3 * t**2 + 2 * t + 1, t**2]) / 2 * used
        cells = (self._row + first - 1)[None] + np.arange(4)[:, None]
        joint = np.bincount(cells.ravel(), share.ravel(), minlength=_BINS * (_BINS + 4)).reshape(_BINS, -1) / total
        by_fixed, by_moving = joint.sum(axis=1, keepdims=True), joint.sum(axis=0, keepdims=True)
        filled = joint > 1e-12
        information = float((joint * _log(joint, by_fixed * by_moving, filled)).sum())
        change = (slope * _log(joint, by_moving, filled).ravel()[cells]).sum(axis=0)
        return information, (change * ((_BINS - 1) / total)).astype(np.float32)


def _log(part: np.ndarray, whole: np.ndarray, filled: np.ndarray) -> np.ndarray:
    """log(part / whole) where `filled`, else 0."""
    ratio = np.ones_like(part)
    np.divide(part, whole, out=ratio, where=filled)
    return np.log(ratio)
