"""A SAM of a few thousand weights, and a data set that it learns in a minute."""

from __future__ import annotations

import numpy as np

FRAME, CHANNELS = 64, 32


def make_tiny_sam(seed=0, several=3):
    """segment-anything's `Sam` with every part of the real one: frame 64, grid 8, two blocks, one of them in windows."""
    import torch
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    torch.manual_seed(seed)
    encoder = ImageEncoderViT(
        img_size=FRAME, patch_size=8, embed_dim=24, depth=2, num_heads=2, out_chans=CHANNELS, use_rel_pos=True, window_size=3, global_attn_indexes=(1,)
    )
    grid = (FRAME // 8, FRAME // 8)
    prompts = PromptEncoder(CHANNELS, image_embedding_size=grid, input_image_size=(FRAME, FRAME), mask_in_chans=8)
    transformer = TwoWayTransformer(depth=1, embedding_dim=CHANNELS, mlp_dim=32, num_heads=2)
    decoder = MaskDecoder(transformer_dim=CHANNELS, transformer=transformer, num_multimask_outputs=several, iou_head_hidden_dim=32)
    return Sam(encoder, prompts, decoder).eval()


class Discs:
    """Bright discs on a dark, noisy ground, not square: a task that a tiny model learns in a minute."""

    def __init__(self, count=8, seed=0, shape=(40, 64)):
        self.count, self.seed, self.shape = count, seed, shape

    def __len__(self):
        return self.count

    def example(self, index, epoch=0):
        from p2sam.adapt.batch import Example

        random = np.random.default_rng([self.seed, index])
        rows, columns = np.mgrid[: self.shape[0], : self.shape[1]]
        row, column, radius = random.uniform(12, 28), random.uniform(16, 48), random.uniform(6, 11)
        mask = np.hypot(rows - row, columns - column) < radius
        grey = np.clip(60 + 120 * mask + random.normal(0, 10, self.shape), 0, 255).astype(np.uint8)
        return Example(np.repeat(grey[..., None], 3, axis=2), mask[None])
