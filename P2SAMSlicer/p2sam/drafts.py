"""One structure while its slices are drawn: what is known of it, what each slice is compared with, what was drawn."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .boxed import Boxed
from .method import FittedP2SAM, Prediction
from .prompts import PointPrompts
from .result import CandidateRecord
from .settings import Settings
from .visit import Target, Visit

Key = tuple[str, int]
"""("prior", slice) or ("target", slice): what an encoded slice is kept under."""

ANCHOR_REACH_MM = 15.0
"""An accepted slice of today's scan is compared with, like a prior slice, by the slices within this distance."""

LEAST_LOGIT = 1e-4
"""Of the foreground, so that it stays above 0 in half precision."""

ANCHOR_LOGIT = 32.0
"""Beyond what any drawn slice has, so that an accepted slice wins every overlap."""


@dataclass(frozen=True)
class DrawnSlice:
    """What is kept of a prediction: the chosen mask's logits (H, W) in float16, and every candidate without its voxels."""

    logits: Boxed
    """> 0 is foreground; kept in the box of the foreground, negative outside it."""
    prompts: PointPrompts
    candidates: tuple[CandidateRecord, ...]
    chosen: int | None

    @classmethod
    def of(cls, prediction: Prediction, pixel_mm2: float) -> DrawnSlice:
        logits = np.where(prediction.mask, np.clip(prediction.logits, LEAST_LOGIT, 16), -16.0)
        records = tuple(
            CandidateRecord(c.kind, c.n_positive, c.n_negative, distance, float(np.count_nonzero(c.mask)) * pixel_mm2)
            for c, distance in zip(prediction.candidates, prediction.distances)
        )
        return cls(Boxed.of(logits, outside=-16.0, dtype=np.float16), shown_prompts(prediction), records, prediction.chosen)

    @classmethod
    def accepted(cls, mask: np.ndarray, distance: float | None, pixel_mm2: float, prompts: PointPrompts) -> DrawnSlice:
        """A slice that a person accepted, (H, W) bool."""
        record = CandidateRecord("accepted", 0, 0, distance, float(np.count_nonzero(mask)) * pixel_mm2)
        logits = np.where(mask, ANCHOR_LOGIT, -16.0)
        return cls(Boxed.of(logits, outside=-16.0, dtype=np.float16), prompts, (record,), 0 if mask.any() else None)

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
    references: dict[int, tuple[Key, ...]]
    """follow-up slice -> slices pooled for it"""
    anchors: dict[int, np.ndarray] = field(default_factory=dict)
    """follow-up slice -> (H, W) bool that a person accepted there"""
    drawn: dict[int, DrawnSlice] = field(default_factory=dict)
    self_distances: dict[tuple[int, int], float] = field(default_factory=dict)
    """(prior slice, next prior slice) -> distance of the prior to itself"""
    fits: dict[tuple[Key, ...], FittedP2SAM] = field(default_factory=dict)
    last_features: tuple[int, np.ndarray] | None = None


def references_of(target: Target, visit: Visit, settings: Settings, anchors: dict[int, np.ndarray] | None = None) -> dict[int, tuple[Key, ...]]:
    """For each slice to be drawn the slices that stand for it: of the prior, and accepted ones nearby.

    With `native_reference` prior slices are numbered on the prior's own grid, and a slice without one in the structure
    is left out; otherwise on the follow-up's grid, the nearest one that holds the structure.
    """
    if settings.native_reference:
        present = target_native_mask(target, visit).any(axis=(1, 2))
        paired = visit.prior_slices()
        centre = {k: int(paired[k]) for k in range(len(paired)) if paired[k] >= 0 and present[paired[k]]}
    else:
        present = target.aligned.any_slice(0.5)
        there = np.flatnonzero(present)
        if len(there) == 0:
            return {}
        centre = {int(k): int(there[np.argmin(np.abs(there - k))]) for k in target.slices}
    reach = range(-settings.pool_slices, settings.pool_slices + 1)
    pooled = {k: tuple(("prior", r + d) for d in reach if 0 <= r + d < len(present) and present[r + d]) for k, r in centre.items()}
    return {k: (*keys, *nearest_anchors(k, anchors or {}, float(visit.spacing_kji[0]))) for k, keys in pooled.items()}


def nearest_anchors(k: int, anchors: dict[int, np.ndarray], slice_mm: float) -> tuple[Key, ...]:
    """The accepted slices next to slice k on each side, within reach, that hold something."""
    near = [a for a, mask in anchors.items() if a != k and abs(a - k) * slice_mm <= ANCHOR_REACH_MM and mask.any()]
    below, above = [a for a in near if a < k], [a for a in near if a > k]
    return tuple(("target", a) for a in (*([max(below)] if below else []), *([min(above)] if above else [])))


def nearest_references(references: dict[int, tuple[Key, ...]], k: int) -> tuple[Key, ...]:
    """What slice k is compared with; where it is none of the structure's slices, what the nearest of them is."""
    return references[min(references, key=lambda other: (abs(other - k), other))]


def target_native_mask(target: Target, visit: Visit) -> np.ndarray:
    return visit.prior_order.apply(target.segment.mask)
