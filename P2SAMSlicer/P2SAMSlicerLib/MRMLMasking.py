"""The Segment Editor's masking, overwrite mode and locks, kept when a result goes into a segmentation someone chose."""

from __future__ import annotations

import numpy as np
import slicer

from .MRMLLabelmaps import labelsOf, onGrid, viewOf
from .MRMLSegments import readMask, requireLabelmap, requireShape, writeSegment
from .MRMLSegmentStatus import isLocked, requireOpen
from .MRMLVolumes import arrayOf, gridMatrix, gridShape, matrixBetween, matrixFromArray


def writeHonouring(
    editorNode, segmentationNode, segmentId: str, mask: np.ndarray, volumeNode, mayOverwrite=(), action=None
) -> np.ndarray:
    """Write a segment as the Segment Editor would let a person do it.

    Voxels outside the editor's mask, outside its intensity range, or that belong to a segment which must not be
    overwritten keep what they have: the new contour gives way. Where the overwrite mode forbids overlap, only the
    segments of `mayOverwrite` lose voxels to it; every other segment is left as it is.

    Parameters
    ----------
    editorNode : vtkMRMLSegmentEditorNode or None
        Whose masking and overwrite mode count; None stands for the Segment Editor's defaults.
    mayOverwrite : ids
        Segments of this run, which may lose voxels to this one.

    Returns
    -------
    (K, J, I) bool
        What the segment holds now.
    """
    requireLabelmap(segmentationNode)
    requireOpen(segmentationNode, segmentId)
    requireShape(mask, gridShape(volumeNode))
    new = np.asarray(mask, dtype=bool)
    editable = editableRegion(editorNode, segmentationNode, segmentId, volumeNode, mayOverwrite)
    if editable is not None:
        new = np.where(editable, new, readMask(segmentationNode, segmentId, volumeNode))
    losing = _losing(editorNode, segmentationNode, segmentId, mayOverwrite)
    writeSegment(segmentationNode, segmentId, new, volumeNode, action)
    for other in losing:
        old = readMask(segmentationNode, other, volumeNode)
        if (old & new).any():
            writeSegment(segmentationNode, other, old & ~new, volumeNode, action)
    return new


def editableRegion(editorNode, segmentationNode, segmentId: str, volumeNode, mayOverwrite=()) -> np.ndarray | None:
    """(K, J, I) bool, on the volume's grid: where a segment may be changed; None where it may be changed everywhere."""
    region = _maskRegion(editorNode, segmentationNode, segmentId, volumeNode)
    region = _both(region, _intensityRegion(editorNode, segmentationNode, volumeNode))
    for other in _exclusive(editorNode, segmentationNode, segmentId):
        if other not in mayOverwrite or isLocked(segmentationNode, other):
            taken = readMask(segmentationNode, other, volumeNode)
            region = _both(region, ~taken) if taken.any() else region
    return region


def _both(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _losing(editorNode, segmentationNode, segmentId: str, mayOverwrite) -> list[str]:
    """Ids of the segments that lose the voxels a segment takes."""
    exclusive = _exclusive(editorNode, segmentationNode, segmentId)
    return [other for other in exclusive if other in mayOverwrite and not isLocked(segmentationNode, other)]


def _exclusive(editorNode, segmentationNode, segmentId: str) -> list[str]:
    """Ids of the other segments with which the overwrite mode allows no overlap."""
    editor = slicer.vtkMRMLSegmentEditorNode
    mode = editorNode.GetOverwriteMode() if editorNode else editor.OverwriteAllSegments
    if mode == editor.OverwriteNone:
        return []
    others = _visible(segmentationNode) if mode == editor.OverwriteVisibleSegments else _all(segmentationNode)
    return [other for other in others if other != segmentId]


def _all(segmentationNode) -> list[str]:
    segmentation = segmentationNode.GetSegmentation()
    return [segmentation.GetNthSegmentID(number) for number in range(segmentation.GetNumberOfSegments())]


def _visible(segmentationNode) -> list[str]:
    """Ids of the segments that are shown; all of them where nothing says which."""
    display = segmentationNode.GetDisplayNode()
    return [one for one in _all(segmentationNode) if display is None or display.GetSegmentVisibility(one)]


def _maskRegion(editorNode, segmentationNode, segmentId: str, volumeNode) -> np.ndarray | None:
    """Where the editor's mask mode allows changes; None: everywhere."""
    node = slicer.vtkMRMLSegmentationNode
    mode = editorNode.GetMaskMode() if editorNode else node.EditAllowedEverywhere
    if mode == node.EditAllowedEverywhere:
        return None
    shown = mode in (node.EditAllowedInsideVisibleSegments, node.EditAllowedOutsideVisibleSegments)
    ids = _visible(segmentationNode) if shown else _all(segmentationNode)
    if mode == node.EditAllowedInsideSingleSegment:
        ids = [one for one in ids if one == editorNode.GetMaskSegmentID()]
    outside = mode in (node.EditAllowedOutsideAllSegments, node.EditAllowedOutsideVisibleSegments)
    covered = np.zeros(gridShape(volumeNode), dtype=bool)
    for one in ids:
        labels = labelsOf(segmentationNode, one) if not (outside and one == segmentId) else None
        if labels is not None:
            covered |= onGrid(labels, segmentationNode, volumeNode)[0]
    return ~covered if outside else covered


def _intensityRegion(editorNode, segmentationNode, volumeNode) -> np.ndarray | None:
    """Where the image lies in the editor's intensity range, both ends included; None: no such mask."""
    if not editorNode or not editorNode.GetSourceVolumeIntensityMask():
        return None
    low, high = editorNode.GetSourceVolumeIntensityMaskRange()
    values = _valuesOnGrid(editorNode.GetSourceVolumeNode() or volumeNode, volumeNode)
    return (values >= low) & (values <= high)


def _valuesOnGrid(sourceNode, volumeNode) -> np.ndarray:
    """(K, J, I) values of one volume on the grid of another, interpolated where the grids differ (0 outside)."""
    toVolume = matrixBetween(sourceNode, volumeNode) @ gridMatrix(sourceNode)
    same = gridShape(sourceNode) == gridShape(volumeNode) and np.allclose(toVolume, gridMatrix(volumeNode), atol=1e-4)
    if same:
        return arrayOf(sourceNode)
    moved, grid, result = slicer.vtkOrientedImageData(), slicer.vtkOrientedImageData(), slicer.vtkOrientedImageData()
    moved.ShallowCopy(sourceNode.GetImageData())
    moved.SetExtent([end for size in gridShape(sourceNode)[::-1] for end in (0, size - 1)])
    moved.SetGeometryFromImageToWorldMatrix(matrixFromArray(toVolume))
    grid.SetExtent([end for size in gridShape(volumeNode)[::-1] for end in (0, size - 1)])
    grid.SetGeometryFromImageToWorldMatrix(matrixFromArray(gridMatrix(volumeNode)))
    resample = slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage
    resample(moved, grid, result, True, False)
    return viewOf(result)
