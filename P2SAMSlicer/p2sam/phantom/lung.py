"""What cannot be written as a formula: tissue texture, and the tree of vessels that fills a lung."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .shapes import Points

TEXTURE_SIZE = 64
"""Samples along each side of a texture tile; a power of two."""
TREE_START_MM = (-138.0, -100.0, -118.0)
TREE_END_MM = (138.0, 90.0, 124.0)


@dataclass(frozen=True)
class Texture:
    """A tile of correlated noise, mean 0 and deviation 1, that repeats through space."""

    tile: np.ndarray
    step_mm: float

    def at(self, points: Points) -> np.ndarray:
        """Value of the tile's sample nearest to each point; its grains are wide enough for that."""
        cells = [np.floor(coordinate / np.float32(self.step_mm)).astype(np.int32) & (TEXTURE_SIZE - 1) for coordinate in points]
        return self.tile.ravel()[(cells[0] * TEXTURE_SIZE + cells[1]) * TEXTURE_SIZE + cells[2]]


def make_texture(random: np.random.Generator, step_mm: float, sigma: float) -> Texture:
    """Noise whose grains are about `2.4 * sigma * step_mm` wide."""
    noise = random.standard_normal((TEXTURE_SIZE,) * 3, dtype=np.float32)
    smooth = ndimage.gaussian_filter(noise, sigma, mode="wrap")
    return Texture((smooth - smooth.mean()) / smooth.std(), step_mm)


@dataclass(frozen=True)
class VesselTree:
    """Depth inside the nearest vessel (mm, negative outside) on a grid of `step_mm` over both lungs."""

    depth: np.ndarray
    step_mm: float

    def at(self, points: Points) -> np.ndarray:
        """Depth at each point, linear between the grid's."""
        offsets = (coordinate - np.float32(start) for coordinate, start in zip(points, TREE_START_MM))
        where = np.stack([offset / np.float32(self.step_mm) for offset in offsets])
        return ndimage.map_coordinates(self.depth, where, order=1, mode="nearest")


def grow_tree(random: np.random.Generator, root: np.ndarray, goals: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Connect `goals` (n, 3), nearest to `root` first, each to the branch that makes the shortest way to the root.

    Returns
    -------
    starts, ends : (m, 3) float64
        Branches in millimetres, each bent once.
    radii : (m,) float64
        By Murray's law: the cube of a radius is the sum of the cubes of what it feeds.
    """
    goals = goals[np.argsort(np.linalg.norm(goals - root, axis=1))]
    nodes = np.concatenate([root[None], goals])
    parent = np.zeros(len(nodes), dtype=int)
    way = np.zeros(len(nodes))
    for n in range(1, len(nodes)):
        gap = np.linalg.norm(nodes[:n] - nodes[n], axis=1)
        parent[n] = np.argmin(gap + 0.45 * way[:n])
        way[n] = way[parent[n]] + gap[parent[n]]
    fed = np.ones(len(nodes))
    for n in range(len(nodes) - 1, 0, -1):
        fed[parent[n]] += fed[n]
    radii = np.minimum(0.72 * fed[1:] ** (1 / 2.8), 5.5)
    starts, ends = nodes[parent[1:]], nodes[1:]
    length = np.linalg.norm(ends - starts, axis=1, keepdims=True)
    bend = (starts + ends) / 2 + random.normal(0, 0.09, starts.shape) * length
    return np.concatenate([starts, bend]), np.concatenate([bend, ends]), np.concatenate([radii, radii])


def draw_tree(branches: list[tuple[np.ndarray, np.ndarray, np.ndarray]], step_mm: float) -> VesselTree:
    """Draw branches as tubes into a depth field."""
    start = np.array(TREE_START_MM)
    shape = np.ceil((np.array(TREE_END_MM) - start) / step_mm).astype(int) + 1
    depth = np.full(shape, -2.0, dtype=np.float32)
    for starts, ends, radii in branches:
        for a, b, radius in zip(starts, ends, radii):
            in_voxels = ((np.stack([a, b]) - start) / step_mm).astype(np.float32)
            _draw_branch(depth, in_voxels[0], in_voxels[1], float(radius), step_mm)
    return VesselTree(depth, step_mm)


def _draw_branch(depth: np.ndarray, a: np.ndarray, b: np.ndarray, radius: float, step_mm: float) -> None:
    reach = (radius + 2.0) / step_mm
    low = np.maximum(np.floor(np.minimum(a, b) - reach).astype(int), 0)
    high = np.minimum(np.ceil(np.maximum(a, b) + reach).astype(int) + 1, depth.shape)
    if (high <= low).any():
        return
    axes = [np.arange(l, h, dtype=np.float32) for l, h in zip(low, high)]
    offsets = [axes[0][:, None, None] - a[0], axes[1][None, :, None] - a[1], axes[2][None, None, :] - a[2]]
    along = b - a
    share = np.clip(sum(o * c for o, c in zip(offsets, along)) / max(along @ along, 1e-6), 0, 1)
    square = sum((o - share * c) ** 2 for o, c in zip(offsets, along))
    window = depth[tuple(slice(l, h) for l, h in zip(low, high))]
    np.maximum(window, radius - np.sqrt(square) * step_mm, out=window)
