"""Accepted slices of today's scan, carried to their neighbours: the tracked prior is bent until it meets them."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
from scipy import ndimage

from .boxed import Boxed, box_of, union
from .visit import Target, probability_of

CARRY_MM = (20.0, 5.0)
"""Standard deviations of how far what an accepted slice says is carried: first what all of them say alike, then the rest."""
RELUCTANCE = 0.05
"""Weight of leaving the tracked prior as it is, against 1 for what an accepted contour says at its own place."""
LIMIT_MM = 20.0
"""Of a correction."""
LEAST_MM = 0.25
"""A slice that is corrected less than this, everywhere, is left as it was tracked."""


def anchored(target: Target, anchors: dict[int, np.ndarray], spacing_mm: np.ndarray) -> Target:
    """The structure with its tracked prior corrected by accepted slices.

    The tracked prior is the zero level of a signed distance in 3D. An accepted contour says where it should be zero; the
    differences there are spread by a Gaussian (normalised convolution; Knutsson and Westin, CVPR 1993) and taken off. An end of
    the structure, where contours change from slice to slice, thus moves as little as the surface itself does.

    Parameters
    ----------
    anchors : canonical slice -> (H, W) bool
    spacing_mm : (3,) along (k, row, column)
    """
    if not anchors:
        return target
    box = _room(target, anchors, spacing_mm)
    distance = _signed_distance(target, box, spacing_mm)
    accepted = {k - box[0].start: mask[box[1:]] for k, mask in anchors.items()}
    value, known = _observed(distance, accepted, float(spacing_mm[1:].max()))
    correction = np.zeros_like(value)
    for carry_mm in CARRY_MM:
        correction += _spread(value - correction, known, carry_mm / spacing_mm)
    inside = target.tracked.over(box).astype(np.float32)
    in_plane = (float(spacing_mm[1]), float(spacing_mm[2]))
    for k in np.flatnonzero(np.abs(correction).max(axis=(1, 2)) >= LEAST_MM):
        inside[k] = probability_of(distance[k] + correction[k], in_plane)
    for k, mask in accepted.items():
        inside[k] = mask
    low, high = _ends(anchors)
    inside[: max(0, low - box[0].start)] = 0
    inside[max(0, high + 1 - box[0].start) :] = 0
    corrected = Boxed(inside.astype(np.float16), box, target.tracked.shape)
    present = np.flatnonzero(corrected.any_slice(0.5))
    first, last = (target.first, target.last) if len(present) == 0 else (int(present[0]), int(present[-1]))
    slices = np.union1d(target.slices, range(first, last + 1))
    slices = np.union1d(slices[(slices >= low) & (slices <= high)], list(anchors)).astype(int)
    return replace(target, tracked=corrected, slices=slices, first=first, last=last)


def _ends(anchors: dict[int, np.ndarray]) -> tuple[int, int]:
    """First and last slice that may hold the structure: an accepted nothing beyond every accepted contour is its end."""
    filled = [k for k, mask in anchors.items() if mask.any()]
    below = [k for k, mask in anchors.items() if filled and k < min(filled)]
    above = [k for k, mask in anchors.items() if filled and k > max(filled)]
    return (max(below) if below else 0), (min(above) if above else sys.maxsize - 1)


def _signed_distance(target: Target, box: tuple[slice, ...], spacing_mm: np.ndarray) -> np.ndarray:
    """(k, h, w) mm to the tracked prior's surface, positive inside; 0 lies midway between voxels."""
    inside = target.tracked.over(box) >= 0.5
    if not inside.any():
        return np.full(inside.shape, -LIMIT_MM)
    padded = np.pad(inside, 1)  # what lies beyond the scan is outside
    depth = ndimage.distance_transform_edt(padded, sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
    depth -= ndimage.distance_transform_edt(~inside, sampling=spacing_mm)
    half = float(spacing_mm[1:].max()) / 2
    return np.clip(depth - half * np.sign(depth), -LIMIT_MM, LIMIT_MM)


def _observed(distance: np.ndarray, accepted: dict[int, np.ndarray], pixel_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """What must be added, and where that is known: on accepted contours, and where the tracked prior is on the wrong side."""
    value, known = np.zeros(distance.shape, np.float32), np.zeros(distance.shape, np.float32)
    for k, mask in accepted.items():
        border = mask ^ ndimage.binary_erosion(mask, border_value=1)
        wrong = (distance[k] > 0) != mask
        aim = np.where(mask, 0.5, -0.5) * pixel_mm
        value[k] = np.where(border | wrong, aim - distance[k], 0)
        known[k] = border | wrong
    return value, known


def _spread(value: np.ndarray, known: np.ndarray, width: np.ndarray) -> np.ndarray:
    weight = ndimage.gaussian_filter(known, width, mode="constant")
    total = ndimage.gaussian_filter(value * known, width, mode="constant")
    return total / (weight + RELUCTANCE * max(float(weight.max()), 1e-9))


def _room(target: Target, anchors: dict[int, np.ndarray], spacing_mm: np.ndarray) -> tuple[slice, ...]:
    """What holds the tracked prior and every accepted mask, with the room a correction may take."""
    planes = [(slice(k, k + 1), *box_of(mask)) for k, mask in anchors.items()]
    ends = (slice(min(*anchors, int(target.slices[0])), max(*anchors, int(target.slices[-1])) + 1), *target.tracked.box[1:])
    box = union([target.tracked.box, ends, *planes])
    margin = [int(np.ceil((LIMIT_MM + CARRY_MM[0]) / step)) for step in spacing_mm]
    return tuple(slice(max(0, one.start - m), min(n, one.stop + m)) for one, m, n in zip(box, margin, target.tracked.shape))
