"""Where the Segment Editor's masking, overwrite mode and locks let a segment be changed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import slicer

from .MRMLLabelmaps import viewOf
from .MRMLSegments import readMask, readSlice
from .MRMLSegmentStatus import isLocked
from .MRMLVolumes import arrayOf, gridMatrix, gridShape, matrixBetween, matrixFromArray


class Part:
    """The part of a volume's grid that is looked at: all of it, or some slices.

    Parameters
    ----------
    indices : sequence of int, optional
        Slice numbers along numpy axis `sliceAxis`; arrays are then (n, rows, cols), in this order, and else (K, J, I).
    """

    def __init__(self, segmentationNode, volumeNode, indices: Sequence[int] | None = None, sliceAxis: int = 0):
        self.segmentationNode, self.volumeNode = segmentationNode, volumeNode
        self._indices, self._axis = indices, sliceAxis

    @property
    def shape(self) -> tuple[int, ...]:
        shape = gridShape(self.volumeNode)
        if self._indices is None:
            return shape
        return (len(self._indices), *(size for axis, size in enumerate(shape) if axis != self._axis))

    def mask(self, segmentId: str) -> np.ndarray:
        """What a segment holds here; bool."""
        node, volume = self.segmentationNode, self.volumeNode
        if self._indices is None:
            return readMask(node, segmentId, volume)
        return np.stack([readSlice(node, segmentId, volume, index, self._axis) for index in self._indices])

    def values(self, sourceNode) -> np.ndarray:
        """What a volume holds here: interpolated where its grid is another, 0 outside of it."""
        toVolume = matrixBetween(sourceNode, self.volumeNode) @ gridMatrix(sourceNode)
        same = gridShape(sourceNode) == gridShape(self.volumeNode)
        if same and np.allclose(toVolume, gridMatrix(self.volumeNode), atol=1e-4):
            return self._cut(arrayOf(sourceNode))
        if self._indices is None:
            return self._resampled(sourceNode, toVolume, [(0, size - 1) for size in self.shape])
        return np.stack([self._resampled(sourceNode, toVolume, self._box(index)).squeeze(self._axis) for index in self._indices])

    def _cut(self, array: np.ndarray) -> np.ndarray:
        if self._indices is None:
            return array
        return np.stack([np.take(array, index, axis=self._axis) for index in self._indices])

    def _box(self, index: int) -> list[tuple[int, int]]:
        shape = gridShape(self.volumeNode)
        return [(index, index) if axis == self._axis else (0, shape[axis] - 1) for axis in range(3)]

    def _resampled(self, sourceNode, toVolume: np.ndarray, box: list[tuple[int, int]]) -> np.ndarray:
        moved, grid, result = (slicer.vtkOrientedImageData() for _number in range(3))
        moved.ShallowCopy(sourceNode.GetImageData())
        moved.SetExtent([end for size in gridShape(sourceNode)[::-1] for end in (0, size - 1)])
        moved.SetGeometryFromImageToWorldMatrix(matrixFromArray(toVolume))
        grid.SetExtent([end for axis in (2, 1, 0) for end in box[axis]])
        grid.SetGeometryFromImageToWorldMatrix(matrixFromArray(gridMatrix(self.volumeNode)))
        resample = slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage
        resample(moved, grid, result, True, False)
        return viewOf(result)


def editableIn(part: Part, editorNode, segmentId: str, mayOverwrite=()) -> np.ndarray | None:
    """Where, within a part of the grid, a segment may be changed; None where it may be changed everywhere.

    Parameters
    ----------
    editorNode : vtkMRMLSegmentEditorNode or None
        Whose masking and overwrite mode count; None stands for the Segment Editor's defaults.
    mayOverwrite : ids
        Segments that may lose voxels to this one; it gives way to all others with which it must not overlap.
    """
    region = _both(_maskRegion(part, editorNode, segmentId), _intensityRegion(part, editorNode))
    for other in exclusive(editorNode, part.segmentationNode, segmentId):
        if other not in mayOverwrite or isLocked(part.segmentationNode, other):
            region = _both(region, ~part.mask(other))
    return region


def losing(editorNode, segmentationNode, segmentId: str, mayOverwrite) -> list[str]:
    """Ids of the segments that lose the voxels a segment takes."""
    others = exclusive(editorNode, segmentationNode, segmentId)
    return [other for other in others if other in mayOverwrite and not isLocked(segmentationNode, other)]


def exclusive(editorNode, segmentationNode, segmentId: str) -> list[str]:
    """Ids of the other segments with which the overwrite mode allows no overlap."""
    editor = slicer.vtkMRMLSegmentEditorNode
    mode = editorNode.GetOverwriteMode() if editorNode else editor.OverwriteAllSegments
    if mode == editor.OverwriteNone:
        return []
    others = _visible(segmentationNode) if mode == editor.OverwriteVisibleSegments else _all(segmentationNode)
    return [other for other in others if other != segmentId]


def _both(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _all(segmentationNode) -> list[str]:
    segmentation = segmentationNode.GetSegmentation()
    return [segmentation.GetNthSegmentID(number) for number in range(segmentation.GetNumberOfSegments())]


def _visible(segmentationNode) -> list[str]:
    """Ids of the segments that are shown; all of them where nothing says which."""
    display = segmentationNode.GetDisplayNode()
    return [one for one in _all(segmentationNode) if display is None or display.GetSegmentVisibility(one)]


def _maskRegion(part: Part, editorNode, segmentId: str) -> np.ndarray | None:
    """Where the editor's mask mode allows changes; None: everywhere."""
    node = slicer.vtkMRMLSegmentationNode
    mode = editorNode.GetMaskMode() if editorNode else node.EditAllowedEverywhere
    if mode == node.EditAllowedEverywhere:
        return None
    shown = mode in (node.EditAllowedInsideVisibleSegments, node.EditAllowedOutsideVisibleSegments)
    outside = mode in (node.EditAllowedOutsideAllSegments, node.EditAllowedOutsideVisibleSegments)
    ids = _visible(part.segmentationNode) if shown else _all(part.segmentationNode)
    if mode == node.EditAllowedInsideSingleSegment:
        ids = [one for one in ids if one == editorNode.GetMaskSegmentID()]
    covered = np.zeros(part.shape, dtype=bool)
    for one in ids:
        if not (outside and one == segmentId):
            covered |= part.mask(one)
    return ~covered if outside else covered


def _intensityRegion(part: Part, editorNode) -> np.ndarray | None:
    """Where the image lies in the editor's intensity range, both ends included; None: no such mask."""
    if not editorNode or not editorNode.GetSourceVolumeIntensityMask():
        return None
    low, high = editorNode.GetSourceVolumeIntensityMaskRange()
    values = part.values(editorNode.GetSourceVolumeNode() or part.volumeNode)
    return (values >= low) & (values <= high)
