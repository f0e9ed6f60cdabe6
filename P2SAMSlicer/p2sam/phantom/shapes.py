"""Shapes of the phantom as signed distances: negative inside, zero on the surface, millimetres.

A point set is a tuple (x, y, z) of equally long float32 arrays in patient millimetres: x to the right, y to the front,
z to the head. Distances are exact for tubes and first-order for ellipsoids, which is enough to draw partial volume.
"""

from __future__ import annotations

import numpy as np

Points = tuple[np.ndarray, np.ndarray, np.ndarray]

FAR_MM = np.float32(60.0)
"""What a tube returns for points it does not reach: far outside, without the work of the exact distance."""


def ellipsoid(points: Points, centre, radii, axes=None) -> np.ndarray:
    """Signed distance to an ellipsoid; `axes` (3, 3) holds its principal directions as rows."""
    offsets = [np.float32(1) * (coordinate - np.float32(c)) for coordinate, c in zip(points, centre)]
    if axes is not None:
        offsets = [sum(np.float32(row[n]) * offsets[n] for n in range(3)) for row in np.asarray(axes)]
    scaled = [offset / np.float32(radius) for offset, radius in zip(offsets, radii)]
    level = np.sqrt(sum(value * value for value in scaled))
    slope = np.sqrt(sum((value / np.float32(radius)) ** 2 for value, radius in zip(scaled, radii)))
    return level * (level - 1) / np.maximum(slope, np.float32(1e-6))


def superellipse(x, y, centre_y, half_width, half_depth, power: float) -> np.ndarray:
    """Radial signed distance to |x/a|^n + |(y - c)/b|^n = 1; centre and half axes may change from point to point."""
    dy = y - centre_y
    level = ((np.abs(x) / half_width) ** power + (np.abs(dy) / half_depth) ** power) ** np.float32(1 / power)
    return np.sqrt(x * x + dy * dy) * (1 - 1 / np.maximum(level, np.float32(1e-3)))


def tube(points: Points, nodes, radii) -> np.ndarray:
    """Signed distance to a chain of cones with round ends through `nodes` (n, 3) with `radii` (n,)."""
    nodes = np.asarray(nodes, dtype=np.float32)
    radii = np.asarray(radii, dtype=np.float32)
    distance = np.full(points[0].shape, FAR_MM, dtype=np.float32)
    reach = radii.max() + 20
    near = np.ones(points[0].shape, dtype=bool)
    for axis in range(3):
        near &= (points[axis] > nodes[:, axis].min() - reach) & (points[axis] < nodes[:, axis].max() + reach)
    if not near.any():
        return distance
    inside = tuple(coordinate[near] for coordinate in points)
    local = distance[near]
    for n in range(len(nodes) - 1):
        local = np.minimum(local, _cone(inside, nodes[n], nodes[n + 1], radii[n], radii[n + 1]))
    distance[near] = local
    return distance


def _cone(points: Points, start, end, start_radius, end_radius) -> np.ndarray:
    along = end - start
    offsets = [coordinate - s for coordinate, s in zip(points, start)]
    share = np.clip(sum(o * a for o, a in zip(offsets, along)) / np.float32(along @ along), 0, 1)
    square = sum((o - share * a) ** 2 for o, a in zip(offsets, along))
    return np.sqrt(square) - (start_radius + share * (end_radius - start_radius))


def smooth_union(first: np.ndarray, second: np.ndarray, blend_mm: float) -> np.ndarray:
    """Union whose seam is rounded over `blend_mm`, as fat rounds the corners between organs."""
    share = np.clip(0.5 + (second - first) / np.float32(2 * blend_mm), 0, 1)
    return second + (first - second) * share - np.float32(blend_mm) * share * (1 - share)


def smooth_step(value, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, without a kink."""
    share = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    return share * share * (3 - 2 * share)


def cover(distance: np.ndarray, width_mm: float) -> np.ndarray:
    """Share of a voxel of size `width_mm` that lies inside a shape (0..1)."""
    return np.clip(np.float32(0.5) - distance / np.float32(width_mm), 0, 1)


def paint(hu: np.ndarray, distance: np.ndarray, value, width_mm: float) -> None:
    """Lay tissue of `value` HU over what is there, in place, with partial volume at its edge."""
    hu += cover(distance, width_mm) * (value - hu)
