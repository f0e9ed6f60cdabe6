"""What the prior looks like to the model: its foreground and background features, and the parts they fall into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .models.base import Embedding
from .parts import part_features
from .settings import Settings


@dataclass(frozen=True)
class Reference:
    """Features of the prior on one slice (or a few pooled ones).

    Attributes
    ----------
    foreground : (n, C) float32
        Un-normed, what candidates are compared with; thinned to `max_features`.
    positive, negative : dict
        Part count -> (count, C) unit-normed part-level features; counts that the region is too small for are absent.
    """

    foreground: np.ndarray
    positive: dict[int, np.ndarray]
    negative: dict[int, np.ndarray]


def reference_of(
    embeddings: Sequence[Embedding],
    masks: Sequence[np.ndarray],
    settings: Settings,
    backgrounds: Sequence[np.ndarray] | None = None,
) -> Reference:
    """Pool the features of a structure over reference slices and find its parts, once for each part count.

    Parameters
    ----------
    embeddings : B embeddings
    masks : B of (H, W) bool
        Where no feature lies under any of them (an empty mask, or one smaller than a cell of the grid) there are no
        parts, and prediction has nothing to draw from.
    backgrounds : B of (H, W) bool
        Where negative parts may come from; by default all that is not the structure, as published.
    """
    foreground = np.concatenate([e.features_at(m) for e, m in zip(embeddings, masks)])
    background = np.zeros((0, foreground.shape[1]), np.float32)
    if settings.negatives == "background parts" and any(settings.n_negative):
        backgrounds = [~np.asarray(m, bool) for m in masks] if backgrounds is None else backgrounds
        background = np.concatenate([e.features_at(m) for e, m in zip(embeddings, backgrounds)])
    compared = thinned(foreground, settings.max_features)
    return Reference(
        compared, _parts(foreground, settings.n_positive, settings), _parts(background, settings.n_negative, settings)
    )


def _parts(features: np.ndarray, counts: Sequence[int], settings: Settings) -> dict[int, np.ndarray]:
    features = thinned(features, 4 * settings.max_features)
    found = {n: part_features(features, n, settings.seed) for n in counts if n > 0}
    return {n: parts for n, parts in found.items() if parts is not None}


def thinned(features: np.ndarray, at_most: int) -> np.ndarray:
    """At most so many features, taken at a regular stride; 0 keeps all."""
    if at_most == 0 or len(features) <= at_most:
        return features
    return features[np.linspace(0, len(features) - 1, at_most).astype(int)]
