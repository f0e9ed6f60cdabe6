"""The binary labelmap of one segment, read on the grid of a volume.

Grids are compared voxel by voxel: where they agree, turned or cropped or not, voxels are moved one to one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from vtk.util.numpy_support import vtk_to_numpy

from p2sam.regrid import index_shift, resample_mask
from p2sam.volume import Volume

from .MRMLVolumes import arrayFromMatrix, arrayOf, gridMatrix, matrixBetween, matrixFromArray

BINARY_LABELMAP = "Binary labelmap"


@dataclass(frozen=True, eq=False)
class Labels:
    """The voxels in which a segment is stored.

    Attributes
    ----------
    array : (K, J, I) ndarray
        A view of the labelmap, which other segments may share.
    value : int
        The label of this segment in it.
    matrix : (4, 4) float64
        Array index (i, j, k, 1) to the segmentation node's own coordinates.
    """

    array: np.ndarray
    value: int
    matrix: np.ndarray


def labelsOf(segmentationNode, segmentId: str) -> Labels | None:
    """Where a segment is stored as a labelmap with voxels; None where it is empty or is no labelmap yet."""
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
    image = segment.GetRepresentation(BINARY_LABELMAP)
    scalars = image.GetPointData().GetScalars() if image else None
    if scalars is None or scalars.GetNumberOfTuples() == 0:
        return None
    return Labels(viewOf(image), segment.GetLabelValue(), _matrixOf(image))


def onGrid(labels: Labels, segmentationNode, volumeNode) -> tuple[np.ndarray, bool]:
    """A segment on a volume's grid.

    Returns
    -------
    mask : (K, J, I) bool
    exact : bool
        Whether every voxel was moved as it is; otherwise the mask was interpolated between its voxels.
    """
    shift = shiftOf(labels, segmentationNode, volumeNode)
    if shift is not None:
        return shift.apply(labels.array == labels.value), True
    toVolume = matrixBetween(segmentationNode, volumeNode) @ labels.matrix
    return resample_mask(labels.array == labels.value, toVolume, _gridOf(volumeNode)), False


def sliceOnGrid(labels: Labels, segmentationNode, volumeNode, index: int, sliceAxis: int) -> np.ndarray:
    """(rows, cols) bool: slice `index` along numpy axis `sliceAxis` of the volume's grid."""
    shift = shiftOf(labels, segmentationNode, volumeNode)
    if shift is None:
        return np.take(onGrid(labels, segmentationNode, volumeNode)[0], index, axis=sliceAxis)
    turned = labels.array.transpose(shift.axes)[tuple(slice(None, None, -1 if flip else 1) for flip in shift.flips)]
    rest = [axis for axis in range(3) if axis != sliceAxis]
    mask = np.zeros([shift.shape[axis] for axis in rest], dtype=bool)
    local = index - shift.offset[sliceAxis]
    if 0 <= local < turned.shape[sliceAxis]:
        to, of = zip(*(common(shift.offset[axis], turned.shape[axis], shift.shape[axis]) for axis in rest))
        mask[to] = (turned.take(local, axis=sliceAxis) == labels.value)[of]
    return mask


def viewOf(image) -> np.ndarray:
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])


def _matrixOf(image) -> np.ndarray:
    """(4, 4) from array index to the image's world, its extent taken in."""
    matrix = matrixFromArray(np.eye(4))
    image.GetImageToWorldMatrix(matrix)
    shift = np.eye(4)
    shift[:3, 3] = image.GetExtent()[::2]
    return arrayFromMatrix(matrix) @ shift


def _gridOf(volumeNode):
    """The volume's own grid as the engine sees it, parent transforms left out."""
    return Volume(arrayOf(volumeNode), gridMatrix(volumeNode))


def shiftOf(labels: Labels, segmentationNode, volumeNode):
    """How the labelmap's voxels sit in the volume's grid; None where they do not coincide."""
    toVolume = matrixBetween(segmentationNode, volumeNode) @ labels.matrix
    return index_shift(toVolume, labels.array.shape, _gridOf(volumeNode))


def common(offset: int, size: int, room: int) -> tuple[slice, slice]:
    """Where an axis of `size` voxels, shifted, and a grid of `room` voxels meet: in the grid, and in the axis."""
    start = max(offset, 0)
    stop = max(min(offset + size, room), start)
    return slice(start, stop), slice(start - offset, stop - offset)
