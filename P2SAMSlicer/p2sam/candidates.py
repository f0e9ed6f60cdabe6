"""Candidates: one mask for each pair of part counts, drawn by the model in a cascade, and the priors beside them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np

from .guide import Guide
from .models.base import Embedding, MaskLogits, PromptableModel, Prompts
from .prompts import PointPrompts
from .settings import Settings


@dataclass(frozen=True)
class Candidate:
    """One mask for one slice.

    Attributes
    ----------
    kind : str
        "parts" (drawn from prompts), "aligned prior" or "tracked prior".
    n_positive, n_negative : int
    prompts : PointPrompts
    logits : (H, W) float32
        > 0 is foreground.
    features : (n, C) float32
        Target features under the mask; empty where the mask is.
    """

    kind: str
    n_positive: int
    n_negative: int
    prompts: PointPrompts
    logits: np.ndarray
    features: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        return self.logits > 0


def drawn_candidates(
    model: PromptableModel,
    embedding: Embedding,
    prompts: dict[tuple[int, int], PointPrompts],
    settings: Settings,
    guide: Guide | None = None,
    reach: np.ndarray | None = None,
) -> list[Candidate]:
    """Draw one candidate for each pair of part counts, those with the same number of points in one call.

    `reach` (H, W) bool takes away what lies out of the prior's reach. The order is that of `prompts`.
    """
    groups = defaultdict(list)
    for counts, points in prompts.items():
        groups[len(points)].append(counts)
    found = {}
    for counts_of_group in groups.values():
        decoded = cascade(model, embedding, _stacked([prompts[c] for c in counts_of_group]), settings, guide)
        for row, counts in enumerate(counts_of_group):
            logits, features = decoded.logits[row], embedding.features_under(decoded.low_res[row])
            if reach is not None and (logits[~reach] > 0).any():
                logits = np.where(reach, logits, -np.abs(logits))
                features = embedding.features_at(logits > 0)
            found[counts] = Candidate("parts", *counts, prompts[counts], logits, features)
    return [found[counts] for counts in prompts]


def cascade(
    model: PromptableModel, embedding: Embedding, prompts: Prompts, settings: Settings, guide: Guide | None = None
) -> MaskLogits:
    """Points; then points and the logits; then points, logits and the box of the mask from the step before.

    With a guide the first step also has the prior's box and its mask. A candidate whose mask is empty before the last
    step has no box and keeps what it has.
    """
    first = prompts
    if guide is not None:
        box = guide.box_xyxy(settings)
        if box is not None:
            first = replace(first, boxes_xyxy=np.repeat(box[None], len(prompts), axis=0))
        if settings.mask_prompt and (guide.tracked >= 0.5).any():
            first = replace(first, mask_input=np.repeat(embedding.mask_prompt(guide.tracked)[None], len(prompts), axis=0))
    decoded = model.decode(embedding, first)
    if settings.cascade_steps >= 2:
        decoded = model.decode(embedding, replace(first, mask_input=decoded.low_res))
    if settings.cascade_steps >= 3:
        filled = np.flatnonzero((decoded.logits > 0).any(axis=(1, 2)))
        if len(filled):
            boxes = np.stack([_box_xyxy(decoded.logits[row] > 0) for row in filled])
            last = model.decode(embedding, _rows(replace(prompts, mask_input=decoded.low_res), filled, boxes))
            decoded = _with_rows(decoded, filled, last)
    return decoded


def prior_candidates(embedding: Embedding, guide: Guide) -> list[Candidate]:
    """The registered prior itself: as aligned, and as tracked where that differs."""
    found = []
    for kind, probability in (("aligned prior", guide.aligned), ("tracked prior", guide.tracked)):
        if kind == "tracked prior" and np.array_equal(guide.aligned, guide.tracked):
            continue
        logits = logit(probability)
        found.append(Candidate(kind, 0, 0, PointPrompts.empty(), logits, embedding.features_at(probability)))
    return found


def logit(probability: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)) in float32, p kept within 1e-4 of 0 and 1; exactly 0.5 counts as foreground."""
    p = np.clip(probability.astype(np.float32), 1e-4, 1 - 1e-4)
    return np.where(p == 0.5, np.float32(1e-6), np.log(p / (1 - p)))


def _stacked(prompts: list[PointPrompts]) -> Prompts:
    stack = {name: np.stack([getattr(p, name) for p in prompts]) for name in ("points_xy", "labels", "features")}
    return Prompts(stack["points_xy"].astype(np.float32), stack["labels"], stack["features"])


def _box_xyxy(mask: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(mask)
    return np.array([columns.min(), rows.min(), columns.max(), rows.max()], np.float32)


def _rows(prompts: Prompts, rows: np.ndarray, boxes: np.ndarray) -> Prompts:
    return Prompts(prompts.points_xy[rows], prompts.labels[rows], prompts.part_features[rows], boxes, prompts.mask_input[rows])


def _with_rows(decoded: MaskLogits, rows: np.ndarray, last: MaskLogits) -> MaskLogits:
    arrays = {}
    for name in ("logits", "low_res", "iou"):
        arrays[name] = getattr(decoded, name).copy()
        arrays[name][rows] = getattr(last, name)
    return MaskLogits(**arrays)
