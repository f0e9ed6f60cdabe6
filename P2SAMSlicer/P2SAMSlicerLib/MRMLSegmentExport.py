"""The segments of a prior, for the worker to read: as they are stored, or as arrays on the grid of its CT."""

from __future__ import annotations

import numpy as np
import slicer
from slicer.i18n import tr as _

from p2sam.errors import InputError

from .MRMLLabelmaps import BINARY_LABELMAP, labelsOf, onGrid
from .MRMLSegmentStatus import segmentOf, tagOf
from .MRMLVolumes import gridMatrix, gridShape, matrixBetween, matrixFromArray

_GEOMETRY = "Reference image geometry"


def exportSegments(segmentationNode, volumeNode, segmentIds=None) -> list[dict]:
    """Segments on a volume's grid, and what Slicer knows of them. The nodes are not changed.

    Where the segmentation's voxels are the volume's (cropped, flipped or turned), they are moved one to one; otherwise
    they are interpolated. Segments that are stored as surfaces are filled with voxels, as Slicer does it.

    Parameters
    ----------
    segmentIds : ids, optional
        All segments by default.

    Returns
    -------
    list of dict
        `id`, `name`, `colorRgb` (3 floats in 0..1), `terminology` (Slicer's tag, or None), `mask` ((K, J, I) bool) and
        `exact` (False: interpolated, or filled from a surface).

    Raises
    ------
    StructureError
        The segmentation has no segment of an id.
    GeometryError
        A transform between segmentation and volume is not linear.
    """
    segmentation = segmentationNode.GetSegmentation()
    every = [segmentation.GetNthSegmentID(number) for number in range(segmentation.GetNumberOfSegments())]
    return [_exported(segmentationNode, one, volumeNode) for one in (every if segmentIds is None else segmentIds)]


def _exported(segmentationNode, segmentId: str, volumeNode) -> dict:
    segment = segmentOf(segmentationNode, segmentId)
    mask, exact = _maskOf(segmentationNode, segment, segmentId, volumeNode)
    return {**_factsOf(segment, segmentId), "mask": mask, "exact": exact}


def storedSegment(segmentationNode, volumeNode, segmentId: str) -> dict:
    """A segment on its own grid, quickly: the worker brings it onto the volume's, where nobody waits for it.

    Only a segment that is stored as a surface is filled here, on the volume's grid, as Slicer does it.

    Returns
    -------
    dict
        `id`, `name`, `colorRgb` and `terminology` as of `exportSegments`, `voxels` (`OneLabel`) and `ijkToRas` ((4, 4) from
        its index to the world).

    Raises
    ------
    StructureError, GeometryError
        As of `exportSegments`.
    """
    segment = segmentOf(segmentationNode, segmentId)
    world = matrixBetween(volumeNode, None)
    labels = labelsOf(segmentationNode, segmentId)
    if segmentationNode.GetSegmentation().GetSourceRepresentationName() != BINARY_LABELMAP:
        voxels, matrix = OneLabel(_filled(segmentationNode, segment, segmentId, volumeNode), True), gridMatrix(volumeNode)
    elif labels is None:
        voxels, matrix = OneLabel(np.zeros((1, 1, 1), dtype=bool), True), gridMatrix(volumeNode)
    else:
        # a copy, so that who draws on the segment meanwhile does not take the voxels away
        voxels, matrix = OneLabel(labels.array.copy(), labels.value), matrixBetween(segmentationNode, volumeNode) @ labels.matrix
    return {**_factsOf(segment, segmentId), "voxels": voxels, "ijkToRas": world @ matrix}


class OneLabel:
    """Where a labelmap (K, J, I) has one value, as uint8, found out only for the slices that are asked for: what `exportArray` takes."""

    dtype = np.dtype(np.uint8)

    def __init__(self, array: np.ndarray, value: int):
        self._array, self._value = array, value
        self.shape, self.nbytes = array.shape, array.size

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, slices) -> np.ndarray:
        return (self._array[slices] == self._value).view(np.uint8)


def _factsOf(segment, segmentId: str) -> dict:
    return {
        "id": segmentId,
        "name": segment.GetName(),
        "colorRgb": tuple(segment.GetColor()),
        "terminology": tagOf(segment, slicer.vtkSegment.GetTerminologyEntryTagName()) or None,
    }


def _maskOf(segmentationNode, segment, segmentId: str, volumeNode) -> tuple[np.ndarray, bool]:
    if segmentationNode.GetSegmentation().GetSourceRepresentationName() != BINARY_LABELMAP:
        return _filled(segmentationNode, segment, segmentId, volumeNode), False
    labels = labelsOf(segmentationNode, segmentId)
    if labels is None:
        return np.zeros(gridShape(volumeNode), dtype=bool), True
    return onGrid(labels, segmentationNode, volumeNode)


def _filled(segmentationNode, segment, segmentId: str, volumeNode) -> np.ndarray:
    """A segment that is stored in another form (surface, contours), made into voxels of the volume on a copy of it."""
    copy = slicer.vtkMRMLSegmentationNode()
    segmentation = copy.GetSegmentation()
    segmentation.SetSourceRepresentationName(segmentationNode.GetSegmentation().GetSourceRepresentationName())
    segmentation.CopySegmentFromSegmentation(segmentationNode.GetSegmentation(), segmentId)
    toSegmentation = matrixBetween(volumeNode, segmentationNode) @ gridMatrix(volumeNode)
    extent = [end for size in gridShape(volumeNode)[::-1] for end in (0, size - 1)]
    serialize = slicer.vtkSegmentationConverter.SerializeImageGeometry
    segmentation.SetConversionParameter(_GEOMETRY, serialize(matrixFromArray(toSegmentation), extent))
    if not segmentation.CreateRepresentation(BINARY_LABELMAP, True):
        raise InputError(
            _("The segment '{segment}' of '{node}' cannot be made into voxels; open it in the Segmentations module.").format(
                segment=segment.GetName(), node=segmentationNode.GetName()
            )
        )
    labels = labelsOf(copy, segmentId)
    if labels is None:
        return np.zeros(gridShape(volumeNode), dtype=bool)
    return onGrid(labels, segmentationNode, volumeNode)[0]
