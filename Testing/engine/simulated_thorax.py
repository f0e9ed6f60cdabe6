"""A thorax from formulas, asymmetric on every axis, scanned on any grid and in any pose without interpolation."""

import numpy as np

from p2sam.volume import Volume

AXIAL = np.diag([-1.0, -1.0, 1.0])
SIZE = 0.75
"""A small patient: quick to register. Lengths below are those of a grown one, in mm of its own."""

SPACING = (3.4, 3.4, 3.8)
SHAPE = (64, 80, 72)


def rotation(degrees):
    """(3, 3) turning about R, then A, then S."""
    turn = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        one, other = [(1, 2), (2, 0), (0, 1)][axis]
        step = np.eye(3)
        step[one, one] = step[other, other] = np.cos(angle)
        step[other, one], step[one, other] = np.sin(angle), -np.sin(angle)
        turn = step @ turn
    return turn


def _inside(distance_mm):
    """1 inside, 0 outside, over 4 mm: a scanner's blur."""
    return np.clip(0.5 - distance_mm / 4, 0, 1)


def _ellipsoid(points, centre, radii):
    scaled = (points - np.array(centre)) / np.array(radii)
    return (np.linalg.norm(scaled, axis=-1) - 1) * min(radii)


def body(points):
    """(...,) mm outside the skin, negative inside. Points are RAS."""
    return SIZE * _skin(points / SIZE)


def _skin(points):
    r, a, s = np.moveaxis(points, -1, 0)
    return (np.hypot(r / (140 - 0.08 * s), a / (95 + 0.05 * s)) - 1) * 95


def hounsfield(points):
    """(...,) HU of the patient at (..., 3) RAS points."""
    points = points / SIZE
    r, a, s = np.moveaxis(points, -1, 0)
    hu = np.full(r.shape, -1000.0)

    def paint(value, distance):
        share = _inside(distance)
        hu[...] = hu * (1 - share) + value * share

    skin = _skin(points)
    paint(-90, skin)
    paint(45, skin + 14)
    paint(-840, _ellipsoid(points, (68, 5, -5), (46, 62, 120)))
    paint(-860, _ellipsoid(points, (-66, 8, 10), (40, 58, 105)))
    paint(60, _ellipsoid(points, (-28, 30, -40), (45, 38, 55)))
    paint(55, _ellipsoid(points, (45, 10, -150), (85, 75, 75)))
    for number, (x, y, z) in enumerate([(75, 20, 40), (60, -25, -30), (82, 5, -60), (-70, 25, 60), (-60, -20, 20), (-82, 0, -20), (55, 30, 5), (-55, 15, 85)]):
        paint(30, _ellipsoid(points, (x, y, z), (6 + number % 3, 7, 14 + 3 * (number % 4))))
    paint(40, _ellipsoid(points, (-72, -8, 48), (15, 18, 16)))
    shell = np.abs(skin + 17) - 3.5
    ribs = np.abs((s + 0.45 * a + 0.1 * r) % 31 - 15.5) - 5
    paint(400, np.maximum(shell, ribs))
    spine = np.hypot(r - 2, a + 46 + 0.0006 * s**2) - 15
    paint(np.where((s + 7) % 28 < 21, 330.0, 90.0), spine)
    paint(35, np.hypot(r - 3, a + 62 + 0.0006 * s**2) - 6)
    return hu


def points_of(shape, matrix):
    k, j, i = np.indices(shape, dtype=float)
    return np.stack([i, j, k], -1) @ matrix[:3, :3].T + matrix[:3, 3]


def grid(shape=SHAPE, spacing=SPACING, direction=AXIAL, centre=(0, 0, 0)):
    """(4, 4) ijk_to_ras of a grid whose middle is at `centre` (RAS)."""
    matrix = np.eye(4)
    matrix[:3, :3] = direction * np.array(spacing)
    matrix[:3, 3] = np.array(centre) - matrix[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)
    return matrix


def scan(matrix=None, shape=SHAPE, to_prior=None, noise_hu=15.0, seed=1, table_a=-89.0):
    """A CT on a grid.

    Parameters
    ----------
    to_prior : callable
        (..., 3) RAS of this visit to RAS of the patient model; None leaves the pose.
    table_a : float
        A coordinate of the table top in this scan, a slab of 15 mm with a dense shell; the table never moves along.
    """
    matrix = grid(shape) if matrix is None else matrix
    here = points_of(shape, matrix)
    hu = hounsfield(here if to_prior is None else to_prior(here))
    inside = (np.abs(here[..., 1] - table_a + 10) < 10) & (np.abs(here[..., 0]) < 150) & (hu < -900)
    shell = inside & (np.abs(np.abs(here[..., 1] - table_a + 10) - 8) < 3)
    hu = np.where(shell, 250.0, np.where(inside, -880.0, hu))
    hu = hu + np.random.default_rng(seed).normal(0, noise_hu, shape)
    return Volume(np.clip(np.rint(hu), -1024, 3000).astype(np.int16), matrix)


def rigid(degrees, shift, about=(8.0, -15.0, 11.0)):
    """A pose: callable (..., 3) RAS of the visit to RAS of the patient model."""
    turn, about = rotation(degrees), np.array(about)
    return lambda points: (points - about) @ turn.T + about + np.array(shift, dtype=float)


def error_mm(alignment, followup, to_prior):
    """(n,) mm between where an alignment puts points of the body and where they belong."""
    points = points_of(followup.shape, followup.ijk_to_ras)[::4, ::5, ::5].reshape(-1, 3)
    points = points[body(to_prior(points)) < 0]
    return np.linalg.norm(alignment.to_prior(points) - to_prior(points), axis=1)
