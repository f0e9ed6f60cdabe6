"""Writing into a segmentation someone chose, as the Segment Editor would let a person do it.

Voxels outside the editor's mask, outside its intensity range, or that belong to a segment which must not be overwritten
keep what they have: the new contour gives way. Where the overwrite mode forbids overlap, only the segments of the same run
(`mayOverwrite`) lose voxels to it; every other segment is left as it is.
"""

from __future__ import annotations

import numpy as np

from .MRMLEditableRegion import Part, editableIn, losing
from .MRMLSegments import readMask, readSlice, requireLabelmap, requireShape, requireSlice, writeSegment, writeSlices
from .MRMLSegmentStatus import requireOpen
from .MRMLVolumes import gridShape


def writeHonouring(editorNode, segmentationNode, segmentId: str, mask, volumeNode, mayOverwrite=(), action=None) -> np.ndarray:
    """Write a whole segment where the Segment Editor allows it.

    Parameters
    ----------
    editorNode : vtkMRMLSegmentEditorNode or None
        Whose masking and overwrite mode count; None stands for the Segment Editor's defaults.
    mask : (K, J, I) bool
        On the grid of `volumeNode`.
    mayOverwrite : ids
        Segments of this run, which may lose voxels to this one.
    action : MRMLUserAction.UserAction, optional
        Told before anything changes.

    Returns
    -------
    (K, J, I) bool
        What the segment holds now.
    """
    requireLabelmap(segmentationNode)
    requireOpen(segmentationNode, segmentId)
    requireShape(mask, gridShape(volumeNode))
    new = np.asarray(mask, dtype=bool)
    editable = editableIn(Part(segmentationNode, volumeNode), editorNode, segmentId, mayOverwrite)
    if editable is not None:
        new = np.where(editable, new, readMask(segmentationNode, segmentId, volumeNode))
    writeSegment(segmentationNode, segmentId, new, volumeNode, action)
    for other in losing(editorNode, segmentationNode, segmentId, mayOverwrite):
        old = readMask(segmentationNode, other, volumeNode)
        if (old & new).any():
            writeSegment(segmentationNode, other, old & ~new, volumeNode, action)
    return new


def writeSlicesHonouring(
    editorNode, segmentationNode, followupNode, segmentId: str, masks, sliceAxis: int, mayOverwrite=(), surfaces=True, action=None
) -> dict[int, np.ndarray]:
    """Write slices of a segment where the Segment Editor allows it; only these slices are looked at, so it is quick.

    Parameters
    ----------
    masks, sliceAxis, surfaces
        As in `writeSlices`; the rest as in `writeHonouring`.

    Returns
    -------
    {index: (rows, cols) bool}
        What the slices of the segment hold now.
    """
    requireLabelmap(segmentationNode)
    requireOpen(segmentationNode, segmentId)
    new = {index: np.asarray(mask, dtype=bool) for index, mask in masks.items()}
    if not new:
        return {}
    for index in new:
        requireSlice(index, sliceAxis, gridShape(followupNode))
    editable = editableIn(Part(segmentationNode, followupNode, list(new), sliceAxis), editorNode, segmentId, mayOverwrite)
    if editable is not None:
        for index, allowed in zip(list(new), editable):
            requireShape(new[index], allowed.shape)
            new[index] = np.where(allowed, new[index], readSlice(segmentationNode, segmentId, followupNode, index, sliceAxis))
    writeSlices(segmentationNode, followupNode, segmentId, new, sliceAxis, surfaces=surfaces, action=action)
    for other in losing(editorNode, segmentationNode, segmentId, mayOverwrite):
        old = {index: readSlice(segmentationNode, other, followupNode, index, sliceAxis) for index in new}
        less = {index: old[index] & ~new[index] for index in new if (old[index] & new[index]).any()}
        writeSlices(segmentationNode, followupNode, other, less, sliceAxis, surfaces=surfaces, action=action)
    return new


def editableRegion(editorNode, segmentationNode, segmentId: str, volumeNode, mayOverwrite=()) -> np.ndarray | None:
    """(K, J, I) bool: where a segment may be changed; None where it may be changed everywhere. See `writeSlices`."""
    return editableIn(Part(segmentationNode, volumeNode), editorNode, segmentId, mayOverwrite)
