"""One slice drawn again from the points that a person moved, added or took away."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from . import flags
from .assembly import slice_result, usual_distance
from .candidates import drawn_candidates
from .coverage import beyond_flag
from .drafts import Draft, DrawnSlice, nearest_references
from .drawing import Drawing
from .guide import Guide
from .method import Prediction
from .models.base import Embedding
from .parts import unit_norm
from .prompts import PointPrompts
from .result import SliceResult
from .retrieval import distances_of
from .visit import Visit

LEAST_DOUBT_MM = 4.0
"""How far around a point that contradicts the prior the prior is not believed, at least."""

CORRECTED = "corrected"
"""Kind of the candidate that was drawn from a person's points."""

SLICES_KEPT = 24
"""Encoded slices kept after a correction, for the next one."""


@dataclass(frozen=True, eq=False)
class Redrawn:
    """A slice drawn again: `mask` (rows, columns) bool as the follow-up stores its slices, and what is told of it."""

    mask: np.ndarray
    slice: SliceResult


def redrawn_slice(drawing: Drawing, draft: Draft, k: int, points_ras: np.ndarray, labels: np.ndarray, parts: np.ndarray) -> Redrawn:
    """Draw canonical slice k of a structure from given points; see `Case.redraw`."""
    visit, settings = drawing.visit, drawing.settings
    proposed = _proposed(drawing, draft, k)
    embedding = drawing.encoder.embeddings([("target", k)])[0]
    fitted = drawing.fitted(draft, nearest_references(draft.references, k))
    points_xy = _pixels(visit, np.asarray(points_ras, float).reshape(-1, 3), embedding.size_hw)
    prompts = _prompts(embedding, proposed, points_xy, np.asarray(labels, np.int8), np.asarray(parts, int), visit.spacing_kji[1:])
    guide = reach = None
    if settings.use_prior:
        guide = draft.target.guide(k, visit.spacing_kji)
        guide = replace(guide, tracked=doubted(guide, prompts), also_xy=points_xy[prompts.labels == 1])
        reach = guide.distance_mm() <= settings.reach_mm if settings.reach_mm else None
    counts = (int((prompts.labels == 1).sum()), int((prompts.labels == 0).sum()))
    candidates = drawn_candidates(fitted.model, embedding, {counts: prompts}, settings, guide, reach)
    distances = distances_of(candidates, fitted.reference.foreground, settings)
    prediction = Prediction(tuple(candidates), tuple(distances), 0 if candidates[0].mask.any() else None, embedding.size_hw)
    drawn = DrawnSlice.of(prediction, drawing.pixel_mm2)
    drawn = replace(drawn, prompts=prompts, candidates=tuple(replace(one, kind=CORRECTED) for one in drawn.candidates))
    drawing.encoder.keep_last(SLICES_KEPT)
    return Redrawn(visit.order.undo_slice(candidates[0].mask), _told(drawing, draft, k, drawn, candidates[0].mask))


def doubted(guide: Guide, prompts: PointPrompts) -> np.ndarray:
    """(H, W) the tracked prior, less sure around points that contradict it.

    Around a positive point outside it, or a negative one inside, its probability goes to one half with a Gaussian of
    the point's depth in the wrong, so that the image and the points decide there.
    """
    inside = guide.tracked >= 0.5
    sure = np.ones(inside.shape)
    rows, columns = np.indices(inside.shape)
    for (x, y), label in zip(prompts.points_xy, prompts.labels):
        if inside[int(round(y)), int(round(x))] == (label == 1):
            continue
        away = np.hypot((rows - y) * guide.spacing_mm[0], (columns - x) * guide.spacing_mm[1])
        across = away[inside == (label == 1)]
        wrong = float(across.min()) if across.size else LEAST_DOUBT_MM
        width = max(LEAST_DOUBT_MM, 1.5 * wrong)
        sure = np.minimum(sure, 1 - np.exp(-0.5 * (away / width) ** 2))
    return (0.5 + (guide.tracked - 0.5) * sure).astype(np.float32)


def _proposed(drawing: Drawing, draft: Draft, k: int) -> PointPrompts:
    """The points that the method proposed on slice k, found again where they are not at hand."""
    if k in draft.drawn and len(draft.drawn[k].prompts):
        return draft.drawn[k].prompts
    return drawing.predicted(draft, k).prompts if k in draft.references else PointPrompts.empty()


def _pixels(visit: Visit, points_ras: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """(n, 2) float32 (column, row) on the canonical slice, kept within it."""
    ijk = points_ras @ visit.followup.ras_to_ijk[:3, :3].T + visit.followup.ras_to_ijk[:3, 3]
    return np.clip(ijk[:, :2], 0, np.array(size_hw[::-1]) - 1).astype(np.float32)


def _prompts(
    embedding: Embedding, proposed: PointPrompts, points_xy: np.ndarray, labels: np.ndarray, parts: np.ndarray, spacing_mm: np.ndarray
) -> PointPrompts:
    """Each point with its part's features, or, where it has none, with those of the place it was put on."""
    known = {(int(label), int(part)): feature for label, part, feature in zip(proposed.labels, proposed.parts, proposed.features)}
    here = [_feature_at(embedding, point, spacing_mm) for point in points_xy]
    features = [known.get((int(label), int(part)), feature) for label, part, feature in zip(labels, parts, here)]
    similarity = [float(feature @ own) for feature, own in zip(features, here)]
    channels = embedding.features_at(np.zeros(embedding.size_hw, bool)).shape[1]
    stacked = np.stack(features) if features else np.zeros((0, channels), np.float32)
    return PointPrompts(points_xy, labels, parts, np.array(similarity, np.float32), stacked)


def _feature_at(embedding: Embedding, point_xy: np.ndarray, spacing_mm: np.ndarray) -> np.ndarray:
    """(C,) unit-normed mean feature of the smallest disk around a point that holds one."""
    rows, columns = np.ogrid[: embedding.size_hw[0], : embedding.size_hw[1]]
    away = np.hypot((rows - point_xy[1]) * spacing_mm[0], (columns - point_xy[0]) * spacing_mm[1])
    radius = float(spacing_mm.max())
    while True:
        features = embedding.features_at(away <= radius)
        if len(features):
            return unit_norm(features.mean(axis=0)).astype(np.float32)
        radius *= 1.5


def _told(drawing: Drawing, draft: Draft, k: int, drawn: DrawnSlice, mask: np.ndarray) -> SliceResult:
    visit = drawing.visit
    spacing = visit.spacing_kji[1:]
    here, prior = flags.outline(mask, spacing), flags.outline(draft.target.aligned[k] >= 0.5, spacing)
    found = flags.empty_flag(here, prior)
    if here.area_mm2 > 0:
        found += flags.distance_flags(drawn.distance, True, usual_distance(draft, drawing.settings))
        found += flags.prompt_flags(drawn.prompts, visit.followup.array[k])
    found += beyond_flag(visit, draft.target, k)
    return slice_result(visit, k, int(visit.prior_slices()[k]), drawn, here, prior, found)
