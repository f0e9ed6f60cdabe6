"""What training adds to the blocks of an image encoder without changing a weight's name: drop path, checkpointing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


class DropPath:
    """Leaves both residual branches of a block out for whole samples while training, and scales the others up.

    A window's attention comes as a batch of windows; all windows of a sample share its fate.
    """

    def __init__(self, rate: float):
        self.rate = rate
        self._samples = 1

    def put_on(self, block: nn.Module) -> list[Callable[[], None]]:
        """Hook onto segment-anything's `Block`; returns what takes the hooks off again."""
        hooks = [block.register_forward_pre_hook(self._count)]
        hooks += [branch.register_forward_hook(self._drop) for branch in (block.attn, block.mlp)]
        return [hook.remove for hook in hooks]

    def _count(self, _block: nn.Module, inputs: tuple) -> None:
        self._samples = len(inputs[0])

    def _drop(self, branch: nn.Module, _inputs: tuple, output: torch.Tensor) -> torch.Tensor:
        if not branch.training or self.rate == 0:
            return output
        kept = (torch.rand(self._samples, device=output.device) >= self.rate).to(output.dtype) / (1 - self.rate)
        kept = kept.repeat_interleave(len(output) // self._samples)
        return output * kept.reshape(-1, *[1] * (output.ndim - 1))


def add_drop_path(blocks: Sequence[nn.Module], rate: float) -> list[Callable[[], None]]:
    """Drop path that grows linearly from 0 in the first block to `rate` in the last; returns what removes it."""
    last = max(len(blocks) - 1, 1)
    return [remove for i, block in enumerate(blocks) if rate * i for remove in DropPath(rate * i / last).put_on(block)]


def add_checkpointing(blocks: Sequence[nn.Module]) -> Callable[[], None]:
    """Compute each block again in the backward pass instead of keeping it: less memory, a third more time."""
    for block in blocks:
        block.forward = partial(_again, block.forward)

    def remove() -> None:
        for block in blocks:
            block.__dict__.pop("forward", None)

    return remove


def _again(forward: Callable, tokens: torch.Tensor) -> torch.Tensor:
    return checkpoint(forward, tokens, use_reentrant=False) if torch.is_grad_enabled() else forward(tokens)
