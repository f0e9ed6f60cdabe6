"""Label voxels moved onto another grid: exactly where the grids share their voxels, else by linear interpolation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .volume import Volume, grid_corners

_CONGRUENT = 0.05
"""Grids whose voxel centres agree within this part of a voxel are taken as the same: no voxel could land elsewhere."""


@dataclass(frozen=True)
class IndexShift:
    """How source voxels (K, J, I) sit in a target grid: `axes` permutes, `flips` reverses, `offset` shifts (numpy order)."""

    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]
    offset: tuple[int, int, int]
    shape: tuple[int, int, int]

    def apply(self, array: np.ndarray) -> np.ndarray:
        """The same voxels in an array of the target's shape; 0 where the source has none."""
        turned = array.transpose(self.axes)[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]
        if self.offset == (0, 0, 0) and turned.shape == self.shape:
            return turned
        result = np.zeros(self.shape, dtype=array.dtype)
        to, of = [], []
        for shift, size, room in zip(self.offset, turned.shape, self.shape):
            start, stop = max(shift, 0), max(min(shift + size, room), 0)
            to.append(slice(start, max(stop, start)))
            of.append(slice(start - shift, max(stop, start) - shift))
        result[tuple(to)] = turned[tuple(of)]
        return result


def index_shift(ijk_to_ras: np.ndarray, shape: tuple[int, int, int], target: Volume) -> IndexShift | None:
    """The shift, permutation and flips that carry a grid into the target's, or None where voxels do not coincide.

    Parameters
    ----------
    ijk_to_ras, shape
        Of the source, (4, 4) and (K, J, I).
    """
    to_target = target.ras_to_ijk @ ijk_to_ras
    whole = np.rint(to_target)
    turn = np.abs(whole[:3, :3])
    if not (np.array_equal(turn.sum(axis=0), [1, 1, 1]) and np.array_equal(turn.sum(axis=1), [1, 1, 1])):
        return None
    if np.abs((to_target - whole)[:3] @ grid_corners(shape).T).max() > _CONGRUENT:
        return None
    source_axis = turn.argmax(axis=1)  # for each target ijk axis
    sign = whole[:3, :3].sum(axis=1)
    sizes = np.array(shape[::-1])[source_axis]
    offset = whole[:3, 3] + np.where(sign < 0, 1 - sizes, 0)
    return IndexShift(
        tuple(int(2 - axis) for axis in source_axis[::-1]),
        tuple(bool(value < 0) for value in sign[::-1]),
        tuple(int(value) for value in offset[::-1]),
        tuple(target.shape),
    )


def resample_mask(mask: np.ndarray, ijk_to_ras: np.ndarray, target: Volume) -> np.ndarray:
    """A mask on the target's grid: inside where linear interpolation gives more than one half.

    Where it gives one half exactly (a centre midway between inside and outside), the source voxel on the high side
    decides, so that a shift by half a voxel neither grows nor shrinks a structure.

    Parameters
    ----------
    mask : (K, J, I) bool
        On the grid of `ijk_to_ras`; outside of it there is nothing.

    Returns
    -------
    (K, J, I) bool on the target's grid
    """
    from scipy import ndimage

    result = np.zeros(target.shape, dtype=bool)
    if not mask.any():
        return result
    low, high = _box(mask)
    cropped = mask[tuple(slice(a, b) for a, b in zip(low, high))].astype(np.float32)
    to_source = (np.linalg.inv(ijk_to_ras) @ target.ijk_to_ras)[:3]
    matrix, shift = to_source[::-1, 2::-1], to_source[::-1, 3] - low
    window = _target_window(low, high, np.linalg.inv(matrix), to_source[::-1, 3], target.shape)
    if any(part.stop <= part.start for part in window):
        return result
    start = np.array([part.start for part in window])
    where = {
        "matrix": matrix,
        "offset": shift + matrix @ start,
        "output_shape": tuple(part.stop - part.start for part in window),
        "mode": "grid-constant",
    }
    value = ndimage.affine_transform(cropped, order=1, **where)
    inside = value > 0.5 + 1e-4
    tied = np.abs(value - 0.5) <= 1e-4
    if tied.any():
        where["offset"] = where["offset"] + 1e-3  # so that every tie falls to the same side
        inside |= tied & (ndimage.affine_transform(cropped, order=0, **where) > 0.5)
    result[window] = inside
    return result


def _box(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and one past the last index of the True voxels along each axis."""
    low, high = [], []
    for axis in range(3):
        used = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        low.append(used[0])
        high.append(used[-1] + 1)
    return np.array(low), np.array(high)


def _target_window(low, high, to_target, shift, shape) -> tuple[slice, slice, slice]:
    """Slices of the target that hold the source box with a margin of one source voxel."""
    ends = [(a - 1, b) for a, b in zip(low, high)]
    corners = np.array([[a, b, c] for a in ends[0] for b in ends[1] for c in ends[2]], dtype=np.float64)
    mapped = (corners - shift) @ to_target.T
    first = np.clip(np.floor(mapped.min(axis=0)), 0, shape).astype(int)
    last = np.clip(np.ceil(mapped.max(axis=0)) + 1, 0, shape).astype(int)
    return tuple(slice(int(a), int(b)) for a, b in zip(first, last))
