"""Slices drawn: each one encoded once, fitted on the slices that stand for it, predicted, and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .drafts import Draft, DrawnSlice, Key, target_native_mask
from .encoding import SliceEncoder
from .features import thinned
from .method import FittedP2SAM, P2SAM
from .models.base import PromptableModel
from .prompts import PointPrompts
from .retrieval import distance_between
from .settings import Settings
from .visit import Visit, surroundings

Progress = Callable[[str, int, int], None]
"""stage, done, of how many"""


class Drawing:
    """Draws the slices of one visit with one model.

    Parameters
    ----------
    visit : Visit
    model : PromptableModel
    settings : Settings
    """

    def __init__(self, visit: Visit, model: PromptableModel, settings: Settings):
        self.visit, self.settings = visit, settings
        self.method = P2SAM(model, settings)
        prior_slices = visit.prior.array if settings.native_reference else visit.prior_hu
        self.encoder = SliceEncoder(
            model, settings.window_hu, lambda key: (visit.followup.array if key[0] == "target" else prior_slices)[key[1]]
        )
        self.pixel_mm2 = float(visit.spacing_kji[1] * visit.spacing_kji[2])

    def draw(
        self,
        todo: Sequence[tuple[Draft, set[int]]],
        tell: Progress,
        cancelled: Callable[[], bool] | None,
        drawn: Callable[[Draft, int], None] | None = None,
    ) -> bool:
        """Draw each structure's slices, follow-up slice by slice; False where the run was cancelled."""
        order = sorted({k for _, slices in todo for k in slices})
        for number, k in enumerate(order):
            if cancelled is not None and cancelled():
                return False
            tell("slices", number, len(order))
            here = [draft for draft, slices in todo if k in slices]
            self.encoder.embeddings([("target", k), *(key for draft in here for key in draft.references[k])])
            for draft in here:
                self.draw_slice(draft, k)
                if drawn is not None:
                    drawn(draft, k)
            self.encoder.keep_only(key for draft, slices in todo for j in slices if j > k for key in draft.references[j])
        tell("slices", len(order), len(order))
        return True

    def draw_slice(self, draft: Draft, k: int) -> None:
        """Keep what is drawn on slice k; an accepted slice stays as it is."""
        draft.drawn[k] = self._accepted(draft, k) if k in draft.anchors else self.predicted(draft, k)

    def predicted(self, draft: Draft, k: int) -> DrawnSlice:
        """Fit on the slices that stand for slice k, unless that was done, and predict."""
        fitted = self.fitted(draft, draft.references[k])
        guide = draft.target.guide(k, self.visit.spacing_kji) if self.settings.use_prior else None
        embedding = self.encoder.embeddings([("target", k)])[0]
        return DrawnSlice.of(fitted.predict_embedding(embedding, guide), self.pixel_mm2)

    def fitted(self, draft: Draft, references: tuple[Key, ...]) -> FittedP2SAM:
        if references not in draft.fits:
            draft.fits[references] = self._fit(draft, references)
        return draft.fits[references]

    def _fit(self, draft: Draft, references: tuple[Key, ...]) -> FittedP2SAM:
        settings, target, visit = self.settings, draft.target, self.visit
        native = target_native_mask(target, visit) if settings.native_reference else None
        masks, backgrounds = [], []
        for source, r in references:
            if source == "target":
                masks.append(draft.anchors[r])
            else:
                masks.append(target.aligned[r] >= 0.5 if native is None else native[r])
            if settings.use_prior and settings.reach_mm:
                backgrounds.append(surroundings(masks[-1], visit.spacing_kji, settings.reach_mm))
        embeddings = self.encoder.embeddings(references)
        for (source, r), embedding, mask in zip(references, embeddings, masks):
            if source == "prior":
                compare_with_itself(draft, r, thinned(embedding.features_at(mask), settings.max_features), settings)
        return self.method.fit_embeddings(embeddings, masks, backgrounds or None)

    def _accepted(self, draft: Draft, k: int) -> DrawnSlice:
        mask = draft.anchors[k]
        features = self.encoder.embeddings([("target", k)])[0].features_at(mask)
        distance = distance_between(self.fitted(draft, draft.references[k]).reference.foreground, features, self.settings)
        prompts = draft.drawn[k].prompts if k in draft.drawn else PointPrompts.empty()
        return DrawnSlice.accepted(mask, distance, self.pixel_mm2, prompts)


def compare_with_itself(draft: Draft, r: int, features: np.ndarray, settings: Settings) -> None:
    """Distance of prior slice r to the one before it: what is normal for this structure in this patient."""
    if draft.last_features is not None and draft.last_features[0] == r - 1 and (r - 1, r) not in draft.self_distances:
        distance = distance_between(draft.last_features[1], features, settings)
        if distance is not None:
            draft.self_distances[r - 1, r] = distance
    draft.last_features = (r, features)
