"""Changes to the binary labelmap of one segment: the whole of it, or a few slices in place.

A segment that is written gets a labelmap of its own (Slicer may let several segments share one), so that no other
segment can change.
"""

from __future__ import annotations

import numpy as np
import slicer
import vtk

from .MRMLLabelmaps import BINARY_LABELMAP, Labels, common, labelsOf, onGrid, shiftOf, viewOf
from .MRMLVolumes import gridMatrix, gridShape, matrixBetween, matrixFromArray

_MARGIN = 8
"""Voxels by which a labelmap is grown beyond what is needed now: the next slices then fit without a copy."""


def replaceLabels(segmentationNode, segmentId: str, mask: np.ndarray, volumeNode) -> None:
    """Let a mask (K, J, I) on a volume's grid be the whole labelmap of a segment, cropped to what is inside."""
    box = boxOf(mask)
    inside = mask[tuple(slice(first, last + 1) for first, last in box)] if box else None
    matrix = matrixBetween(volumeNode, segmentationNode) @ gridMatrix(volumeNode)
    _setImage(segmentationNode, segmentId, _imageOf(inside, box, matrix))


def changeSlices(segmentationNode, segmentId: str, masks: dict[int, np.ndarray], sliceAxis: int, volumeNode) -> None:
    """Write slices into a segment's labelmap and leave its other slices as they are.

    Parameters
    ----------
    masks : {index: (rows, cols) bool}
        Slice number along numpy axis `sliceAxis` of the volume's grid -> what is inside there.
    """
    needed = _boxOfSlices(masks, sliceAxis)
    image = _ownImage(segmentationNode, segmentId, needed, volumeNode)
    scalars = image.GetPointData().GetScalars()
    if scalars is None or scalars.GetNumberOfTuples() == 0:
        return
    array, start = viewOf(image), image.GetExtent()[::2][::-1]
    value = array.dtype.type(segmentationNode.GetSegmentation().GetSegment(segmentId).GetLabelValue())
    room = gridShape(volumeNode)
    rest = [axis for axis in range(3) if axis != sliceAxis]
    ofMask, ofArray = zip(*(common(start[axis], array.shape[axis], room[axis]) for axis in rest))
    for index, mask in masks.items():
        local = index - start[sliceAxis]
        if 0 <= local < array.shape[sliceAxis]:
            place = list(ofArray)
            place.insert(sliceAxis, local)
            array[tuple(place)] = mask[ofMask] * value
    scalars.Modified()


def announce(segmentationNode, segmentId: str, surfaces: bool = True) -> None:
    """Tell Slicer's views, undo and file saving that a segment changed, and renew its other representations.

    Parameters
    ----------
    surfaces : bool
        False leaves a closed surface as it was, which is quick; call again with True when the last change is made.
    """
    segmentation = segmentationNode.GetSegmentation()
    segmentation.InvokeEvent(slicer.vtkSegmentation.SourceRepresentationModified, segmentId)
    if surfaces:
        slicer.vtkSlicerSegmentationsModuleLogic.ReconvertAllRepresentations(segmentationNode, [segmentId])
    segmentation.InvokeEvent(slicer.vtkSegmentation.RepresentationModified, segmentId)


def emptyImage(segmentationNode, volumeNode):
    """A labelmap without voxels, in the geometry of a volume."""
    return _imageOf(None, None, matrixBetween(volumeNode, segmentationNode) @ gridMatrix(volumeNode))


def boxOf(mask: np.ndarray) -> list[tuple[int, int]] | None:
    """First and last index of the True voxels along each axis; None for an empty mask."""
    box = []
    for axis in range(mask.ndim):
        used = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        if used.size == 0:
            return None
        box.append((int(used[0]), int(used[-1])))
    return box


def _boxOfSlices(masks: dict[int, np.ndarray], sliceAxis: int) -> list[tuple[int, int]] | None:
    """The box, in three axes, of what is inside in some slices."""
    filled = {index: boxOf(mask) for index, mask in masks.items()}
    filled = {index: box for index, box in filled.items() if box}
    if not filled:
        return None
    plane = [(min(box[axis][0] for box in filled.values()), max(box[axis][1] for box in filled.values())) for axis in (0, 1)]
    plane.insert(sliceAxis, (min(filled), max(filled)))
    return plane


def _ownImage(segmentationNode, segmentId: str, needed, volumeNode):
    """The segment's labelmap, shared with none, on the volume's grid and large enough for the box `needed`."""
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
    segmentationNode.GetSegmentation().SeparateSegmentLabelmap(segmentId)
    labels = labelsOf(segmentationNode, segmentId)
    if labels is not None and not _isOnGrid(segment, labels, segmentationNode, volumeNode):
        _moveToGrid(segmentationNode, segmentId, labels, volumeNode)
    if needed and not _holds(segment.GetRepresentation(BINARY_LABELMAP), needed):
        _grow(segmentationNode, segmentId, needed, volumeNode)
    return segment.GetRepresentation(BINARY_LABELMAP)


def _isOnGrid(segment, labels: Labels, segmentationNode, volumeNode) -> bool:
    """Whether a labelmap counts its voxels as the volume does."""
    shift = shiftOf(labels, segmentationNode, volumeNode)
    start = segment.GetRepresentation(BINARY_LABELMAP).GetExtent()[::2][::-1]
    return shift is not None and _isUnturned(shift) and tuple(shift.offset) == tuple(start)


def _isUnturned(shift) -> bool:
    return tuple(shift.axes) == (0, 1, 2) and not any(shift.flips)


def _moveToGrid(segmentationNode, segmentId: str, labels: Labels, volumeNode) -> None:
    """Store a segment as voxels of the volume; what lies beyond the images is kept where the grids run alike."""
    shift = shiftOf(labels, segmentationNode, volumeNode)
    if shift is None or not _isUnturned(shift):
        replaceLabels(segmentationNode, segmentId, onGrid(labels, segmentationNode, volumeNode)[0], volumeNode)
        return
    box = [(offset, offset + size - 1) for offset, size in zip(shift.offset, labels.array.shape)]
    matrix = matrixBetween(volumeNode, segmentationNode) @ gridMatrix(volumeNode)
    _setImage(segmentationNode, segmentId, _imageOf(labels.array == labels.value, box, matrix))


def _holds(image, box: list[tuple[int, int]]) -> bool:
    extent = image.GetExtent()
    return all(extent[4 - 2 * axis] <= box[axis][0] and box[axis][1] <= extent[5 - 2 * axis] for axis in range(3))


def _grow(segmentationNode, segmentId: str, needed: list[tuple[int, int]], volumeNode) -> None:
    """A larger copy of a segment's own labelmap: what it holds, what is needed, and a margin."""
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
    old = segment.GetRepresentation(BINARY_LABELMAP)
    extent = old.GetExtent()
    box = [
        (max(first - _MARGIN, 0), min(last + _MARGIN, size - 1)) for (first, last), size in zip(needed, gridShape(volumeNode))
    ]
    holds = [(extent[4 - 2 * axis], extent[5 - 2 * axis]) for axis in range(3)]
    filled = all(first <= last for first, last in holds)
    if filled:
        box = [(min(one[0], other[0]), max(one[1], other[1])) for one, other in zip(box, holds)]
    larger = _blankImage(box, matrixBetween(volumeNode, segmentationNode) @ gridMatrix(volumeNode))
    if filled:
        place = tuple(slice(hold[0] - first, hold[1] - first + 1) for hold, (first, last) in zip(holds, box))
        np.equal(viewOf(old), segment.GetLabelValue(), out=viewOf(larger)[place], casting="unsafe")
    _setImage(segmentationNode, segmentId, larger)


def _setImage(segmentationNode, segmentId: str, image) -> None:
    """Let an image of 0 and 1 be the segment's own labelmap."""
    segmentation = segmentationNode.GetSegmentation()
    segmentation.SeparateSegmentLabelmap(segmentId)
    segment = segmentation.GetSegment(segmentId)
    segment.SetLabelValue(1)
    segment.AddRepresentation(BINARY_LABELMAP, image)


def _imageOf(voxels: np.ndarray | None, box: list[tuple[int, int]] | None, matrix: np.ndarray):
    """An oriented image with voxels (K, J, I) at a box of a grid; without voxels where there are none."""
    image = _blankImage(box or [(0, -1)] * 3, matrix)
    if voxels is not None:
        viewOf(image)[...] = voxels
    return image


def _blankImage(box: list[tuple[int, int]], matrix: np.ndarray):
    """An oriented image of zeros at a box (first and last k, j, i) of a grid."""
    image = slicer.vtkOrientedImageData()
    image.SetGeometryFromImageToWorldMatrix(matrixFromArray(matrix))
    image.SetExtent([end for axis in (2, 1, 0) for end in box[axis]])
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    image.GetPointData().GetScalars().Fill(0)
    return image
