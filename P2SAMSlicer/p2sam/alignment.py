"""The result of aligning a prior with a follow-up, and what it carries over: points, grey values, masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from .resampling import resampled_image, resampled_mask
from .volume import LPS_TO_RAS, Volume


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where each point of the follow-up lies in the prior, and how far that can be trusted.

    Attributes
    ----------
    requested, used : str
        "none", "centre", "rigid", "deformable" or "file"; they differ where a method failed, and a warning says why.
    transform : SimpleITK.Transform
        Maps follow-up points to prior points (LPS, mm).
    quality : float in 0..1
        `Agreement.quality`: local correlation of structure in the body both scans show; 1 is a perfect copy.
    details : dict of str to float or str
        The other measures of `Agreement`; the quality in place; the start; the least Jacobian of a deformation.
    warnings : tuple of str
        Sentences.
    seconds : float
    """

    requested: str
    used: str
    transform: sitk.Transform
    quality: float
    details: dict
    warnings: tuple[str, ...]
    seconds: float

    def summary(self) -> dict:
        """What JSON can hold; the transform by its class name."""
        return {
            "requested": self.requested,
            "used": self.used,
            "quality": round(self.quality, 4),
            "details": {key: round(value, 4) if isinstance(value, float) else value for key, value in self.details.items()},
            "warnings": list(self.warnings),
            "seconds": round(self.seconds, 2),
            "transform": self.transform.GetName(),
            "direction": "follow-up points to prior points, LPS, mm",
        }

    def to_prior(self, ras: np.ndarray) -> np.ndarray:
        """(n, 3) RAS points of the follow-up to (n, 3) RAS points of the prior, mm."""
        sign = np.diag(LPS_TO_RAS)[:3]
        return np.array([self.transform.TransformPoint(point) for point in (ras * sign).tolist()]).reshape(-1, 3) * sign

    def resample_image(self, prior: Volume, followup: Volume, fill: float = -1024.0) -> np.ndarray:
        """(K, J, I) float32: the prior on the follow-up's grid, by linear interpolation; `fill` where it does not reach."""
        return resampled_image(prior, followup, self.transform, fill)

    def resample_mask(self, mask: np.ndarray, prior: Volume, followup: Volume) -> np.ndarray:
        """(K, J, I) float32 in 0..1: how likely each voxel of the follow-up's grid is inside; inside is >= 0.5.

        Parameters
        ----------
        mask : (K, J, I) bool
            On the prior's grid. Its volume is kept, so that thin structures are not eroded.
        """
        return resampled_mask(mask, prior, followup, self.transform)
