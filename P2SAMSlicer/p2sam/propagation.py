"""From a prior visit to a follow-up: every structure, slice by slice, each slice encoded once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from .align import Alignment, align
from .assembly import assemble
from .distribution import distribution_distance
from .encoding import SliceEncoder
from .errors import StructureError
from .features import thinned
from .method import FittedP2SAM, P2SAM, Prediction
from .models.base import PromptableModel
from .prompts import PointPrompts
from .result import CandidateRecord, VisitResult
from .segmentation import Segmentation
from .settings import Settings
from .visit import Target, Visit
from .volume import Volume, same_grid

Progress = Callable[[str, int, int], None]
"""stage, done, of how many"""


@dataclass(frozen=True)
class DrawnSlice:
    """What is kept of a prediction: the chosen mask's logits (H, W) in float16, and every candidate without its voxels."""

    logits: np.ndarray
    prompts: PointPrompts
    candidates: tuple[CandidateRecord, ...]
    chosen: int | None

    @classmethod
    def of(cls, prediction: Prediction, pixel_mm2: float) -> DrawnSlice:
        logits = np.clip(prediction.logits, -16, 16).astype(np.float16)
        logits[prediction.mask] = np.maximum(logits[prediction.mask], np.float16(1e-4))
        records = tuple(
            CandidateRecord(c.kind, c.n_positive, c.n_negative, distance, float(np.count_nonzero(c.mask)) * pixel_mm2)
            for c, distance in zip(prediction.candidates, prediction.distances)
        )
        return cls(logits, shown_prompts(prediction), records, prediction.chosen)

    @property
    def distance(self) -> float | None:
        return None if self.chosen is None else self.candidates[self.chosen].distance


def shown_prompts(prediction: Prediction) -> PointPrompts:
    """Of the chosen candidate; where the registered prior was kept, of the nearest drawn one, so that there is one to correct."""
    if prediction.candidate is not None and prediction.candidate.kind == "parts":
        return prediction.candidate.prompts
    drawn = [(d, i) for i, (c, d) in enumerate(zip(prediction.candidates, prediction.distances)) if c.kind == "parts" and d is not None]
    return prediction.candidates[min(drawn)[1]].prompts if drawn else PointPrompts.empty()


@dataclass
class Draft:
    """One structure while its slices are drawn, in the canonical frame."""

    target: Target
    references: dict[int, tuple[int, ...]]
    """follow-up slice -> prior slices pooled for it"""
    drawn: dict[int, DrawnSlice] = field(default_factory=dict)
    self_distances: dict[tuple[int, int], float] = field(default_factory=dict)
    """(prior slice, next prior slice) -> distance of the prior to itself"""
    fitted: tuple[tuple[int, ...], FittedP2SAM] | None = None
    last_features: tuple[int, np.ndarray] | None = None


def propagate(
    prior: Volume,
    segmentation: Segmentation,
    followup: Volume,
    model: PromptableModel,
    settings: Settings,
    *,
    names: Sequence[str] | None = None,
    alignment: Alignment | None = None,
    name: str = "followup",
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> VisitResult:
    """Segment a follow-up from one prior.

    Parameters
    ----------
    prior, followup : Volume
        CT in Hounsfield units, any orientation.
    segmentation : Segmentation
        On the prior's grid.
    names : structures to propagate (names or ids); None takes all
    alignment : Alignment, optional
        Made already; otherwise `settings.alignment` is run.
    progress, cancelled
        Called between slices. A cancelled run gives back what is done, `complete=False`.

    Returns
    -------
    VisitResult
        On the follow-up's own grid.

    Raises
    ------
    StructureError
        A name that is not there, or an empty structure.
    GeometryError
        Grids that do not fit, or no overlap.
    """
    started = time.monotonic()
    tell = progress or (lambda stage, done, total: None)
    segments = wanted(prior, segmentation, names)
    if alignment is None:
        tell("align", 0, 1)
        alignment = align(prior, followup, settings.alignment, cancelled=cancelled)
    visit = Visit.of(prior, followup, alignment)
    drafts = []
    for number, segment in enumerate(segments):
        tell("track", number, len(segments))
        target = Target.of(segment, prior, visit, settings)
        drafts.append(Draft(target, references_of(target, visit, settings)))
    complete = draw_slices(visit, drafts, model, settings, tell, cancelled)
    structures, aligned, warnings = assemble(visit, drafts, followup, settings)
    if not complete:
        warnings = (*warnings, "The run was stopped; slices that were not reached are empty.")
    seconds = time.monotonic() - started
    return VisitResult(name, followup, structures, aligned, alignment.summary(), complete, warnings, seconds)


def wanted(prior: Volume, segmentation: Segmentation, names: Sequence[str] | None) -> list:
    """The prior's segments asked for, each with at least one voxel."""
    if tuple(segmentation.shape) != prior.array.shape or not same_grid(prior, segmentation):
        raise StructureError("The segmentation does not lie on the prior CT's grid; read it with the prior as its reference.")
    chosen = segmentation.segments if names is None else [segmentation.segment(one) for one in names]
    segments = list({segment.id: segment for segment in chosen}.values())
    doubled = {one.name for one in segments if sum(other.name == one.name for other in segments) > 1}
    if doubled:
        raise StructureError(f"Several structures are named '{min(doubled)}'; rename them, or choose one by its id.")
    if not segments:
        raise StructureError("The segmentation has no structure; give one with at least one contour.")
    for segment in segments:
        if not segment.mask.any():
            raise StructureError(f"The structure '{segment.name}' is empty on the prior; leave it out, or contour it there.")
    return segments


def references_of(target: Target, visit: Visit, settings: Settings) -> dict[int, tuple[int, ...]]:
    """For each slice to be drawn the prior slices that stand for it.

    With `native_reference` these number the prior's own slices, and a slice without one in the structure is left out;
    otherwise they number the aligned prior on the follow-up's grid, the nearest one that holds the structure.
    """
    if settings.native_reference:
        present = target_native_mask(target, visit).any(axis=(1, 2))
        paired = visit.prior_slices()
        centre = {k: int(paired[k]) for k in range(len(paired)) if paired[k] >= 0 and present[paired[k]]}
    else:
        present = (target.aligned >= 0.5).any(axis=(1, 2))
        there = np.flatnonzero(present)
        if len(there) == 0:
            return {}
        centre = {int(k): int(there[np.argmin(np.abs(there - k))]) for k in target.slices}
    reach = range(-settings.pool_slices, settings.pool_slices + 1)
    return {
        k: tuple(r + d for d in reach if 0 <= r + d < len(present) and present[r + d]) for k, r in centre.items()
    }


def target_native_mask(target: Target, visit: Visit) -> np.ndarray:
    return visit.prior_order.apply(target.segment.mask)


def draw_slices(
    visit: Visit,
    drafts: list[Draft],
    model: PromptableModel,
    settings: Settings,
    tell: Progress,
    cancelled: Callable[[], bool] | None,
) -> bool:
    """Draw every structure, follow-up slice by slice; False where the run was cancelled."""
    prior_slices = visit.prior.array if settings.native_reference else visit.prior_hu
    encoder = SliceEncoder(
        model, settings.window_hu, lambda key: (visit.followup.array if key[0] == "target" else prior_slices)[key[1]]
    )
    method = P2SAM(model, settings)
    todo = sorted({k for draft in drafts for k in draft.references})
    for number, k in enumerate(todo):
        if cancelled is not None and cancelled():
            return False
        tell("slices", number, len(todo))
        here = [draft for draft in drafts if k in draft.references]
        keys = [("target", k), *(("prior", r) for draft in here for r in draft.references[k])]
        encoder.embeddings(keys)
        for draft in here:
            draw_slice(visit, draft, k, encoder, method)
        later = {("prior", r) for draft in drafts for j, refs in draft.references.items() if j > k for r in refs}
        encoder.keep_only(later)
    tell("slices", len(todo), len(todo))
    return True


def draw_slice(visit: Visit, draft: Draft, k: int, encoder: SliceEncoder, method: P2SAM) -> None:
    """Fit on the prior slices of slice k, unless the slice before had the same ones, and predict."""
    references = draft.references[k]
    if draft.fitted is None or draft.fitted[0] != references:
        draft.fitted = (references, fit(visit, draft, references, encoder, method))
    guide = draft.target.guide(k, visit.spacing_kji) if method.settings.use_prior else None
    embedding = encoder.embeddings([("target", k)])[0]
    prediction = draft.fitted[1].predict_embedding(embedding, guide)
    draft.drawn[k] = DrawnSlice.of(prediction, float(visit.spacing_kji[1] * visit.spacing_kji[2]))


def fit(visit: Visit, draft: Draft, references: tuple[int, ...], encoder: SliceEncoder, method: P2SAM) -> FittedP2SAM:
    settings = method.settings
    source = target_native_mask(draft.target, visit) if settings.native_reference else draft.target.aligned
    masks = [source[r] if settings.native_reference else source[r] >= 0.5 for r in references]
    embeddings = encoder.embeddings([("prior", r) for r in references])
    backgrounds = None
    if settings.use_prior and settings.reach_mm:
        backgrounds = [draft.target.surroundings(r, visit.spacing_kji, settings.reach_mm) for r in references]
    for r, embedding, mask in zip(references, embeddings, masks):
        compare_with_itself(draft, r, thinned(embedding.features_at(mask), settings.max_features), settings)
    return method.fit_embeddings(embeddings, masks, backgrounds)


def compare_with_itself(draft: Draft, r: int, features: np.ndarray, settings: Settings) -> None:
    """Distance of prior slice r to the one before it: what is normal for this structure in this patient."""
    if draft.last_features is not None and draft.last_features[0] == r - 1 and (r - 1, r) not in draft.self_distances:
        metric = "wasserstein" if settings.retrieval == "none" else settings.retrieval
        distance = distribution_distance(draft.last_features[1], features, metric, settings.cost)
        if distance is not None:
            draft.self_distances[r - 1, r] = distance
    draft.last_features = (r, features)
