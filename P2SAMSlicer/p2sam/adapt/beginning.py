"""Where a network with random weights begins."""

from __future__ import annotations

import torch
from torch import nn

from .interactive import decode

LEVEL = -2.0
"""Mean logit of a new network: a pixel in eight is foreground."""
SHARPNESS = 4.0
"""Of the first attention between prompts and places, against segment-anything's own random weights."""
LOUDNESS = 0.3
"""Of what a prompt is, against where it lies."""


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


@torch.no_grad()
def attend_nearby(sam: nn.Module, sharpness: float = SHARPNESS, loudness: float = LOUDNESS) -> None:
    """Let prompts and image read each other where they lie, before the first step.

    Prompts and places are told in the same code. Where queries and keys have the same weights, the attention between
    them is greatest at the same place; with two random ones it means nothing, and learning that takes longer than all the rest.
    """
    for said in (*sam.prompt_encoder.point_embeddings, sam.mask_decoder.mask_tokens, sam.mask_decoder.iou_token):
        said.weight *= loudness
    transformer = sam.mask_decoder.transformer
    crossing = [transformer.final_attn_token_to_image]
    for layer in transformer.layers:
        crossing += [layer.cross_attn_token_to_image, layer.cross_attn_image_to_token]
    for attention in crossing:
        attention.q_proj.weight *= sharpness
        attention.k_proj.weight.copy_(attention.q_proj.weight)
        attention.q_proj.bias.zero_()
        attention.k_proj.bias.zero_()
