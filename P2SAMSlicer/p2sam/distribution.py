"""How far apart two sets of features lie. The candidate nearest to the prior is the one kept."""

from __future__ import annotations

import os

import numpy as np

os.environ.setdefault("POT_BACKEND_DISABLE_PYTORCH", "1")  # POT would import torch, only because it is installed

import ot  # noqa: E402
from scipy.optimize import linear_sum_assignment  # noqa: E402
from sklearn.decomposition import PCA  # noqa: E402

from .parts import part_features, unit_norm  # noqa: E402

DISTANCES = ("wasserstein", "jensen-shannon", "hungarian")
COSTS = ("squared-euclidean", "cosine")


def distribution_distance(
    reference: np.ndarray, target: np.ndarray, distance: str = "wasserstein", cost: str = "squared-euclidean"
) -> float | None:
    """Distance of two feature sets, (n, C) and (m, C); None where either is empty, because an empty mask has no score."""
    if len(reference) == 0 or len(target) == 0:
        return None
    if distance == "wasserstein":
        return wasserstein(reference, target, cost)
    if distance == "jensen-shannon":
        return jensen_shannon(reference, target)
    return hungarian(reference, target)


def wasserstein(reference: np.ndarray, target: np.ndarray, cost: str = "squared-euclidean") -> float:
    """Exact optimal-transport cost with uniform weights (P2SAM, equation 5).

    `squared-euclidean` on un-normed features is what the authors' program computes; `cosine`, 1 - cos, is what the
    equation writes.
    """
    if cost == "cosine":
        matrix = 1.0 - unit_norm(reference.astype(np.float64)) @ unit_norm(target.astype(np.float64)).T
    else:
        matrix = ot.dist(reference.astype(np.float64), target.astype(np.float64), metric="sqeuclidean")
    return float(ot.emd2(ot.unif(len(reference)), ot.unif(len(target)), np.maximum(matrix, 0.0), numItermax=1_000_000))


def jensen_shannon(reference: np.ndarray, target: np.ndarray, bins: int = 16) -> float:
    """Jensen-Shannon divergence, in nats, of the first two principal components (an ablation of the paper's Table 7).

    The components are those of the reference. The paper does not say how densities are estimated: here histograms
    of `bins` x `bins` over the range of both sets.
    """
    if len(reference) < 2:
        return float("inf")
    components = PCA(min(2, reference.shape[1], len(reference)), random_state=0).fit(reference)
    a, b = components.transform(reference), components.transform(target)
    both = np.concatenate([a, b])
    edges = [np.linspace(low, high + 1e-6, bins + 1) for low, high in zip(both.min(0), both.max(0))]
    p, q = (np.histogramdd(x, edges)[0].ravel() / len(x) for x in (a, b))
    middle = (p + q) / 2
    return float(sum(0.5 * np.sum(x[x > 0] * np.log(x[x > 0] / middle[x > 0])) for x in (p, q)))


def hungarian(reference: np.ndarray, target: np.ndarray, n_parts: int = 5) -> float:
    """Mean cosine distance of optimally matched cluster means (an ablation of the paper's Table 7).

    Both sets are clustered alike, into `n_parts` or as many as the smaller set has features.
    """
    for n in range(min(n_parts, len(reference), len(target)), 0, -1):
        a, b = part_features(reference, n), part_features(target, n)
        if a is not None and b is not None:
            break
    matrix = 1.0 - a @ b.T
    rows, columns = linear_sum_assignment(matrix)
    return float(matrix[rows, columns].mean())
