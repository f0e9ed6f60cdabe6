"""How many points are worth prompting a model with: appendix C of P2SAM, measured on the validation part.

Positive points are sampled on the masks, first one, then one more at a time while the mean Dice rises by more than a
margin; with the best number of them, negative points are sampled outside in the same way. What is found is saved with
the weights, in the form of `registry.PartRanges`, and `propagate` uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from .batch import Batch
from .loss import dice_of
from .validation import drawn

POSITIVE = (1, 2, 3, 4, 5)
NEGATIVE = (0, 1, 2, 3, 5, 10, 20, 45)
"""Numbers that are tried; the published ranges lie among them."""
MARGIN = 0.005


@dataclass(frozen=True)
class Ranges:
    """Least and most parts of either kind (one number of negative ones, as published for CT), and the mean Dice of all that were tried."""

    positive: tuple[int, int]
    negative: tuple[int, int]
    positive_dice: dict[int, float]
    negative_dice: dict[int, float]

    def saved(self, domain: str = "ct") -> dict:
        """As a checkpoint keeps it."""
        return {domain: {"positive": list(self.positive), "negative": list(self.negative)}}


@torch.inference_mode()
def select_ranges(sam: nn.Module, batches: Iterable[Batch], device: torch.device, margin: float = MARGIN, seed: int = 0) -> Ranges:
    """Measure until one more point gains less than `margin`.

    `batches` is gone through once; features are kept, so that every number of points costs decodes only.
    """
    was_training = sam.training
    sam.eval()
    kept = []
    for batch in batches:
        moved = batch.to(device)
        kept.append((sam.image_encoder(moved.images)[moved.owner], moved.truth, moved.valid[moved.owner]))

    def dice(positive: int, negative: int) -> float:
        return _dice(sam, kept, positive, negative, seed)

    best, positive = _raised(POSITIVE, lambda count: dice(count, 0), margin)
    most, negative = _raised(NEGATIVE, lambda count: dice(best, count), margin)
    sam.train(was_training)
    return Ranges((1, best), (most, most), positive, negative)


def _raised(counts: Sequence[int], dice: Callable[[int], float], margin: float) -> tuple[int, dict[int, float]]:
    """The last count that was worth it, and what was measured up to the first that was not."""
    measured = {counts[0]: dice(counts[0])}
    best = counts[0]
    for count in counts[1:]:
        measured[count] = dice(count)
        if measured[count] - measured[best] < margin:
            break
        best = count
    return best, measured


def _dice(sam: nn.Module, kept: list, positive: int, negative: int, seed: int) -> float:
    found: list[float] = []
    for number, (features, truth, valid) in enumerate(kept):
        random = torch.Generator().manual_seed(seed * 1009 + number)  # the same places for every count: they are nested
        points = torch.cat([sampled(truth, positive, random), sampled(~truth & valid, negative, random)], dim=1)
        labels = torch.tensor([1] * positive + [0] * negative, dtype=torch.int32, device=truth.device).expand(len(truth), -1)
        masks = drawn(sam, features, points, labels, None, truth.shape[-2:])
        found += dice_of(masks & valid, truth).tolist()
    return float(np.mean(found))


def sampled(regions: torch.Tensor, count: int, random: torch.Generator) -> torch.Tensor:
    """(N, S, S) bool -> (N, count, 2) float32 (x, y), equally likely in the region; the first ones do not depend on `count`."""
    most = max(*POSITIVE, *NEGATIVE)
    draws = torch.rand((len(regions), most), generator=random, dtype=torch.float64).to(regions.device)[:, :count]
    flat = regions.flatten(1).cumsum(1)
    wanted = (draws * flat[:, -1:]).floor().long() + 1
    index = torch.searchsorted(flat, wanted)
    return torch.stack([index % regions.shape[-1], index // regions.shape[-1]], dim=-1).float()
