"""Random label maps: blobs, warped ellipses, rings, tubes, thin lines, layers, and bodies with organs.

Every shape is a formula of warped coordinates, so nothing is resampled: (H, W) float32 `x` and `y` from about -1 to 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

Random = np.random.Generator


def smooth_noise(random: Random, shape: tuple[int, int], cells: int) -> np.ndarray:
    """(H, W) float32, deviation about 1: noise whose waves are about a `cells`-th of the longer side wide."""
    coarse = random.standard_normal((cells + 3, cells + 3), dtype=np.float32)
    longer = max(shape)
    fine = F.interpolate(torch.from_numpy(coarse)[None, None], (longer + 3 * longer // cells,) * 2, mode="bicubic", align_corners=False)
    start = int(random.integers(longer // cells + 1))
    return fine[0, 0, start : start + shape[0], start : start + shape[1]].numpy() * 1.5


def warped_grid(random: Random, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of every pixel, turned, stretched, and bent by smooth noise."""
    longer = max(shape)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    x, y = (2 * x - shape[1] + 1) / longer, (2 * y - shape[0] + 1) / longer
    bend, cells = random.uniform(0, 0.12), int(random.integers(2, 7))
    return x + bend * smooth_noise(random, shape, cells), y + bend * smooth_noise(random, shape, cells)


def label_map(random: Random, shape: tuple[int, int]) -> np.ndarray:
    """(H, W) uint8 labels from 0: one of the kinds of scene, with further shapes painted over it."""
    x, y = warped_grid(random, shape)
    labels = np.zeros(shape, np.uint8)
    scene = SCENES[int(random.choice(len(SCENES), p=SCENE_SHARE))]
    scene(random, labels, x, y)
    for _ in range(int(random.integers(0, 4))):
        paint(labels, one_shape(random, x, y))
    return labels


def paint(labels: np.ndarray, where: np.ndarray) -> None:
    """Give a region a label of its own, over what was there."""
    labels[where] = min(int(labels.max()) + 1, 255)


def one_shape(random: Random, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(H, W) bool."""
    return SHAPES[int(random.integers(len(SHAPES)))](random, x, y)


def ellipse_distance(random: Random, x: np.ndarray, y: np.ndarray, radius: tuple[float, float] = (0.04, 0.5)) -> np.ndarray:
    """< 1 inside an ellipse at a random place; its edge may ripple."""
    size = np.exp(random.uniform(*np.log(radius)))
    stretch = np.exp(random.uniform(-0.6, 0.6))
    dx, dy = _turned(x - random.uniform(-0.85, 0.85), y - random.uniform(-0.85, 0.85), random.uniform(0, np.pi))
    distance = np.hypot(dx / (size * stretch), dy * stretch / size)
    if random.random() < 0.5:
        lobes, deep = int(random.integers(2, 8)), random.uniform(0, 0.25)
        distance = distance * (1 + deep * np.sin(lobes * np.arctan2(dy, dx) + random.uniform(0, 6.3)))
    return distance


def blob(random: Random, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return ellipse_distance(random, x, y) < 1


def ring(random: Random, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    distance = ellipse_distance(random, x, y, (0.1, 0.7))
    return (distance < 1) & (distance > random.uniform(0.5, 0.93))


def tube(random: Random, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A band along a wave through the image."""
    return _band(random, x, y, np.exp(random.uniform(np.log(0.02), np.log(0.12))))


def line(random: Random, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A thin one, of two to four pixels."""
    return _band(random, x, y, random.uniform(2, 4) / max(x.shape))


def cloud(random: Random, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Where smooth noise is high."""
    return smooth_noise(random, x.shape, int(random.integers(3, 14))) > random.uniform(0.8, 1.8)


def _band(random: Random, x: np.ndarray, y: np.ndarray, half: float) -> np.ndarray:
    dx, dy = _turned(x, y, random.uniform(0, np.pi))
    middle = random.uniform(-0.6, 0.6) + random.uniform(0, 0.3) * np.sin(random.uniform(1, 6) * dx + random.uniform(0, 6.3))
    begin, length = random.uniform(-1.2, 0.3), random.uniform(0.4, 2.4)
    return (np.abs(dy - middle) < half) & (dx > begin) & (dx < begin + length)


def _turned(x: np.ndarray, y: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    return np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x


def layers_scene(random: Random, labels: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    """Smooth noise cut at a few heights: everything touches something."""
    noise = smooth_noise(random, labels.shape, int(random.integers(3, 10)))
    cuts = np.quantile(noise[::4, ::4], np.sort(random.uniform(0.05, 0.95, int(random.integers(1, 6)))))
    labels[:] = np.digitize(noise, cuts)


def shapes_scene(random: Random, labels: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    for _ in range(int(random.integers(3, 14))):
        paint(labels, one_shape(random, x, y))


def body_scene(random: Random, labels: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    """An oval with a rind, hollow organs left and right, a spine, organs between, vessels, and lumps on their edges."""
    wide, high = random.uniform(0.75, 1.0), random.uniform(0.5, 0.8)
    body = np.hypot(x / wide, y / high)
    paint(labels, body < 1)
    paint(labels, body < random.uniform(0.84, 0.95))
    for side in (-1, 1):
        middle = side * wide * random.uniform(0.38, 0.5), random.uniform(-0.12, 0.12)
        radii = wide * random.uniform(0.2, 0.36), high * random.uniform(0.4, 0.7)
        hollow = np.hypot((x - middle[0]) / radii[0], (y - middle[1]) / radii[1]) < 1
        paint(labels, hollow)
        if random.random() < 0.7:
            _lumps(random, labels, hollow, x, y)
    paint(labels, np.hypot(x / 0.13, (y - 0.62 * high) / 0.12) < 1)
    if random.random() < 0.7:
        paint(labels, np.hypot(x / 0.045, (y - 0.62 * high) / 0.04) < 1)
    for _ in range(int(random.integers(2, 8))):
        paint(labels, (ellipse_distance(random, x, y, (0.03, 0.25)) < 1) & (body < 0.9))


def _lumps(random: Random, labels: np.ndarray, inside: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    """One to three lumps in an organ, or on its edge."""
    places = np.argwhere(inside[::4, ::4]) * 4
    for _ in range(int(random.integers(1, 4)) if len(places) else 0):
        row, column = places[int(random.integers(len(places)))]
        radius = np.exp(random.uniform(np.log(0.03), np.log(0.22)))
        ripple = 1 + 0.2 * smooth_noise(random, labels.shape, 12)
        near = np.hypot(x - x[row, column], (y - y[row, column]) * random.uniform(0.7, 1.4)) < radius * ripple
        paint(labels, near & inside if random.random() < 0.6 else near)


SHAPES: tuple[Callable[..., np.ndarray], ...] = (blob, blob, blob, ring, tube, line, cloud)
SCENES = (layers_scene, shapes_scene, body_scene)
SCENE_SHARE = (0.2, 0.4, 0.4)
