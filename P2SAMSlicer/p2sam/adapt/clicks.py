"""The prompts of interactive training: points drawn from the error, and boxes with noise."""

from __future__ import annotations

import torch

BOX_NOISE = 0.1
"""Standard deviation of a box's corners, as a part of its side; and at most 20 pixels of a frame of 1024 (SAM, appendix A)."""
_MOST_NOISE = 20 / 1024


def points_in_error(truth: torch.Tensor, masks: torch.Tensor, valid: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """One point a mask, equally likely anywhere in its error; anywhere in the truth where there is none.

    Parameters
    ----------
    truth, masks : (N, S, S) bool
    valid : (N, S, S) bool
        Inside the slice: no point is drawn in the padding of the frame.

    Returns
    -------
    points_xy : (N, 2) float32
    labels : (N,) int32
        1 where the truth was missed, 0 where the mask is too much.
    """
    error = ((truth ^ masks) & valid).flatten(1)
    flat = truth.flatten(1)
    error = torch.where(error.any(1, keepdim=True), error, flat)
    error = torch.where(error.any(1, keepdim=True), error, valid.flatten(1))
    index = torch.multinomial(error.float(), 1)
    width = truth.shape[-1]
    points = torch.cat([index % width, index // width], dim=1).float()
    return points, flat.gather(1, index)[:, 0].int()


def noised_boxes(truth: torch.Tensor) -> torch.Tensor:
    """(N, S, S) bool -> (N, 4) float32 boxes (x0, y0, x1, y1) with noise on every side, inside the frame."""
    boxes = boxes_of(truth)
    size = truth.shape[-1]
    sides = (boxes[:, 2:] - boxes[:, :2] + 1).repeat(1, 2)
    spread = (BOX_NOISE * sides).clamp(max=_MOST_NOISE * size)
    noised = (boxes + torch.randn_like(boxes) * spread).clamp(0, size - 1)
    return torch.cat([torch.minimum(noised[:, :2], noised[:, 2:]), torch.maximum(noised[:, :2], noised[:, 2:])], dim=1)


def boxes_of(truth: torch.Tensor) -> torch.Tensor:
    """(N, S, S) bool -> (N, 4) float32, the first and the last pixel of each side; the frame for an empty mask."""
    size = truth.shape[-1]
    places = torch.arange(size, device=truth.device)
    sides = []
    for axis in (1, 2):  # columns, then rows
        hit = truth.any(axis)
        first = torch.where(hit, places, size).amin(1)
        last = torch.where(hit, places, -1).amax(1)
        empty = last < 0
        sides.append((torch.where(empty, 0, first), torch.where(empty, size - 1, last)))
    (x0, x1), (y0, y1) = sides
    return torch.stack([x0, y0, x1, y1], dim=1).float()
