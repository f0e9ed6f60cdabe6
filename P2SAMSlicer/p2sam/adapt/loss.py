"""The loss of SAM's training: focal and dice on the mask, squared error on the estimate of its overlap."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

SIMILARITY_SCALE, SIMILARITY_MIDDLE = 10.0, 0.5
"""Cosines of 0.5 are neither inside nor outside an object."""
FOCAL_ALPHA, FOCAL_GAMMA = 0.25, 2.0
"""Lin et al., Focal Loss for Dense Object Detection, arXiv 1708.02002."""


@dataclass(frozen=True)
class Losses:
    """Means over the masks of a batch; `total` is what is minimised."""

    total: torch.Tensor
    focal: torch.Tensor
    dice: torch.Tensor
    iou: torch.Tensor


def losses(logits: torch.Tensor, truth: torch.Tensor, iou: torch.Tensor, weights: tuple[float, float, float] = (20.0, 1.0, 1.0)) -> Losses:
    """Compare masks with the truth.

    Parameters
    ----------
    logits : (N, S, S) float
    truth : (N, S, S) bool
    iou : (N,) float
        The model's estimate of the overlap of `logits > 0` with the truth.
    weights : of focal, dice and the estimate's squared error
        SAM's 20 : 1, and 1.
    """
    logits, iou, target = logits.float(), iou.float(), truth.float()
    focal = _focal(logits, target).mean()
    dice = _dice(logits, target).mean()
    estimate = F.mse_loss(iou, overlap(logits > 0, truth))
    return Losses(weights[0] * focal + weights[1] * dice + weights[2] * estimate, focal, dice, estimate)


def prototype_loss(features: torch.Tensor, truth: torch.Tensor, owner: torch.Tensor) -> torch.Tensor:
    """How badly the mean feature of each object tells the object from the rest of its image by cosine similarity, as parts do.

    Parameters
    ----------
    features : (B, C, h, w) float
    truth : (N, S, S) bool
    owner : (N,) int64
        Which image a mask lies on.

    Returns
    -------
    scalar
        Cross entropy, the inside and the outside of each mask with equal weight; 0 where no mask fills half a cell of the grid.
    """
    inside = F.adaptive_avg_pool2d(truth.float()[:, None], features.shape[-2:])[:, 0].flatten(1)
    features = F.normalize(features.float(), dim=1)[owner].flatten(2)
    seen = inside.sum(1) >= 0.5
    features, inside = features[seen], inside[seen]
    if len(inside) == 0:
        return features.sum() * 0
    mean = F.normalize(torch.einsum("ncp,np->nc", features, inside), dim=1)
    logits = SIMILARITY_SCALE * (torch.einsum("ncp,nc->np", features, mean) - SIMILARITY_MIDDLE)
    found = F.binary_cross_entropy_with_logits(logits, inside, reduction="none")
    outside = 1 - inside
    return ((found * inside).sum(1) / inside.sum(1) + (found * outside).sum(1) / outside.sum(1).clamp_min(1e-6)).mean() / 2


def overlap(masks: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """(N, S, S) bool, twice -> (N,) intersection over union; 1 where both are empty."""
    both = (masks & truth).flatten(1).sum(1)
    either = (masks | truth).flatten(1).sum(1)
    return torch.where(either > 0, both / either.clamp_min(1), torch.ones_like(both, dtype=torch.float32))


def dice_of(masks: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """(N, S, S) bool, twice -> (N,) Dice; 1 where both are empty."""
    both = 2 * (masks & truth).flatten(1).sum(1)
    sizes = masks.flatten(1).sum(1) + truth.flatten(1).sum(1)
    return torch.where(sizes > 0, both / sizes.clamp_min(1), torch.ones_like(both, dtype=torch.float32))


def _focal(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """(N,) focal loss, the mean over the pixels of each mask."""
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    missed = (logits.sigmoid() - target).abs()
    balance = FOCAL_ALPHA * target + (1 - FOCAL_ALPHA) * (1 - target)
    return (balance * missed**FOCAL_GAMMA * entropy).flatten(1).mean(1)


def _dice(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """(N,) one minus the soft Dice; the 1 on both sides makes an empty mask right where nothing is to be found."""
    probability = logits.sigmoid().flatten(1)
    target = target.flatten(1)
    return 1 - (2 * (probability * target).sum(1) + 1) / (probability.sum(1) + target.sum(1) + 1)
