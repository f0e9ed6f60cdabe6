"""Distribution-guided retrieval: the candidate whose features lie nearest to the prior's is kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .candidates import Candidate
from .distribution import distribution_distance
from .features import thinned
from .settings import Settings


def distances_of(candidates: Sequence[Candidate], foreground: np.ndarray, settings: Settings) -> list[float | None]:
    """Distance of each candidate's features to the prior's `foreground` (n, C); None for an empty one."""
    metric = "wasserstein" if settings.retrieval == "none" else settings.retrieval
    reference = thinned(foreground, settings.max_features)
    return [
        distribution_distance(reference, thinned(c.features, settings.max_features), metric, settings.cost)
        for c in candidates
    ]


def retrieve(candidates: Sequence[Candidate], distances: Sequence[float | None], settings: Settings) -> int | None:
    """Index of the candidate to keep, or None where there is none.

    The least distance wins, the first of equals. With `keep_margin` the best of the priors stays unless a drawn
    candidate is nearer by that fraction. Without retrieval the last non-empty candidate is taken. Where nothing has a
    score, because the structure is smaller than a cell of the feature grid, the prior stays.
    """
    scored = [i for i, d in enumerate(distances) if d is not None]
    if not scored:
        unscored = [i for i, c in enumerate(candidates) if c.kind != "parts" and c.mask.any()]
        return unscored[-1] if unscored else None
    if settings.retrieval == "none":
        return scored[-1]
    best = min(scored, key=lambda i: (distances[i], i))
    priors = [i for i in scored if candidates[i].kind != "parts"]
    if settings.keep_margin and priors and candidates[best].kind == "parts":
        stay = min(priors, key=lambda i: (distances[i], i))
        if distances[best] > (1 - settings.keep_margin) * distances[stay]:
            return stay
    return best
