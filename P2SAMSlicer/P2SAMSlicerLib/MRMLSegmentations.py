"""A visit's segmentation: made beside the follow-up, with the prior's names, colours and terminology.

The functions that read and write its segments are gathered here for those who use them.
"""

from __future__ import annotations

import slicer

from .MRMLLabelmapChanges import emptyImage
from .MRMLLabelmaps import BINARY_LABELMAP
from .MRMLMasking import editableRegion, writeHonouring, writeSlicesHonouring
from .MRMLSegmentExport import exportSegments
from .MRMLSegments import readMask, readSlice, requireLabelmap, writeSegment, writeSlices
from .MRMLSegmentStatus import isLocked, setLocked, setStatus, statusOf
from .MRMLSubjectHierarchy import placeBeside
from .MRMLUserAction import UserAction

__all__ = [
    "UserAction",
    "addSegment",
    "createResult",
    "editableRegion",
    "exportSegments",
    "isLocked",
    "readMask",
    "readSlice",
    "setLocked",
    "setStatus",
    "statusOf",
    "writeHonouring",
    "writeSegment",
    "writeSlices",
    "writeSlicesHonouring",
]


def createResult(scene, followupNode, name: str | None = None):
    """A new, empty segmentation node for a follow-up.

    It has the follow-up's geometry, stands beside it in the subject hierarchy and under the same parent transform, so
    that it lies on the images and is exported to DICOM with them.

    Parameters
    ----------
    name : str, optional
        "<volume> P2SAM" by default; a number is added where the scene has that name already.
    """
    name = name or f"{followupNode.GetName()} P2SAM"
    taken = scene.GetFirstNodeByName(name) is not None
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", scene.GenerateUniqueName(name) if taken else name)
    node.CreateDefaultDisplayNodes()
    node.SetAndObserveTransformNodeID(followupNode.GetTransformNodeID())
    node.SetReferenceImageGeometryParameterFromVolumeNode(followupNode)
    node.GetSegmentation().SetSourceRepresentationName(BINARY_LABELMAP)
    placeBeside(node, followupNode)
    return node


def addSegment(segmentationNode, volumeNode, name: str, segmentId="", colorRgb=None, terminology=None, action=None) -> str:
    """Add an empty segment that shares its labelmap with none.

    Parameters
    ----------
    segmentId : str
        The id that is wanted; another is found where a segment has it already.
    colorRgb : 3 floats in 0..1, optional
    terminology : str, optional
        Slicer's `TerminologyEntry` tag, as `exportSegments` gave it.

    Returns
    -------
    str
        The id of the new segment.
    """
    requireLabelmap(segmentationNode)
    if action:
        action.changes(segmentationNode)
    segmentation = segmentationNode.GetSegmentation()
    segment = slicer.vtkSegment()
    segment.SetName(name)
    if colorRgb is not None:
        segment.SetColor(*(float(part) for part in colorRgb))
    if terminology:
        segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), terminology)
    segment.AddRepresentation(BINARY_LABELMAP, emptyImage(segmentationNode, volumeNode))
    given = segmentation.GenerateUniqueSegmentID(segmentId or "")
    segmentation.AddSegment(segment, given)
    return given
