"""Distribution-guided retrieval: the candidate whose features lie nearest to the prior's is kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .candidates import Candidate
from .distribution import distribution_distance
from .features import thinned
from .settings import Settings


def distance_between(reference: np.ndarray, features: np.ndarray, settings: Settings) -> float | None:
    """Distance, as the settings say, of two feature sets, each thinned to `max_features`; None where one is empty."""
    metric = "wasserstein" if settings.retrieval == "none" else settings.retrieval
    reference, features = (thinned(one, settings.max_features) for one in (reference, features))
    return distribution_distance(reference, features, metric, settings.cost)


def distances_of(candidates: Sequence[Candidate], foreground: np.ndarray, settings: Settings) -> list[float | None]:
    """Distance of each candidate's features to the prior's `foreground` (n, C); None for an empty one."""
    return [distance_between(foreground, candidate.features, settings) for candidate in candidates]


def retrieve(candidates: Sequence[Candidate], distances: Sequence[float | None], settings: Settings) -> int | None:
    """Index of the candidate to keep, or None where there is none.

    The least distance wins, the first of equals. With `keep_margin` the registered prior stays unless a drawn candidate
    is nearer by that fraction. Where the prior was tracked, its place before tracking is scored for comparison only: a
    contour that is displaced onto similar tissue scores well. Without retrieval the last candidate with a score is
    taken. Where nothing has a score, because the structure is smaller than a cell of the feature grid, the prior stays.
    """
    kinds = [candidate.kind for candidate in candidates]
    eligible = [i for i, kind in enumerate(kinds) if kind != "aligned prior" or "tracked prior" not in kinds]
    scored = [i for i in eligible if distances[i] is not None]
    if not scored:
        unscored = [i for i in eligible if kinds[i] != "parts" and candidates[i].mask.any()]
        return unscored[0] if unscored else None
    if settings.retrieval == "none":
        return scored[-1]
    best = min(scored, key=lambda i: (distances[i], i))
    prior = next((i for i in scored if kinds[i] != "parts"), None)
    if prior is not None and distances[best] > (1 - settings.keep_margin) * distances[prior]:
        return prior
    return best
