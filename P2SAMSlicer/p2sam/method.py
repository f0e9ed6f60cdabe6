"""P2SAM on one slice: fit on the prior, predict on the follow-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .candidates import Candidate, drawn_candidates, prior_candidates
from .features import Reference, reference_of
from .guide import Guide
from .models.base import Embedding, PromptableModel
from .prompts import prompts_by_counts
from .retrieval import distances_of, retrieve
from .settings import Settings


@dataclass(frozen=True)
class Prediction:
    """What `FittedP2SAM.predict` found: `candidates` with their `distances`, and which one was `chosen` (None: all empty)."""

    candidates: tuple[Candidate, ...]
    distances: tuple[float | None, ...]
    chosen: int | None
    size_hw: tuple[int, int]

    @property
    def candidate(self) -> Candidate | None:
        return None if self.chosen is None else self.candidates[self.chosen]

    @property
    def logits(self) -> np.ndarray:
        """(H, W) float32, > 0 is foreground; all -20 where nothing was found."""
        return np.full(self.size_hw, -20.0, np.float32) if self.candidate is None else self.candidate.logits

    @property
    def mask(self) -> np.ndarray:
        return self.logits > 0


class P2SAM:
    """The method with one model and one set of settings; holds no image."""

    def __init__(self, model: PromptableModel, settings: Settings):
        self.model, self.settings = model, settings

    def fit(self, reference_image: np.ndarray, reference_mask: np.ndarray) -> FittedP2SAM:
        """(H, W, 3) uint8 and (H, W) bool of the prior slice."""
        return self.fit_embeddings(self.model.embed(reference_image[None]), [reference_mask])

    def fit_embeddings(
        self,
        embeddings: Sequence[Embedding],
        masks: Sequence[np.ndarray],
        backgrounds: Sequence[np.ndarray] | None = None,
    ) -> FittedP2SAM:
        """The same from slices that are embedded already; several are pooled. See `features.reference_of`."""
        return FittedP2SAM(self.model, self.settings, reference_of(embeddings, masks, self.settings, backgrounds))


@dataclass(frozen=True)
class FittedP2SAM:
    """P2SAM that knows one structure of the prior."""

    model: PromptableModel
    settings: Settings
    reference: Reference

    def predict(self, target_image: np.ndarray, guide: Guide | None = None) -> Prediction:
        """(H, W, 3) uint8 of the follow-up slice."""
        return self.predict_embedding(self.model.embed(target_image[None])[0], guide)

    def predict_embedding(self, embedding: Embedding, guide: Guide | None = None) -> Prediction:
        """The same on a slice that is embedded already."""
        weights = reach = None
        if guide is not None:
            away = guide.distance_mm()
            weights = guide.weights(away, self.settings)
            reach = away <= self.settings.reach_mm if self.settings.reach_mm else None
        prompts = prompts_by_counts(embedding, self.reference, self.settings, weights)
        candidates = drawn_candidates(self.model, embedding, prompts, self.settings, guide, reach)
        if guide is not None and self.settings.prior_candidates:
            candidates = prior_candidates(embedding, guide) + candidates
        distances = distances_of(candidates, self.reference.foreground, self.settings)
        return Prediction(
            tuple(candidates), tuple(distances), retrieve(candidates, distances, self.settings), embedding.size_hw
        )
