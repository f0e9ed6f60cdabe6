"""How a label map looks: random intensities, textures, blur, shading, noise, and windows as of a CT."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .shapes import Random, smooth_noise

TISSUES_HU = (-1000, -850, -780, -110, -90, 0, 20, 40, 50, 60, 80, 150, 250, 500, 900)
"""Air, lung, fat, water, soft tissues, enhanced blood, bone: where a CT-like scene takes its means from."""


def rendered(random: Random, labels: np.ndarray) -> np.ndarray:
    """(H, W) labels to (H, W, 3) uint8, three equal channels."""
    image = _as_ct(random, labels) if random.random() < 0.6 else _as_anything(random, labels)
    return np.repeat(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)


def _as_ct(random: Random, labels: np.ndarray) -> np.ndarray:
    """Hounsfield units, the scanner's blur and noise, then a window: mostly about the one that is used, -910 to 590."""
    count = int(labels.max()) + 1
    means = random.choice(TISSUES_HU, count) + random.normal(0, 25, count)
    means[0] = -1000 if random.random() < 0.6 else means[0]
    hu = _textured(random, labels, means, np.abs(random.normal(0, 30, count)))
    hu = _blurred(random, hu, 1.3)
    noise = random.uniform(3, 60)
    hu += noise * _grain(random, labels.shape)
    if random.random() < 0.7:
        low, high = -910 + random.normal(0, 40), 590 + random.normal(0, 80)
    else:
        centre, width = random.uniform(-500, 150), random.uniform(300, 2000)
        low, high = centre - width / 2, centre + width / 2
    return (hu - low) / (high - low)


def _as_anything(random: Random, labels: np.ndarray) -> np.ndarray:
    """Intensities that mean nothing, so that only what hangs together counts."""
    count = int(labels.max()) + 1
    spread = random.uniform(0.1, 1.0)
    means = 0.5 + spread * (random.random(count) - 0.5)
    image = _textured(random, labels, means, np.abs(random.normal(0, 0.06, count)))
    image = _blurred(random, image, 2.0)
    if random.random() < 0.5:
        image = image * (1 + random.uniform(0, 0.3) * smooth_noise(random, labels.shape, 2))
    image += random.uniform(0, 0.1) * _grain(random, labels.shape)
    if random.random() < 0.5:
        image = np.clip(image, 0, 1) ** np.exp(random.uniform(-0.6, 0.6))
    return 1 - image if random.random() < 0.3 else image


def _textured(random: Random, labels: np.ndarray, means: np.ndarray, rough: np.ndarray) -> np.ndarray:
    """(H, W) float32: the mean of each label, and a texture of its own strength; two grains are shared by all."""
    image = means.astype(np.float32)[labels]
    for _ in range(2):
        strength = (rough * random.random(len(rough))).astype(np.float32)[labels]
        image += strength * smooth_noise(random, labels.shape, int(random.integers(8, 90)))
    return image


def _blurred(random: Random, image: np.ndarray, most: float) -> np.ndarray:
    return ndimage.gaussian_filter(image, random.uniform(0.3, most), truncate=3)


def _grain(random: Random, shape: tuple[int, int]) -> np.ndarray:
    """Noise of deviation about 1; half of the time its grains are wider than a pixel, as a scanner's kernel makes them."""
    noise = random.standard_normal(shape, dtype=np.float32)
    if random.random() < 0.5:
        sigma = random.uniform(0.4, 1.1)
        noise = ndimage.gaussian_filter(noise, sigma, truncate=2)
        noise /= max(float(noise[::2, ::2].std()), 1e-6)
    return noise
