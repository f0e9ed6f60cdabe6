"""How well a result agrees with a reference contour. Definitions with formulas: docs/metrics.md."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from scipy.spatial import cKDTree

from .errors import GeometryError
from .surface import cube_areas, cube_codes, cube_middles
from .volume import Volume, canonical

TOLERANCE_MM = 2.0
"""Within this distance a surface counts as agreeing (surface Dice)."""

_ROUNDING_MM = 1e-6
"""A distance of exactly the tolerance is within it, whatever the rounding of an oblique matrix."""


@dataclass(frozen=True)
class Metrics:
    """Agreement of one structure. None: not defined, because the truth, the result or both are empty.

    Attributes
    ----------
    dice : float or None
        Of the volumes, 0 to 1. 0 where one is empty, None where both are.
    slice_dice : float or None
        Mean of the Dice of each slice that truth or result (or both) reach, along the acquisition axis.
    slices : int
        How many slices that is.
    surface_dice : float or None
        Share of both surfaces that lies within `tolerance_mm` of the other. 0 where one is empty, None where both are.
    hd95_mm : float or None
        95 % Hausdorff distance: the larger of the two directed, area-weighted 95th percentiles.
    mean_surface_mm : float or None
        Area-weighted mean distance over both surfaces.
    truth_ml, result_ml : float
    volume_difference_ml : float
        Result less truth.
    volume_difference_percent : float or None
        Of the truth; None where the truth is empty.
    centroid_mm : float or None
        Distance between the centres of mass.
    tolerance_mm : float
    """

    dice: float | None
    slice_dice: float | None
    slices: int
    surface_dice: float | None
    hd95_mm: float | None
    mean_surface_mm: float | None
    truth_ml: float
    result_ml: float
    volume_difference_ml: float
    volume_difference_percent: float | None
    centroid_mm: float | None
    tolerance_mm: float = TOLERANCE_MM

    def as_row(self) -> dict[str, float | int | None]:
        """Field name -> value, in the order of the fields; None is an empty cell in a table."""
        return asdict(self)


def compute(truth: np.ndarray, result: np.ndarray, ijk_to_ras: np.ndarray, tolerance_mm: float = TOLERANCE_MM) -> Metrics:
    """Compare a result with the truth on the same grid.

    Parameters
    ----------
    truth, result : (K, J, I) bool
        Other types count as inside where they are not zero.
    ijk_to_ras : (4, 4) float
        The grid's matrix, millimetres; any spacing, flip or oblique direction.
    tolerance_mm : float
        Of the surface Dice.

    Raises
    ------
    GeometryError
        Where the two grids differ in size, or the matrix is not one.
    """
    truth, result = np.asarray(truth, dtype=bool), np.asarray(result, dtype=bool)
    if truth.shape != result.shape:
        raise GeometryError(
            f"The truth has shape {truth.shape} and the result {result.shape} (K, J, I); resample one onto the other's grid first."
        )
    _, order = canonical(Volume(truth, ijk_to_ras))
    axes = np.asarray(ijk_to_ras, dtype=np.float64)[:3, :3]
    ml = abs(np.linalg.det(axes)) / 1000
    truth, result = _crop(truth, result)
    truth_ml, result_ml = float(truth.sum() * ml), float(result.sum() * ml)
    each_slice = dice_of_slices(truth, result, order.axes[0])
    reached = each_slice[~np.isnan(each_slice)]
    surface_dice, hd95, mean = _surface_agreement(truth, result, axes, tolerance_mm)
    return Metrics(
        dice=dice(truth, result),
        slice_dice=float(reached.mean()) if reached.size else None,
        slices=int(reached.size),
        surface_dice=surface_dice,
        hd95_mm=hd95,
        mean_surface_mm=mean,
        truth_ml=truth_ml,
        result_ml=result_ml,
        volume_difference_ml=result_ml - truth_ml,
        volume_difference_percent=100 * (result_ml - truth_ml) / truth_ml if truth_ml else None,
        centroid_mm=_centroid_distance(truth, result, axes),
        tolerance_mm=float(tolerance_mm),
    )


def dice(truth: np.ndarray, result: np.ndarray) -> float | None:
    """2 |T and R| / (|T| + |R|) of two bool arrays; None where both are empty."""
    total = int(np.count_nonzero(truth)) + int(np.count_nonzero(result))
    return 2 * int(np.count_nonzero(truth & result)) / total if total else None


def dice_of_slices(truth: np.ndarray, result: np.ndarray, axis: int = 0) -> np.ndarray:
    """(n,) float64: Dice of each slice along a numpy axis; NaN where neither mask has a voxel on the slice."""
    others = tuple(n for n in range(truth.ndim) if n != axis)
    total = np.count_nonzero(truth, axis=others) + np.count_nonzero(result, axis=others)
    shared = np.count_nonzero(truth & result, axis=others)
    return np.divide(2 * shared, total, out=np.full(total.shape, np.nan), where=total > 0)


def _crop(truth: np.ndarray, result: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both masks in the box of their union, with one empty voxel all round; a single empty voxel where both are empty."""
    union = truth | result
    window = []
    for axis in range(3):
        reached = np.flatnonzero(union.any(axis=tuple(n for n in range(3) if n != axis)))
        window.append(slice(reached[0], reached[-1] + 1) if reached.size else slice(0, 0))
    return np.pad(truth[tuple(window)], 1), np.pad(result[tuple(window)], 1)


def _centroid_distance(truth: np.ndarray, result: np.ndarray, axes: np.ndarray) -> float | None:
    if not truth.any() or not result.any():
        return None
    kji = _centroid(truth) - _centroid(result)
    return float(np.linalg.norm(axes @ kji[::-1]))


def _centroid(mask: np.ndarray) -> np.ndarray:
    count = np.count_nonzero(mask)
    sums = (mask.sum(axis=tuple(n for n in range(3) if n != axis)) @ np.arange(mask.shape[axis]) for axis in range(3))
    return np.array([total / count for total in sums])


def _surface_agreement(truth, result, axes, tolerance_mm) -> tuple[float | None, float | None, float | None]:
    """Surface Dice, 95 % Hausdorff distance and mean surface distance."""
    if not truth.any() and not result.any():
        return None, None, None
    if not truth.any() or not result.any():
        return 0.0, None, None
    codes = cube_codes(truth), cube_codes(result)
    areas = cube_areas(axes)
    there, there_area = _directed(codes[0], codes[1], areas, axes)
    back, back_area = _directed(codes[1], codes[0], areas, axes)
    distance, area = np.concatenate([there, back]), np.concatenate([there_area, back_area])
    agreeing = area[distance <= tolerance_mm + _ROUNDING_MM].sum() / area.sum()
    hd95 = max(_percentile(there, there_area, 0.95), _percentile(back, back_area, 0.95))
    return float(agreeing), hd95, float((distance @ area) / area.sum())


def _directed(codes: np.ndarray, other: np.ndarray, areas: np.ndarray, axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each piece of a surface: the distance (mm) to the nearest piece of the other, and its own area (mm^2)."""
    here, there = (codes + np.uint8(1)) > 1, (other + np.uint8(1)) > 1  # neither 0 nor 255
    own = codes[here]
    distance = np.zeros(own.size)
    apart = own != other[here]
    if apart.any():
        tree = cKDTree(_places(there, other, axes))
        distance[apart] = tree.query(_places(here & (codes != other), codes, axes))[0]
    return distance, areas[own]


def _places(chosen: np.ndarray, codes: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """(n, 3) millimetres from the first voxel: the middles of the chosen cubes' surfaces."""
    return (np.argwhere(chosen)[:, ::-1] + cube_middles()[codes[chosen]]) @ axes.T


def _percentile(distance: np.ndarray, area: np.ndarray, share: float) -> float:
    """The smallest distance within which at least `share` of the area lies."""
    order = np.argsort(distance)
    reached = np.cumsum(area[order])
    return float(distance[order][np.searchsorted(reached, share * reached[-1] * (1 - 1e-12))])
