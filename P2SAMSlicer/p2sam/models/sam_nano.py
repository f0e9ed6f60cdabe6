"""A SAM small enough to ship: segment-anything's prompt encoder and mask decoder behind a compact image encoder.

Three strided convolutions reach 1/8 of the frame; six of segment-anything's own transformer blocks follow, all but one of
them in windows. Nothing in it depends on the size of the frame, so that weights trained in one frame run in another.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from segment_anything.modeling import MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
from segment_anything.modeling.common import LayerNorm2d
from segment_anything.modeling.image_encoder import Block
from torch import nn

from p2sam.errors import InputError

NAME = "sam_nano"
STRIDE = 8
FRAME = 256
CHANNELS = 256
_WIDTH, _DEPTH, _HEADS, _WINDOW = 160, 6, 5, 8
_GLOBAL_BLOCK = 3
_DECODER_MLP = 1024


class NanoEncoder(nn.Module):
    """(B, 3, S, S) normalised images -> (B, 256, S/8, S/8).

    Parameters
    ----------
    frame : int
        S, the side of the square that every slice is resized to. It is kept among the weights.
    """

    def __init__(self, frame: int = FRAME):
        super().__init__()
        self.img_size = frame
        self.register_buffer("frame", torch.tensor(frame))
        self.stem = nn.Sequential(
            nn.Conv2d(3, 32, 3, 2, 1), LayerNorm2d(32), nn.GELU(),
            nn.Conv2d(32, 64, 3, 2, 1), LayerNorm2d(64), nn.GELU(),
            nn.Conv2d(64, _WIDTH, 3, 2, 1), LayerNorm2d(_WIDTH),
        )  # fmt: skip
        self.blocks = nn.ModuleList(_block(window=0 if i == _GLOBAL_BLOCK else _WINDOW) for i in range(_DEPTH))
        self.neck = nn.Sequential(
            nn.Conv2d(_WIDTH, CHANNELS, 1, bias=False), LayerNorm2d(CHANNELS),
            nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False), LayerNorm2d(CHANNELS),
        )  # fmt: skip

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        tokens = self.stem(images).permute(0, 2, 3, 1)
        for block in self.blocks:
            tokens = block(tokens)
        return self.neck(tokens.permute(0, 3, 1, 2))


def build_sam_nano(frame: int = FRAME) -> Sam:
    """`Sam` with random weights and one mask output; the global seed of torch decides them.

    Raises
    ------
    InputError
        A frame that is not a multiple of 64 from 64 to 1024.
    """
    if not 64 <= frame <= 1024 or frame % 64:
        raise InputError(f"A sam_nano has a frame of 64 to 1024 pixels in steps of 64, not {frame}.")
    grid = (frame // STRIDE, frame // STRIDE)
    return Sam(
        NanoEncoder(frame),
        PromptEncoder(CHANNELS, image_embedding_size=grid, input_image_size=(frame, frame), mask_in_chans=16),
        MaskDecoder(
            transformer_dim=CHANNELS,
            transformer=TwoWayTransformer(depth=2, embedding_dim=CHANNELS, mlp_dim=_DECODER_MLP, num_heads=8),
            num_multimask_outputs=0,
        ),
    ).eval()


def frame_of(state: Mapping[str, torch.Tensor]) -> int:
    """The frame that weights were saved with."""
    return int(state["image_encoder.frame"])


def _block(window: int) -> Block:
    """Positions are told within windows only: a table for the whole grid would tie the weights to one frame."""
    size = (_WINDOW, _WINDOW) if window else None
    return Block(_WIDTH, _HEADS, use_rel_pos=window > 0, window_size=window, input_size=size)
