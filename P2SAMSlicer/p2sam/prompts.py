"""Point prompts: where each part of the prior lies on the new slice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PointPrompts:
    """n points on one slice.

    Attributes
    ----------
    points_xy : (n, 2) float32
        (column, row) in pixels of the canonical slice.
    labels : (n,) int8
        1 positive, 0 negative.
    parts : (n,) int
        Number of the part each point stands for, counted from 0 within its label.
    similarity : (n,) float32
        Cosine similarity of the part to the feature under the point.
    """

    points_xy: np.ndarray
    labels: np.ndarray
    parts: np.ndarray
    similarity: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def empty(cls) -> PointPrompts:
        return cls(np.zeros((0, 2), np.float32), np.zeros(0, np.int8), np.zeros(0, int), np.zeros(0, np.float32))
