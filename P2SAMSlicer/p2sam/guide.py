"""What the aligned prior says of one slice of the follow-up: where to look, where not, and what was there."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from .settings import Settings


@dataclass(frozen=True)
class Guide:
    """The aligned prior on one slice.

    Attributes
    ----------
    aligned : (H, W) float32
        Probability of the structure after alignment.
    tracked : (H, W) float32
        The same after the search around each place; equal to `aligned` where nothing was searched.
    spacing_mm : (2,) float
        Of rows and columns: millimetres from one row to the next, and from one column to the next.
    also_xy : (n, 2) float
        (column, row) of points that the box must hold as well, and that prompts may reach.
    """

    aligned: np.ndarray
    tracked: np.ndarray
    spacing_mm: tuple[float, float]
    also_xy: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.float32))

    def distance_mm(self) -> np.ndarray:
        """(H, W) distance outside the tracked prior (or, where that is empty, the aligned one) and `also_xy`; 0 inside."""
        inside = self.tracked >= 0.5 if (self.tracked >= 0.5).any() else self.aligned >= 0.5
        if len(self.also_xy):
            columns, rows = np.rint(self.also_xy).astype(int).T
            inside = inside.copy()
            inside[rows, columns] = True
        if not inside.any():
            return np.full(inside.shape, np.inf)
        return ndimage.distance_transform_edt(~inside, sampling=self.spacing_mm)

    def weights(self, distance_mm: np.ndarray, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
        """Two (H, W) maps in 0..1: positive prompts near the prior, negative ones outside it but within reach.

        The positive map is exp(-d^2 / 2 sigma^2) of the distance d outside the prior; the negative one is its
        complement in probability. Both are 0 beyond `reach_mm`.
        """
        within = np.ones(distance_mm.shape, np.float32)
        if settings.reach_mm:
            within = (distance_mm <= settings.reach_mm).astype(np.float32)
        near = within
        if settings.prior_sigma_mm:
            near = within * np.exp(-0.5 * (np.minimum(distance_mm, 1e3) / settings.prior_sigma_mm) ** 2).astype(np.float32)
        return near, within * (1.0 - self.tracked)

    def box_xyxy(self, settings: Settings) -> np.ndarray | None:
        """(4,) box of the tracked prior and `also_xy` with its margin, clipped to the slice; None without them or where it is off."""
        rows, columns = np.nonzero(self.tracked >= 0.5)
        rows, columns = np.append(rows, self.also_xy[:, 1]), np.append(columns, self.also_xy[:, 0])
        if settings.box_margin_mm < 0 or len(rows) == 0:
            return None
        margin = np.array([settings.box_margin_mm / self.spacing_mm[1], settings.box_margin_mm / self.spacing_mm[0]])
        low = np.maximum(np.array([columns.min(), rows.min()]) - margin, 0)
        high = np.minimum(np.array([columns.max(), rows.max()]) + margin, np.array(self.tracked.shape[::-1]) - 1)
        return np.concatenate([low, high]).astype(np.float32)
