"""Point prompts: where each part of the prior lies on the new slice."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .features import Reference
from .models.base import Embedding
from .settings import Settings


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
    features : (n, C) float32
        The part-level feature of each point; (n, 0) where it is not kept.
    """

    points_xy: np.ndarray
    labels: np.ndarray
    parts: np.ndarray
    similarity: np.ndarray
    features: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32), repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def empty(cls) -> PointPrompts:
        return cls(np.zeros((0, 2), np.float32), np.zeros(0, np.int8), np.zeros(0, int), np.zeros(0, np.float32))

    def joined(self, other: PointPrompts) -> PointPrompts:
        return PointPrompts(
            *(np.concatenate([getattr(self, name), getattr(other, name)]) for name in ("points_xy", "labels", "parts", "similarity", "features"))
        )


def prompts_by_counts(
    embedding: Embedding, reference: Reference, settings: Settings, weights: tuple[np.ndarray, np.ndarray] | None = None
) -> dict[tuple[int, int], PointPrompts]:
    """Prompts for every pair of part counts that the reference allows.

    Each part becomes the point of greatest cosine similarity (P2SAM, equations 2 and 3). `weights` are two (H, W) maps in
    0..1 that the positive and the negative similarity maps are multiplied with; None leaves them as they are.

    Returns
    -------
    dict
        (n_positive, n_negative) -> PointPrompts, positive points first, in the order of the settings.
    """
    on, off = weights if weights is not None else (None, None)
    positive = {n: _points(embedding, parts, 1, on) for n, parts in reference.positive.items()}
    if settings.negatives == "least similar":
        negative_of = {n: {1: _least_similar(embedding, reference.positive[n])} for n in positive}
    else:
        shared = {n: _points(embedding, parts, 0, off) for n, parts in reference.negative.items()}
        negative_of = {n: shared for n in positive}
    found = {}
    for n_positive in positive:
        for n_negative in settings.n_negative:
            if n_negative == 0:
                found[n_positive, 0] = positive[n_positive]
            elif n_negative in negative_of[n_positive]:
                found[n_positive, n_negative] = positive[n_positive].joined(negative_of[n_positive][n_negative])
    return found


def _points(embedding: Embedding, parts: np.ndarray, label: int, weight: np.ndarray | None) -> PointPrompts:
    peaks = embedding.similarity_peaks(parts, weight)
    n = len(parts)
    return PointPrompts(peaks.points_xy, np.full(n, label, np.int8), np.arange(n), peaks.scores, parts)


def _least_similar(embedding: Embedding, parts: np.ndarray) -> PointPrompts:
    peak = embedding.dissimilarity_peak(parts)
    return PointPrompts(peak.points_xy, np.zeros(1, np.int8), np.zeros(1, int), peak.scores, -parts.mean(axis=0, keepdims=True))
