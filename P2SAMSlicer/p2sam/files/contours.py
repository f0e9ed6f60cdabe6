"""Planar polygons in patient space filled onto the voxels of a grid, by the even-odd rule at voxel centres.

A drawn plane stands for a slab as thick as the distance between drawn planes, as in treatment planning: a CT finer
than the drawing gets the nearest plane on each slice, a coarser one the plane nearest to each slice. Planes are never
invented where the drawing has a gap; the gap is reported.
"""

from __future__ import annotations

import numpy as np

from ..errors import GeometryError
from ..volume import Volume

_FLAT = 0.1
"""A contour may leave its plane by this part of a slice."""
_DECIMALS = 6
"""Crossings are rounded to these decimals, so that noise in a matrix does not decide on which side a point lies."""
_TIE = 1e-3
"""Voxels by which contours are moved to the low side, so that the decimals of a DICOM file do not decide a tie either."""
_THICKEST_MM = 10.5
"""Planes farther apart than this are separate pieces, not a coarse drawing."""


def fill_planes(contours: list[np.ndarray], grid: Volume, name: str = "structure") -> tuple[np.ndarray, list[str]]:
    """Fill closed planar contours.

    Parameters
    ----------
    contours : list of (n, 3) float64
        Polygon corners in RAS millimetres; the last joins the first.
    grid : Volume
        Only its shape and `ijk_to_ras` are used.
    name : str
        For messages.

    Returns
    -------
    mask : (K, J, I) bool
    warnings : list of str

    Raises
    ------
    GeometryError
        A contour that is not flat, or not parallel to the grid's slices.
    """
    mask = np.zeros(grid.shape, dtype=bool)
    if not contours:
        return mask, []
    inverse = grid.ras_to_ijk
    points = [contour @ inverse[:3, :3].T + inverse[:3, 3] for contour in contours]
    axis = _normal_axis(points, grid, name)
    planes, warnings = _planes(points, axis, float(grid.spacing_mm[axis]), name)
    positions = np.array(sorted(planes))
    in_plane = [other for other in (0, 1, 2) if other != axis]
    turned = np.moveaxis(mask, 2 - axis, 0)  # a view: (slices, rows of the higher axis, columns of the lower)
    half, found = _half_thickness(positions, float(grid.spacing_mm[axis]), name)
    owner = _owners(positions, len(turned), half)
    cut = 0
    for index in np.unique(owner[owner >= 0]):
        polygons = [np.round(polygon[:, in_plane] - _TIE, _DECIMALS) for polygon in planes[positions[index]]]
        filled = fill_even_odd(polygons, turned.shape[1:])
        turned[owner == index] = filled
        warnings += _overlap_warning(polygons, turned.shape[1:], name, positions[index])
        cut += any((polygon < -0.5).any() or (polygon > np.array(turned.shape[:0:-1]) - 0.5).any() for polygon in polygons)
    warnings += found + _extent_warnings(mask, turned, positions, owner, half, cut, name)
    return mask, warnings


def fill_even_odd(polygons: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Voxels whose centre lies inside an odd number of polygons.

    Every edge is crossed with the rows between its ends (low end in, high end out); from the first column centre at
    or beyond the crossing on, the row changes side. Edges are walked upwards, so the two walls of a keyhole cross at
    equal numbers and cancel.

    Parameters
    ----------
    polygons : list of (n, 2) float64
        (x, y): columns and rows, in voxels; a voxel centre has whole numbers.
    shape : (rows, columns)

    Returns
    -------
    (rows, columns) bool
    """
    rows, columns = shape
    start = np.concatenate(polygons)
    end = np.concatenate([np.roll(polygon, -1, axis=0) for polygon in polygons])
    upward = (start[:, 1] <= end[:, 1])[:, None]
    low, high = np.where(upward, start, end), np.where(upward, end, start)
    first = np.clip(np.ceil(low[:, 1]), 0, rows).astype(np.int64)
    count = np.clip(np.ceil(high[:, 1]), 0, rows).astype(np.int64) - first
    edge = np.repeat(np.arange(len(low)), count)
    row = first[edge] + np.arange(edge.size) - np.repeat(np.cumsum(count) - count, count)
    part = (row - low[edge, 1]) / (high[edge, 1] - low[edge, 1])
    crossing = np.round(low[edge, 0] + part * (high[edge, 0] - low[edge, 0]), _DECIMALS)
    column = np.clip(np.ceil(crossing), 0, columns).astype(np.int64)
    changes = np.bincount(row * (columns + 1) + column, minlength=rows * (columns + 1)).reshape(rows, columns + 1)
    return (np.cumsum(changes[:, :columns], axis=1) % 2).astype(bool)


def _normal_axis(points: list[np.ndarray], grid: Volume, name: str) -> int:
    """The voxel axis (0 i, 1 j, 2 k) that all contours are perpendicular to."""
    spread = np.array([np.ptp(polygon, axis=0) for polygon in points]).max(axis=0)
    axis = int(np.argmin(spread))
    if spread[axis] > max(_FLAT, 0.1 / grid.spacing_mm[axis]):
        raise GeometryError(
            f"A contour of '{name}' runs through {spread[axis] * grid.spacing_mm[axis]:.1f} mm across the CT's slices:"
            " its plane is tilted against them, or it is not flat. Give the CT that the contours were drawn on."
        )
    return axis


def _planes(
    points: list[np.ndarray], axis: int, spacing_mm: float, name: str
) -> tuple[dict[float, list[np.ndarray]], list[str]]:
    """Polygons by the plane they were drawn on (its position in voxels); identical copies are dropped."""
    heights = np.array([polygon[:, axis].mean() for polygon in points])
    planes: dict[float, list[np.ndarray]] = {}
    same_mm = min(0.05, 0.05 * spacing_mm)
    current = None
    copies = 0
    for index in np.argsort(heights, kind="stable"):
        if current is None or (heights[index] - current) * spacing_mm > same_mm:
            current = float(heights[index])
            planes[current] = []
        if any(_same_polygon(points[index], other) for other in planes[current]):
            copies += 1
        else:
            planes[current].append(points[index])
    if copies:
        return planes, [f"'{name}': {copies} contour{'s' if copies > 1 else ''} stood twice on one plane; the copy was left out."]
    return planes, []


def _same_polygon(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two polygons have the same corners in any order of walking."""
    if one.shape != other.shape or not np.allclose(np.sort(one, axis=0), np.sort(other, axis=0), atol=1e-3):
        return False
    return np.allclose(one[np.lexsort(np.round(one, 3).T)], other[np.lexsort(np.round(other, 3).T)], atol=1e-3)


def _half_thickness(positions: np.ndarray, spacing_mm: float, name: str) -> tuple[float, list[str]]:
    """Half the slab (in voxels) that a drawn plane stands for."""
    steps = np.diff(positions)
    if len(positions) < 3:
        return 0.5, []
    usual = float(np.median(steps))
    regular = np.mean(np.abs(steps - usual) <= 0.1 * usual) >= 0.5
    if not regular or usual * spacing_mm > max(_THICKEST_MM, 1.01 * spacing_mm) or abs(usual - 1) < 0.02:
        return 0.5, []
    drawn = f"'{name}' was drawn every {usual * spacing_mm:.2f} mm, the CT has slices every {spacing_mm:.2f} mm"
    return usual / 2, [f"{drawn}: each CT slice takes the nearest drawn plane; check the result at its ends."]


def _owners(positions: np.ndarray, count: int, half: float) -> np.ndarray:
    """(count,) for each slice the drawn plane whose slab [p - half, p + half) holds it and that is nearest; else -1."""
    slices = np.arange(count)
    apart = slices[:, None] - positions[None, :] + _TIE  # midway between two planes: the upper
    nearest = np.abs(apart).argmin(axis=1)
    offset = apart[slices, nearest]
    return np.where((offset >= -half) & (offset < half), nearest, -1)


def _overlap_warning(polygons: list[np.ndarray], shape: tuple[int, int], name: str, position: float) -> list[str]:
    """Say where two contours of a plane cross: the even-odd rule leaves their common part out."""
    if len(polygons) < 2:
        return []
    boxes = [(polygon.min(axis=0), polygon.max(axis=0)) for polygon in polygons]
    masks: dict[int, np.ndarray] = {}
    for one in range(len(polygons)):
        for two in range(one + 1, len(polygons)):
            if (boxes[one][0] > boxes[two][1]).any() or (boxes[two][0] > boxes[one][1]).any():
                continue
            for index in (one, two):
                masks.setdefault(index, fill_even_odd([polygons[index]], shape))
            common = int((masks[one] & masks[two]).sum())
            smaller = min(int(masks[one].sum()), int(masks[two].sum()))
            if common > max(2, 0.02 * smaller) and common < 0.98 * smaller:
                return [
                    f"'{name}': two contours cross near slice {position:.0f}; their common part was left out"
                    " (even-odd rule). Check that slice."
                ]
    return []


def _extent_warnings(mask, turned, positions, owner, half, cut, name) -> list[str]:
    warnings = []
    unused = np.setdiff1d(np.arange(len(positions)), owner)
    outside = int(((positions[unused] < -half) | (positions[unused] > len(turned) - 1 + half)).sum())
    if outside:
        warnings.append(f"'{name}': {outside} of {len(positions)} drawn planes lie beyond the CT's slices and were cut off.")
    if cut:
        warnings.append(f"'{name}' reaches beyond the CT's field of view on {cut} drawn planes and was cut off there.")
    inside = (positions > -0.5) & (positions < len(turned) - 0.5)
    off = np.abs(positions - np.round(positions))[inside]
    if half == 0.5 and off.size and off.max() > 0.1:
        warnings.append(
            f"'{name}': contours lie up to {off.max():.2f} slices beside the CT's slices; each was put on the nearest one."
        )
    lost = len(unused) - outside
    if half == 0.5 and lost:
        warnings.append(f"'{name}': {lost} drawn planes lie nearer to a slice that another plane took, and were not used.")
    used = np.flatnonzero(owner >= 0)
    gaps = int((owner[used[0] : used[-1] + 1] < 0).sum()) if used.size else 0
    if gaps:
        warnings.append(f"'{name}': {gaps} slices between its first and last contour have none and stay empty.")
    if used.size and not mask.any():
        warnings.append(f"'{name}' encloses no voxel centre: it is smaller than a voxel of the CT, and empty.")
    return warnings
