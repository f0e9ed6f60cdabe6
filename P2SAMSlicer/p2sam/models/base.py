"""What the pipeline asks of a promptable model. Any model that answers these calls can draw the candidates.

Frames: `point_xy` is (x, y) = (column, row) in pixels of the original slice, the centre of the first pixel at (0, 0).
`H, W` is the original slice, `h, w` the feature grid, `h', w'` the model's own low-resolution logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Prompts:
    """Prompts of B candidates for one slice, all with the same number of points; decoded in one call.

    Attributes
    ----------
    points_xy : (B, n, 2) float32
    labels : (B, n) int8
        1 positive, 0 negative.
    part_features : (B, n, C) float32 or None
        The part-level feature that each point came from. Learned decoders ignore it; `graph` has no other knowledge.
    boxes_xyxy : (B, 4) float32 or None
    mask_input : (B, h', w') float32 or None
        Low-resolution logits in the model's own frame: of an earlier decode, or of `Embedding.mask_prompt`.
    """

    points_xy: np.ndarray
    labels: np.ndarray
    part_features: np.ndarray | None = None
    boxes_xyxy: np.ndarray | None = None
    mask_input: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.points_xy)


@dataclass(frozen=True)
class MaskLogits:
    """What a decode gives back for B candidates.

    Attributes
    ----------
    logits : (B, H, W) float32
        At the original size; > 0 is foreground, the logistic function of it is the probability.
    low_res : (B, h', w') float32
        The model's own logits, to be fed back as `Prompts.mask_input`.
    iou : (B,) float32
        The model's own estimate of its overlap with the truth; NaN for a model that has none.
    """

    logits: np.ndarray
    low_res: np.ndarray
    iou: np.ndarray


@dataclass(frozen=True)
class PointScores:
    """Where each of n parts is most (or least) similar: `points_xy` (n, 2) float32 and `scores` (n,) float32, the cosine there."""

    points_xy: np.ndarray
    scores: np.ndarray


class Embedding(Protocol):
    """The features of one slice. They stay on the device they were made on; numpy goes in and comes out."""

    size_hw: tuple[int, int]
    grid_hw: tuple[int, int]

    def features_at(self, mask: np.ndarray) -> np.ndarray:
        """Features under a mask: (H, W) bool or probability -> (n, C) float32, in row order of the grid.

        The mask goes through the model's own resize and padding, then bilinear to the grid; > 0.5 is foreground.
        """

    def features_under(self, low_res: np.ndarray) -> np.ndarray:
        """Features where low-resolution logits (h', w'), resized to the grid, are > 0 -> (n, C) float32."""

    def similarity_peaks(self, parts: np.ndarray, weight: np.ndarray | None = None) -> PointScores:
        """For each part (n, C) the pixel of the original slice where the cosine similarity is greatest.

        The map of similarities on the grid goes bilinear x4, then through the model's own postprocessing to (H, W).
        `weight` (H, W) in 0..1 multiplies (similarity + 1) / 2 before the arg max; `scores` stay unweighted cosines.
        Where several pixels are equally good the first in row order is taken.
        """

    def dissimilarity_peak(self, parts: np.ndarray) -> PointScores:
        """The one pixel where the mean of the parts' similarity maps is least (the negative point of natural images)."""

    def mask_prompt(self, probability: np.ndarray) -> np.ndarray:
        """(H, W) probabilities to low-resolution logits (h', w') that `Prompts.mask_input` accepts."""


class PromptableModel(Protocol):
    """A model that embeds slices and draws masks from prompts. Holds weights, no state of any image."""

    name: str
    device: str
    sha256: str | None
    """Of the weights file; None for a model without one."""

    def embed(self, images: np.ndarray) -> Sequence[Any]:
        """(B, H, W, 3) uint8 -> B embeddings (each an `Embedding`)."""

    def decode(self, embedding: Any, prompts: Prompts) -> MaskLogits:
        """Draw B candidates on one slice in one pass; single-mask output."""
