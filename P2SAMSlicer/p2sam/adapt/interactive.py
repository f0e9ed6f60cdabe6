"""One step of SAM's interactive training: a first prompt, points where the last mask was wrong, and masks alone.

As published, changed as P2SAM's appendix B says: the first prompt is nothing, a point or a box with noise, equally likely;
then eight points from the error and two times the last logits as the only prompt (one somewhere among the points, one
at the end), eleven iterations in all; one exact mask, never three.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from .batch import Batch
from .clicks import noised_boxes, points_in_error
from .loss import Losses, losses, prototype_loss
from .options import FIRST

CLICK, LOGITS = "click", "logits"


@dataclass(frozen=True)
class Iteration:
    """What one decode of a group of masks was given and gave; for those who watch (`InteractiveTraining.watch`)."""

    kind: str
    points: int
    has_box: bool
    has_mask: bool
    losses: Losses


class InteractiveTraining(nn.Module):
    """A batch of images and masks to a loss, with all iterations in one graph, so that DDP sees one forward pass.

    Parameters
    ----------
    sam : segment_anything.modeling.Sam
    clicks, logits_only : int
        8 and 2 as published.
    first : tuple of str
        The kinds of first prompt; all three as published.
    weights : see `loss.losses`.
    prototype_weight : float
        Of `loss.prototype_loss`; 0 as published.
    checkpointing : bool
        Compute each decode again in the backward pass.
    """

    def __init__(self, sam: nn.Module, clicks: int = 8, logits_only: int = 2, weights=(20.0, 1.0, 1.0), checkpointing: bool = False, first=FIRST, prototype_weight: float = 0.0):
        super().__init__()
        self.first = tuple(first)
        self.sam = sam
        self.clicks, self.logits_only, self.weights, self.checkpointing = clicks, logits_only, weights, checkpointing
        self.prototype_weight = prototype_weight
        self.watch = None
        """callable(Iteration) or None."""

    def forward(self, batch: Batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The loss, the mean over masks and iterations, and its parts without gradient."""
        encoded = self.sam.image_encoder(batch.images)
        features = encoded[batch.owner]
        first = torch.randint(len(self.first), (len(batch.owner),))
        total = self.prototype_weight * prototype_loss(encoded, batch.truth, batch.owner) if self.prototype_weight else 0.0
        parts = {"focal": 0.0, "dice": 0.0, "iou": 0.0}
        for number, kind in enumerate(self.first):
            rows = torch.nonzero(first == number)[:, 0].to(features.device)
            if len(rows) == 0:
                continue
            share = len(rows) / len(first) / (1 + self.clicks + self.logits_only)
            for found in self._group(kind, features[rows], batch.truth[rows], batch.valid[batch.owner[rows]]):
                total = total + share * found.total
                for name in parts:
                    parts[name] += share * getattr(found, name).detach()
        return total, parts

    def _group(self, first: str, features, truth, valid) -> Iterator[Losses]:
        """The iterations of the masks that begin with the same kind of prompt."""
        boxes = noised_boxes(truth) if first == "box" else None
        points, labels = truth.new_zeros((len(truth), 0, 2), dtype=torch.float32), truth.new_zeros((len(truth), 0), dtype=torch.int32)
        low_res, masks = None, torch.zeros_like(truth)
        for kind in (first, *plan(self.clicks, self.logits_only)):
            if kind in ("point", CLICK):
                point, label = points_in_error(truth, masks, valid)
                points, labels = torch.cat([points, point[:, None]], 1), torch.cat([labels, label[:, None]], 1)
            alone = kind == LOGITS
            given = (points[:, :0], labels[:, :0], None) if alone else (points, labels, boxes)
            low_res, iou = self._decode(features, *given, low_res)
            logits = F.interpolate(low_res[:, None].float(), truth.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
            found = losses(logits, truth, iou, self.weights)
            if self.watch is not None:
                self.watch(Iteration(kind, given[0].shape[1], given[2] is not None, kind != first, found))
            low_res, masks = low_res.detach().float(), logits.detach() > 0
            yield found

    def _decode(self, *given) -> tuple[torch.Tensor, torch.Tensor]:
        if self.checkpointing and torch.is_grad_enabled():
            return checkpoint(decode, self.sam, *given, use_reentrant=False)
        return decode(self.sam, *given)


def plan(clicks: int, logits_only: int) -> list[str]:
    """What follows the first prompt: the last iteration has the logits alone, the others like it lie at random places."""
    among = [CLICK] * clicks
    for _ in range(logits_only - 1):
        among.insert(int(torch.randint(len(among) + 1, ())), LOGITS)
    return among + [LOGITS] * min(logits_only, 1)


def decode(sam: nn.Module, features, points, labels, boxes, low_res) -> tuple[torch.Tensor, torch.Tensor]:
    """One mask for each of N feature maps, all in one pass of segment-anything's own prompt encoder and mask decoder.

    Parameters
    ----------
    features : (N, C, h, w) float
    points, labels : (N, n, 2) float32 and (N, n) int32
        In pixels of the frame; n may be 0.
    boxes : (N, 4) float32 or None
    low_res : (N, h', w') float32 or None

    Returns
    -------
    (N, h', w') logits, (N,) estimates of the overlap

    Notes
    -----
    The decoder repeats its image embedding for every prompt and adds the dense prompt: it is given zeros, and the dense
    prompt has the features of each image already, which makes the same sum for a batch of images.
    """
    with torch.autocast(features.device.type, enabled=False):  # half a number's digits are too few for a place in the frame
        sparse, dense = sam.prompt_encoder(
            points=(points, labels) if points.shape[1] else None, boxes=boxes, masks=None if low_res is None else low_res[:, None]
        )
        places = sam.prompt_encoder.get_dense_pe()
    if len(sparse) != len(features):  # no prompt at all: the prompt encoder takes it for one
        sparse, dense = sparse.expand(len(features), -1, -1), dense.expand(len(features), -1, -1, -1)
    masks, iou = sam.mask_decoder(
        image_embeddings=torch.zeros_like(features[:1]),
        image_pe=places,
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense + features,
        multimask_output=False,
    )
    return masks[:, 0], iou[:, 0]
