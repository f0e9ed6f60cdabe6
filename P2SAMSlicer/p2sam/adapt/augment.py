"""What is changed at random in a slice each time it is trained on.

Mirrored left-right and upside down (each half of the time); half of the time turned by up to 10 degrees and scaled by 0.8 to
1.2 about its middle; half of the time brighter or darker by up to 20 % of the range, with 20 % more or less contrast.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .batch import Example

MOST_DEGREES, SCALES, MOST_CHANGE = 10.0, (0.8, 1.2), 0.2


def augmented(example: Example, random: np.random.Generator) -> Example:
    """A changed copy. A mask that is pushed out of the slice is dropped; where none is left, the slice is only mirrored."""
    flips = tuple(slice(None, None, -1 if random.random() < 0.5 else 1) for _ in range(2))
    image, masks = example.image[flips], example.masks[(slice(None), *flips)]
    plain = Example(np.ascontiguousarray(image), np.ascontiguousarray(masks))
    turn, tone = random.random() < 0.5, random.random() < 0.5
    angle, scale = random.uniform(-MOST_DEGREES, MOST_DEGREES), random.uniform(*SCALES)
    contrast, brightness = 1 + random.uniform(-MOST_CHANGE, MOST_CHANGE), 255 * random.uniform(-MOST_CHANGE, MOST_CHANGE)
    if turn:
        image, masks = _turned(image, masks, angle, scale)
    if tone:
        image = np.clip((image.astype(np.float32) - 128) * contrast + 128 + brightness, 0, 255).astype(np.uint8)
    left = masks.any(axis=(1, 2))
    return Example(np.ascontiguousarray(image), np.ascontiguousarray(masks[left])) if left.any() else plain


def _turned(image: np.ndarray, masks: np.ndarray, degrees: float, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Turn and scale about the middle; what comes in from outside is black."""
    angle = np.deg2rad(degrees)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
    middle = (np.array(image.shape[:2]) - 1) / 2
    options = {"matrix": matrix, "offset": middle - matrix @ middle, "mode": "constant"}
    channels = [ndimage.affine_transform(image[..., c], order=1, **options) for c in range(_distinct(image))]
    image = np.stack(channels * (3 // len(channels)), axis=-1)
    return image, np.stack([ndimage.affine_transform(mask.astype(np.uint8), order=0, **options) > 0 for mask in masks])


def _distinct(image: np.ndarray) -> int:
    """Channels that need to be computed: one for a grey image."""
    return 1 if np.array_equal(image[..., 0], image[..., 1]) and np.array_equal(image[..., 0], image[..., 2]) else 3
