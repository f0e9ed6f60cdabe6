"""LoRA inside a network: small matrices beside frozen weights, added to them and taken away again.

The form is loralib's (arXiv 2106.09685), as the P2SAM authors use it: `models.sam_lora` reads it from a file. loralib
itself is not developed any more, and peft gives segment-anything's fused `qkv` one pair of matrices where this form has
one each for query, key and value; so the layer is written here, fifty lines and exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import nn

from p2sam.errors import SettingsError
from p2sam.models.sam_lora import low_rank_product

_DECODER_PROJECTIONS = ("q_proj", "k_proj", "v_proj", "out_proj")


class LoraLinear(nn.Linear):
    """A linear layer whose weight stays as it is, with `lora_A` (g r, in) and `lora_B` (out, r) beside it.

    Parameters
    ----------
    linear : nn.Linear
        Its weight and bias are taken over, not copied, and frozen.
    rank, groups : int
        `groups` projections share the weight by rows, each with `rank` rows of `lora_A`.
    alpha : float
        The product counts alpha / rank times. It starts as zero.
    """

    def __init__(self, linear: nn.Linear, rank: int, groups: int = 1, alpha: float = 1.0):
        nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight, self.bias = linear.weight, linear.bias
        self.requires_grad_(False)
        self.groups, self.alpha, self.merged = groups, alpha, False
        like = {"dtype": linear.weight.dtype, "device": linear.weight.device}
        self.lora_A = nn.Parameter(torch.empty(groups * rank, linear.in_features, **like))
        self.lora_B = nn.Parameter(torch.zeros(linear.out_features, rank, **like))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))

    @property
    def rank(self) -> int:
        return self.lora_B.shape[1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        plain = F.linear(x, self.weight, self.bias)
        if self.merged:
            return plain
        low = F.linear(x, self.lora_A).chunk(self.groups, dim=-1)
        added = [F.linear(part, block) for part, block in zip(low, self.lora_B.chunk(self.groups))]
        return plain + torch.cat(added, dim=-1) * (self.alpha / self.rank)

    @torch.no_grad()
    def merge(self) -> None:
        """Put the product into the weight; the layer is then as fast as it was."""
        if not self.merged:
            self.weight += low_rank_product(self.lora_A, self.lora_B, self.groups, self.alpha)
            self.merged = True

    @torch.no_grad()
    def unmerge(self) -> None:
        """Take the product out of the weight, to train on."""
        if self.merged:
            self.weight -= low_rank_product(self.lora_A, self.lora_B, self.groups, self.alpha)
            self.merged = False


def add_lora(sam: nn.Module, rank: int = 1, alpha: float = 1.0, decoder: bool = False) -> None:
    """Freeze the image encoder and put LoRA beside every `qkv` and `proj` of its blocks.

    Parameters
    ----------
    sam : segment_anything.modeling.Sam
    decoder : bool
        False trains the whole mask decoder, as published. True freezes it too, but for LoRA on the projections of its
        attention and the small parts that make a mask of a token: for a model whose decoder is most of it.

    Raises
    ------
    SettingsError
        A rank below 1, or a network that has LoRA already.
    """
    if rank < 1:
        raise SettingsError(f"The rank of LoRA is {rank}; use 1 or more.")
    if any(True for _ in lora_layers(sam)):
        raise SettingsError("The network has LoRA already; merge it before adding another.")
    sam.image_encoder.requires_grad_(False)
    for block in sam.image_encoder.blocks:
        block.attn.qkv = LoraLinear(block.attn.qkv, rank, 3, alpha)
        block.attn.proj = LoraLinear(block.attn.proj, rank, 1, alpha)
    if decoder:
        _adapt_decoder(sam.mask_decoder, rank, alpha)


def _adapt_decoder(mask_decoder: nn.Module, rank: int, alpha: float) -> None:
    mask_decoder.requires_grad_(False)
    for small in (mask_decoder.mask_tokens, mask_decoder.iou_token, mask_decoder.output_hypernetworks_mlps, mask_decoder.iou_prediction_head):
        small.requires_grad_(True)
    for module in list(mask_decoder.transformer.modules()):
        for name in _DECODER_PROJECTIONS:
            if isinstance(getattr(module, name, None), nn.Linear):
                setattr(module, name, LoraLinear(getattr(module, name), rank, 1, alpha))


def lora_layers(module: nn.Module) -> Iterator[LoraLinear]:
    """Every layer that has LoRA."""
    return (layer for layer in module.modules() if isinstance(layer, LoraLinear))


def merge(module: nn.Module) -> None:
    """Merge every layer."""
    for layer in lora_layers(module):
        layer.merge()


def unmerge(module: nn.Module) -> None:
    """Unmerge every layer."""
    for layer in lora_layers(module):
        layer.unmerge()


@torch.no_grad()
def merged_state(module: nn.Module) -> dict[str, torch.Tensor]:
    """The state dict on the CPU as if merged, without a name of LoRA; the module stays as it is, to the last bit."""
    state = {name: tensor.detach().cpu().clone() for name, tensor in module.state_dict().items() if ".lora_" not in name}
    for name, layer in module.named_modules():
        if isinstance(layer, LoraLinear) and not layer.merged:
            state[f"{name}.weight"] += low_rank_product(layer.lora_A, layer.lora_B, layer.groups, layer.alpha).cpu()
    return state
