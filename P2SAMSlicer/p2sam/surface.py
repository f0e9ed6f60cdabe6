"""The closed surface of a mask: where it runs, and how large each piece of it is.

Voxel centres are the corners of small cubes. A cube with corners inside and outside the mask holds a piece of surface: the
marching-cubes polygon through the middles of the cut edges. Its area weighs it, as in Nikolov et al., "Clinically
Applicable Segmentation of Head and Neck Anatomy", J Med Internet Res 2021;23(7):e26151. Its place is the polygon's middle;
their program takes the cube's, which makes slanted surfaces a voxel thick and distances between them half a voxel short.
"""

from __future__ import annotations

from functools import cache

import numpy as np

CORNERS = np.array([(n & 1, n >> 1 & 1, n >> 2) for n in range(8)])
"""(8, 3) corner n of a cube as (i, j, k); its bit in a cube's code is 1 << n."""
_FACES = ((0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5))
"""Corners of each face, in order round it."""


def cube_codes(mask: np.ndarray) -> np.ndarray:
    """Which corners of each cube lie inside.

    Parameters
    ----------
    mask : (K, J, I) bool
        With at least one empty voxel all round, so that the surface is closed.

    Returns
    -------
    (K - 1, J - 1, I - 1) uint8
        0 and 255 are cubes without surface.
    """
    solid = np.ascontiguousarray(mask).view(np.uint8)
    extent = [n - 1 for n in mask.shape]
    codes = np.zeros(extent, dtype=np.uint8)
    for n, (i, j, k) in enumerate(CORNERS):
        codes |= solid[k : k + extent[0], j : j + extent[1], i : i + extent[2]] << np.uint8(n)
    return codes


def cube_areas(ijk_to_mm: np.ndarray) -> np.ndarray:
    """(256,) float64, mm^2: the area of the surface in a cube, by its code; `ijk_to_mm` is the 3x3 part of the grid's matrix."""
    areas = np.zeros(256)
    for code in range(1, 255):
        first, second = (edges @ ijk_to_mm.T for edges in _triangle_sides(code))
        areas[code] = 0.5 * np.linalg.norm(np.cross(first, second), axis=1).sum()
    return areas


@cache
def cube_middles() -> np.ndarray:
    """(256, 3) float64, (i, j, k) in voxels: the middle of the surface in a cube, from the cube's first corner; 0 where none is."""
    middles = np.zeros((256, 3))
    for code in range(1, 255):
        middles[code] = np.mean([(CORNERS[a] + CORNERS[b]) / 2 for loop in _loops(code) for a, b in loop], axis=0)
    return middles


@cache
def _triangle_sides(code: int) -> tuple[np.ndarray, np.ndarray]:
    """Two sides of each triangle of a cube's surface, in voxels: the fan of each loop round the loop's middle."""
    first, second = [], []
    for loop in _loops(code):
        points = np.array([(CORNERS[a] + CORNERS[b]) / 2 for a, b in loop])
        spokes = points - points.mean(axis=0)
        first.append(spokes)
        second.append(np.roll(spokes, -1, axis=0))
    return np.concatenate(first), np.concatenate(second)


def _loops(code: int) -> list[list[tuple[int, int]]]:
    """Closed chains of cut edges; where a face can be cut two ways, its inside corners are kept apart."""
    neighbours: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for a, b in (cut for face in _FACES for cut in _cuts(code, face)):
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    loops = []
    while neighbours:
        loop = [next(iter(neighbours))]
        while True:
            ahead = [edge for edge in neighbours.pop(loop[-1]) if edge in neighbours]
            if not ahead:
                break
            loop.append(ahead[0])
        loops.append(loop)
    return loops


def _cuts(code: int, face: tuple[int, int, int, int]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The lines a surface draws on one face, each between two cut edges."""
    inside = [bool(code >> corner & 1) for corner in face]
    edges = [(min(face[n], face[n - 3]), max(face[n], face[n - 3])) for n in range(4)]  # from corner n to n + 1
    cut = [n for n in range(4) if inside[n] != inside[n - 3]]
    if len(cut) < 4:
        return [(edges[cut[0]], edges[cut[1]])] if cut else []
    return [(edges[n - 1], edges[n]) for n in range(4) if inside[n]]
