"""The voxels of one segment, on the grid of a volume: read, written whole, or written slice by slice."""

from __future__ import annotations

import numpy as np
from slicer.i18n import tr as _

from p2sam.errors import GeometryError, InputError

from . import MRMLLabelmapChanges, MRMLLabelmaps
from .MRMLSegmentStatus import requireOpen, segmentOf
from .MRMLVolumes import gridShape


def readMask(segmentationNode, segmentId: str, followupNode) -> np.ndarray:
    """(K, J, I) bool: a segment on the grid of a volume."""
    segmentOf(segmentationNode, segmentId)
    labels = MRMLLabelmaps.labelsOf(segmentationNode, segmentId)
    if labels is None:
        return np.zeros(gridShape(followupNode), dtype=bool)
    return MRMLLabelmaps.onGrid(labels, segmentationNode, followupNode)[0]


def readSlice(segmentationNode, segmentId: str, followupNode, index: int, sliceAxis: int) -> np.ndarray:
    """(rows, cols) bool: one slice of a segment on the grid of a volume."""
    segmentOf(segmentationNode, segmentId)
    shape = gridShape(followupNode)
    requireSlice(index, sliceAxis, shape)
    labels = MRMLLabelmaps.labelsOf(segmentationNode, segmentId)
    if labels is None:
        return np.zeros(_planeOf(shape, sliceAxis), dtype=bool)
    return MRMLLabelmaps.sliceOnGrid(labels, segmentationNode, followupNode, index, sliceAxis)


def writeSegment(segmentationNode, segmentId: str, mask: np.ndarray, volumeNode, action=None) -> None:
    """Let a mask be the whole segment; no other segment changes.

    Parameters
    ----------
    mask : (K, J, I) bool
        On the grid of `volumeNode`.
    action : MRMLUserAction.UserAction, optional
        Told before anything changes.
    """
    requireLabelmap(segmentationNode)
    requireOpen(segmentationNode, segmentId)
    requireShape(mask, gridShape(volumeNode))
    if action:
        action.changes(segmentationNode)
    MRMLLabelmapChanges.replaceLabels(segmentationNode, segmentId, np.asarray(mask, dtype=bool), volumeNode)
    MRMLLabelmapChanges.announce(segmentationNode, segmentId)


def writeSlices(
    segmentationNode, followupNode, segmentId: str, masks, sliceAxis: int, editable=None, surfaces=True, action=None
) -> None:
    """Write slices of a segment and leave its other slices as they are.

    Parameters
    ----------
    masks : {index: (rows, cols) bool}
        Slice number along numpy axis `sliceAxis` of the follow-up -> what is inside.
    editable : (K, J, I) bool, optional
        From `editableRegion`: voxels outside of it keep what they have.
    surfaces : bool
        False leaves a closed surface for later (`writeSegment` renews it): for slices that come one after the other.
    """
    requireLabelmap(segmentationNode)
    requireOpen(segmentationNode, segmentId)
    shape = gridShape(followupNode)
    for index, mask in masks.items():
        requireSlice(index, sliceAxis, shape)
        requireShape(mask, _planeOf(shape, sliceAxis))
    if not masks:
        return
    if action:
        action.changes(segmentationNode)
    allowed = {index: np.asarray(mask, dtype=bool) for index, mask in masks.items()}
    if editable is not None:
        requireShape(editable, shape)
        for index, mask in allowed.items():
            old = readSlice(segmentationNode, segmentId, followupNode, index, sliceAxis)
            allowed[index] = np.where(np.take(editable, index, axis=sliceAxis), mask, old)
    MRMLLabelmapChanges.changeSlices(segmentationNode, segmentId, allowed, sliceAxis, followupNode)
    MRMLLabelmapChanges.announce(segmentationNode, segmentId, surfaces)


def requireLabelmap(segmentationNode) -> None:
    """See that a segmentation can be written as voxels; one without segments is made to.

    Raises
    ------
    InputError
        Its segments are stored in another form, and turning them into voxels would change them.
    """
    segmentation = segmentationNode.GetSegmentation()
    form = segmentation.GetSourceRepresentationName()
    if form == MRMLLabelmaps.BINARY_LABELMAP:
        return
    if segmentation.GetNumberOfSegments():
        raise InputError(
            _(
                "The segmentation '{node}' is stored as '{form}', and writing into it would change its segments."
                " Choose a new segmentation, or make '{wanted}' its source in the Segmentations module."
            ).format(node=segmentationNode.GetName(), form=form, wanted=MRMLLabelmaps.BINARY_LABELMAP)
        )
    segmentation.SetSourceRepresentationName(MRMLLabelmaps.BINARY_LABELMAP)


def requireShape(mask: np.ndarray, shape: tuple[int, ...]) -> None:
    if tuple(np.shape(mask)) != tuple(shape):
        raise GeometryError(
            _("A mask of shape {found} does not fit the images, which have shape {wanted}; run the visit again.").format(
                found=tuple(np.shape(mask)), wanted=tuple(shape)
            )
        )


def requireSlice(index: int, sliceAxis: int, shape: tuple[int, int, int]) -> None:
    if sliceAxis not in (0, 1, 2) or not 0 <= index < shape[sliceAxis]:
        raise GeometryError(
            _("There is no slice {index} along axis {axis} of images of shape {shape}; run the visit again.").format(
                index=index, axis=sliceAxis, shape=tuple(shape)
            )
        )


def _planeOf(shape: tuple[int, int, int], sliceAxis: int) -> tuple[int, int]:
    """(rows, cols) of the slices along an axis."""
    return tuple(size for axis, size in enumerate(shape) if axis != sliceAxis)
