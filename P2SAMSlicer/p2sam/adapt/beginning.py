"""Where a network with random weights begins."""

from __future__ import annotations

import torch
from torch import nn

from .interactive import decode

LEVEL = -2.0
"""Mean logit of a new network: a pixel in eight is foreground."""


@torch.no_grad()
def expect_little(sam: nn.Module, level: float = LEVEL) -> None:
    """Set the one bias that moves all logits, so that a new network's masks are small before the first step.

    The mask decoder has no bias of its own for that. Without it the first steps push the logits down through every
    weight there is; the image features become the same everywhere, and hundreds of steps pass before they differ again.
    """
    size = sam.image_encoder.img_size
    features = sam.image_encoder(torch.randn(2, 3, size, size, device=sam.device))
    kept = []
    hook = sam.mask_decoder.output_upscaling.register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    low_res, _ = decode(sam, features, features.new_zeros((2, 0, 2)), features.new_zeros((2, 0), dtype=torch.int32), None, None)
    hook.remove()
    mean = kept[0].mean((0, 2, 3))
    bias = sam.mask_decoder.output_hypernetworks_mlps[0].layers[-1].bias
    bias += (level - low_res.mean()) * mean / mean.square().sum()
