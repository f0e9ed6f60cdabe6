"""Parts: the prior's features, clustered; the mean of each cluster stands for one part of the structure."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits


def part_features(features: np.ndarray, n_parts: int, seed: int = 0) -> np.ndarray | None:
    """Part-level features of a region.

    One part is the mean feature; more are the cluster means of k-means++ (P2SAM, section 3.1). Each is unit-normed, so
    that a dot product with unit-normed target features is their cosine similarity.

    Parameters
    ----------
    features : (n, C) float32
        Un-normed features under the reference mask.
    n_parts : int
        At least 1.

    Returns
    -------
    (n_parts, C) float32, or None
        None where there are fewer features, or fewer distinct ones, than parts: that count is skipped.
    """
    if len(features) < n_parts:
        return None
    if n_parts == 1:
        means = features.mean(axis=0, keepdims=True)
    else:
        with warnings.catch_warnings(), threadpool_limits(1):  # so small a problem is slower on several threads
            warnings.simplefilter("error", ConvergenceWarning)
            try:
                means = KMeans(n_parts, n_init=1, random_state=seed).fit(features).cluster_centers_
            except ConvergenceWarning:
                return None
    return unit_norm(means).astype(np.float32)


def unit_norm(features: np.ndarray) -> np.ndarray:
    """(..., C) scaled to length 1; a zero vector stays zero."""
    length = np.linalg.norm(features, axis=-1, keepdims=True)
    return features / np.where(length > 0, length, 1)
