"""A map over a whole grid that is kept in the box where it says something; outside it has one value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

Box = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class Boxed:
    """Voxels of a box, and the value of all others.

    Attributes
    ----------
    inside : ndarray
        The voxels of the box.
    box : slices, one an axis
        Where they lie on the whole grid.
    shape : tuple of int
        Of the whole grid.
    outside : float
    """

    inside: np.ndarray
    box: Box
    shape: tuple[int, ...]
    outside: float = 0.0

    @classmethod
    def of(cls, array: np.ndarray, outside: float = 0.0, dtype: type | None = None) -> Boxed:
        """The box of all voxels that differ from `outside`; an empty box where none does."""
        box = box_of(array != outside)
        return cls(array[box].astype(dtype or array.dtype), box, array.shape, outside)

    def whole(self) -> np.ndarray:
        """The whole grid, an array of its own."""
        array = np.full(self.shape, self.outside, self.inside.dtype)
        array[self.box] = self.inside
        return array

    def __getitem__(self, k: int) -> np.ndarray:
        """Slice k of the whole grid along its first axis, an array of its own."""
        if not -self.shape[0] <= k < self.shape[0]:
            raise IndexError(f"slice {k} of {self.shape[0]}")
        k %= self.shape[0]
        plane = np.full(self.shape[1:], self.outside, self.inside.dtype)
        first = self.box[0]
        if first.start <= k < first.stop:
            plane[self.box[1:]] = self.inside[k - first.start]
        return plane

    def over(self, box: Box) -> np.ndarray:
        """The voxels of another box, an array of its own."""
        part = np.full([one.stop - one.start for one in box], self.outside, self.inside.dtype)
        common = [slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(self.box, box)]
        if all(one.stop > one.start for one in common):
            to, of = (tuple(slice(c.start - b.start, c.stop - b.start) for c, b in zip(common, where)) for where in (box, self.box))
            part[to] = self.inside[of]
        return part

    def reaching(self, least: float) -> np.ndarray:
        """Bool over the whole grid: voxels of at least this value (greater than `outside`)."""
        mask = np.zeros(self.shape, bool)
        mask[self.box] = self.inside >= least
        return mask

    def any_slice(self, least: float) -> np.ndarray:
        """(K,) bool: the slices where some voxel of the box reaches a value (greater than `outside`)."""
        found = np.zeros(self.shape[0], bool)
        found[self.box[0]] = (self.inside >= least).any(axis=tuple(range(1, self.inside.ndim)))
        return found


def box_of(mask: np.ndarray) -> Box:
    """The bounding box of the True voxels; empty at the origin where there are none."""
    found = ndimage.find_objects(mask.view(np.uint8) if mask.dtype == bool else mask.astype(np.uint8))
    return found[0] if found else (slice(0, 0),) * mask.ndim


def union(boxes: list[Box]) -> Box:
    """The box around boxes, empty ones left out."""
    filled = [box for box in boxes if all(one.stop > one.start for one in box)]
    if not filled:
        return boxes[0]
    return tuple(slice(min(one.start for one in axis), max(one.stop for one in axis)) for axis in zip(*filled))
