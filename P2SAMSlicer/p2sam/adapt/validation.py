"""How good a model is at the three first prompts: nothing, one point, a box."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import nn

from .batch import Batch
from .clicks import boxes_of
from .interactive import FIRST, decode
from .loss import dice_of


@torch.inference_mode()
def validate(sam: nn.Module, batches: Iterable[Batch], device: torch.device) -> dict[str, float]:
    """Mean Dice over masks of the first decode, by kind of prompt ("none", "point", "box"), and their "mean".

    The point is the pixel deepest inside the mask, the box the mask's own: nothing is random.
    """
    found: dict[str, list[float]] = {kind: [] for kind in FIRST}
    was_training = sam.training
    sam.eval()
    for batch in batches:
        moved = batch.to(device)
        features = sam.image_encoder(moved.images)[moved.owner]
        for kind in FIRST:
            masks = first_masks(sam, features, moved.truth, kind)
            inside = moved.valid[moved.owner]
            found[kind] += dice_of(masks & inside, moved.truth).tolist()
    sam.train(was_training)
    means = {kind: float(np.mean(values)) for kind, values in found.items()}
    return {**means, "mean": float(np.mean(list(means.values())))}


def first_masks(sam: nn.Module, features: torch.Tensor, truth: torch.Tensor, kind: str) -> torch.Tensor:
    """(N, S, S) bool: what is drawn for each mask of the truth from one kind of prompt."""
    points, labels, boxes = truth.new_zeros((len(truth), 0, 2), dtype=torch.float32), truth.new_zeros((len(truth), 0), dtype=torch.int32), None
    if kind == "point":
        points, labels = deepest_points(truth)[:, None], labels.new_ones((len(truth), 1))
    elif kind == "box":
        boxes = boxes_of(truth)
    return drawn(sam, features, points, labels, boxes, truth.shape[-2:])


def drawn(sam: nn.Module, features, points, labels, boxes, size) -> torch.Tensor:
    """(N, S, S) bool masks of one decode."""
    low_res, _ = decode(sam, features, points, labels, boxes, None)
    return F.interpolate(low_res[:, None].float(), size, mode="bilinear", align_corners=False)[:, 0] > 0


def deepest_points(truth: torch.Tensor) -> torch.Tensor:
    """(N, S, S) bool -> (N, 2) float32 (x, y): the pixel farthest from the mask's edge."""
    points = []
    for mask in truth.cpu().numpy():
        depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        row, column = np.unravel_index(int(depth.argmax()), depth.shape)
        points.append((column, row))
    return torch.tensor(points, dtype=torch.float32, device=truth.device)
