"""Which slices a person changed since the method drew them, and the measures of a structure after that."""

from __future__ import annotations

import numpy as np

from .Proposals import checksum
from .SliceReview import DRAWN_BY_HAND, EDITED, FLAGGED, NOT_REVIEWED, SliceReview


def editedSlices(structure, mask: np.ndarray, sliceAxis: int) -> list:
    """Indices of slices whose mask is not the one seen last; slices outside the review count where something is on them."""
    found = []
    for index in sorted(_filled(mask, sliceAxis) | set(structure.slices)):
        one = structure.slices.get(index)
        known = one is None or one.seenCrc is not None
        if known and (one is None or one.seenCrc != checksum(np.take(mask, index, axis=sliceAxis))):
            found.append(index)
    return found


def markEdited(structure, mask: np.ndarray, sliceAxis: int, ijkToRas, reviewer: str = "", time: str | None = None) -> list:
    """Set the status of every slice that was changed by hand, and the areas and measures of the structure.

    A slice that was taken back to what the method drew, by undo or by hand, is "not reviewed" again. A slice that a
    person flagged stays flagged. Slices whose proposal is not known are left alone.

    Parameters
    ----------
    structure : StructureReview
    mask : (K, J, I) bool
    ijkToRas : (4, 4)
        Of the follow-up.

    Returns
    -------
    list of int
        The slices that changed since the last time.
    """
    changed = editedSlices(structure, mask, sliceAxis)
    pixel = pixelMm2(ijkToRas, sliceAxis)
    for index in changed:
        drawn = np.take(mask, index, axis=sliceAxis)
        one = structure.slices.get(index)
        if one is None:
            one = structure.slices[index] = SliceReview(index, kind=DRAWN_BY_HAND, proposedCrc=checksum(np.zeros_like(drawn)))
        one.seenCrc = checksum(drawn)
        one.areaMm2 = float(np.count_nonzero(drawn) * pixel)
        if one.status != FLAGGED:
            one.settle(EDITED if one.isEdited else NOT_REVIEWED, reviewer, one.note, time)
    if changed:
        measure(structure, mask, ijkToRas)
    return changed


def measure(structure, mask: np.ndarray, ijkToRas) -> None:
    """Volume of the mask, and how far its centroid lies from the aligned prior's (None where one is empty or not known)."""
    matrix = np.asarray(ijkToRas, dtype=float)
    structure.volumeMl = float(np.count_nonzero(mask) * abs(np.linalg.det(matrix[:3, :3])) / 1000)
    centroid = centroidRas(mask, matrix)
    known = centroid is not None and structure.priorCentroidRas is not None
    if known:
        structure.centroidShiftMm = float(np.linalg.norm(centroid - np.asarray(structure.priorCentroidRas, dtype=float)))
    elif centroid is None:
        structure.centroidShiftMm = None


def centroidRas(mask: np.ndarray, ijkToRas) -> np.ndarray | None:
    """(3,) RAS of the middle of a mask (K, J, I), weighted by voxels; None where it is empty."""
    ijk = []
    for axis in (2, 1, 0):
        others = tuple(one for one in range(3) if one != axis)
        voxels = np.count_nonzero(mask, axis=others)
        if not voxels.any():
            return None
        ijk.append(float(voxels @ np.arange(len(voxels)) / voxels.sum()))
    return (np.asarray(ijkToRas, dtype=float) @ [*ijk, 1.0])[:3]


def _filled(mask: np.ndarray, sliceAxis: int) -> set:
    """Indices of the slices with something on them."""
    others = tuple(axis for axis in range(3) if axis != sliceAxis)
    return set(np.flatnonzero(np.any(mask, axis=others)).tolist())


def pixelMm2(ijkToRas, sliceAxis: int) -> float:
    """Area of a pixel of the slices along numpy axis `sliceAxis`."""
    columns = [column for column in range(3) if column != 2 - sliceAxis]
    matrix = np.asarray(ijkToRas, dtype=float)
    return float(np.linalg.norm(np.cross(matrix[:3, columns[0]], matrix[:3, columns[1]])))
