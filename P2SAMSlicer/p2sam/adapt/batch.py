"""Slices and masks in the model's frame, stacked for one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from segment_anything.utils.transforms import ResizeLongestSide


@dataclass(frozen=True)
class Example:
    """One slice as a data set gives it: `image` (H, W, 3) uint8 and `masks` (M, H, W) bool, none of them empty."""

    image: np.ndarray
    masks: np.ndarray


@dataclass(frozen=True)
class Frame:
    """How a model wants its images: the side of its frame, and "imagenet" or "minmax" (see `SamModel`)."""

    size: int
    normalisation: str = "imagenet"
    mean: tuple[float, float, float] = (123.675, 116.28, 103.53)
    deviation: tuple[float, float, float] = (58.395, 57.12, 57.375)


@dataclass(frozen=True)
class Batch:
    """B images and N masks of them.

    Attributes
    ----------
    images : (B, 3, S, S) float32
        Resized, normalised and padded as the model does it itself.
    truth : (N, S, S) bool
    owner : (N,) int64
        Which image a mask lies on.
    valid : (B, S, S) bool
        Inside the slice, not in the padding.
    """

    images: torch.Tensor
    truth: torch.Tensor
    owner: torch.Tensor
    valid: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        moved = {name: tensor.to(device, non_blocking=True) for name, tensor in vars(self).items()}
        return replace(self, **moved)


def batch_of(examples: Sequence[Example], frame: Frame) -> Batch:
    """Stack examples of any sizes."""
    images, truths, owners, valids = [], [], [], []
    for number, example in enumerate(examples):
        image, truth, valid = in_frame(example, frame)
        images.append(image)
        truths.append(truth)
        valids.append(valid)
        owners += [number] * len(truth)
    return Batch(torch.stack(images), torch.cat(truths), torch.tensor(owners), torch.stack(valids))


def in_frame(example: Example, frame: Frame) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(3, S, S) float32 image, (M, S, S) bool masks and (S, S) bool inside of the slice."""
    size = frame.size
    image = example.image
    if max(image.shape[:2]) != size:
        image = ResizeLongestSide(size).apply_image(image)
    height, width = image.shape[:2]
    pixels = torch.as_tensor(np.ascontiguousarray(image)).permute(2, 0, 1).float()
    if frame.normalisation == "minmax":
        low, high = pixels.min(), pixels.max()
        pixels = (pixels - low) / (high - low).clamp_min(1e-8)
    else:
        mean, deviation = (torch.tensor(values).reshape(3, 1, 1) for values in (frame.mean, frame.deviation))
        pixels = (pixels - mean) / deviation
    masks = torch.as_tensor(np.ascontiguousarray(example.masks)).float()
    if masks.shape[1:] != (height, width):
        masks = F.interpolate(masks[None], (height, width), mode="bilinear", align_corners=False, antialias=True)[0]
    padding = (0, size - width, 0, size - height)
    valid = F.pad(torch.ones(height, width), padding) > 0
    return F.pad(pixels, padding), F.pad(masks, padding) > 0.5, valid
