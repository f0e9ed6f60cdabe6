"""What stands beside a segment: its status, as the Segment Editor shows it, and whether it is locked."""

from __future__ import annotations

import slicer
import vtk
from slicer.i18n import tr as _

from p2sam.errors import InputError, StructureError

STATUSES = ("NotStarted", "InProgress", "Completed", "Flagged")
"""In the order of `vtkSlicerSegmentationsModuleLogic.SegmentStatus`."""
_LOCKED = "P2SAM.Locked"


def segmentOf(segmentationNode, segmentId: str):
    """The segment of an id.

    Raises
    ------
    StructureError
        The segmentation has none.
    """
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
    if segment is None:
        raise StructureError(
            _("The segmentation '{node}' has no segment '{id}' any more; choose its segments again.").format(
                node=segmentationNode.GetName(), id=segmentId
            )
        )
    return segment


def setStatus(segmentationNode, segmentId: str, status) -> None:
    """Set a segment's status.

    Parameters
    ----------
    status : str or int
        One of `STATUSES`, or the number that `vtkSlicerSegmentationsModuleLogic` has for it.
    """
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    if status not in STATUSES and status not in [int(getattr(logic, name)) for name in STATUSES]:
        raise InputError(
            _("A segment has no status '{status}'; it can be {known}.").format(status=status, known=", ".join(STATUSES))
        )
    number = int(getattr(logic, status)) if isinstance(status, str) else int(status)
    logic.SetSegmentStatus(segmentOf(segmentationNode, segmentId), number)


def statusOf(segmentationNode, segmentId: str) -> str:
    """One of `STATUSES`; a status Slicer does not know counts as not started."""
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    number = logic.GetSegmentStatus(segmentOf(segmentationNode, segmentId))
    return next((name for name in STATUSES if int(getattr(logic, name)) == number), STATUSES[0])


def setLocked(segmentationNode, segmentId: str, locked: bool) -> None:
    """Lock a segment against every change made here, or open it again; saved with the segmentation.

    The Segment Editor of Slicer 5.10 to 5.13 has no lock of a single segment, so this is a tag of our own.
    """
    segment = segmentOf(segmentationNode, segmentId)
    if locked:
        segment.SetTag(_LOCKED, "1")
    elif segment.HasTag(_LOCKED):
        segment.RemoveTag(_LOCKED)


def isLocked(segmentationNode, segmentId: str) -> bool:
    return tagOf(segmentOf(segmentationNode, segmentId), _LOCKED) == "1"


def requireOpen(segmentationNode, segmentId: str) -> None:
    """
    Raises
    ------
    StructureError
        The segment is locked.
    """
    if isLocked(segmentationNode, segmentId):
        raise StructureError(
            _("The segment '{segment}' of '{node}' is locked; unlock it, or write into a new segmentation.").format(
                segment=segmentOf(segmentationNode, segmentId).GetName(), node=segmentationNode.GetName()
            )
        )


def tagOf(segment, name: str) -> str:
    """A tag of a segment; empty where it has none."""
    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else ""
