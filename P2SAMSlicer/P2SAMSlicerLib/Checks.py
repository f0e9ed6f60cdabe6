"""The checks under the visits, and why Propagate is not available. Never raises on a scene that is not ready."""

from __future__ import annotations

import numpy as np
import vtk
from p2sam.errors import InputError
from slicer.i18n import tr as _
from vtk.util.numpy_support import vtk_to_numpy

from .MRMLVolumes import metaOf, volumeOf
from .ScanChecks import ERROR, OK, WARNING, Check, Scan, pairChecks, scanChecks

__all__ = ["ERROR", "OK", "WARNING", "Check", "emptySegments", "scanOf", "visitChecks", "whyNot"]

BLOCK = 1 << 20
"""Voxels looked at at once when a segment is searched for a first voxel."""


def visitChecks(prior, segmentation, segmentIds, followups, alignment: str = "") -> list:
    """One line for each question about the chosen visits.

    Parameters
    ----------
    prior : vtkMRMLScalarVolumeNode or None
    segmentation : vtkMRMLSegmentationNode or None
    segmentIds : iterable of str
        The ticked segments.
    followups : iterable of vtkMRMLScalarVolumeNode
    alignment : str
        As in the settings; empty where it does not matter yet.

    Returns
    -------
    list of Check
        Empty where nothing is chosen.
    """
    followups = [node for node in followups or () if node is not None]
    checks = []
    scans = {}
    for node in dict.fromkeys([prior, *followups]):
        if node is not None:
            scans[node], wrong = _looked(node)
            checks += wrong
    earlier = scans.get(prior)
    for node in followups:
        if earlier is not None and node is not prior and scans[node] is not None:
            checks += pairChecks(earlier, scans[node], alignment)
    return [*checks, *_repeated([scans[node] for node in followups if scans[node] is not None]), *_segments(prior, segmentation, segmentIds)]


def whyNot(prior, segmentation, segmentIds, followups, into=None, alignment: str = "", allowOtherPatient: bool = False, running: bool = False, also=()):
    """Why Propagate cannot be pressed, in one sentence that says what to do; None where it can.

    Parameters
    ----------
    into : vtkMRMLSegmentationNode or None
        A chosen segmentation for the result.
    allowOtherPatient : bool
        Do not refuse scans whose patient identifiers differ (renamed by anonymisation).
    running : bool
        A run is going on.
    also : iterable of str or None
        Reasons from elsewhere (model, settings), which come last.
    """
    if running:
        return _("A run is going on; wait for its end or cancel it.")
    reason = _nothingChosen(prior, segmentation, segmentIds, followups, into)
    if reason:
        return reason
    for check in visitChecks(prior, segmentation, segmentIds, followups, alignment):
        if check.level == ERROR and not (allowOtherPatient and check.topic == "patient"):
            return check.text
    return next((text for text in also if text), None)


def scanOf(volumeNode) -> Scan:
    """A volume as the checks see it.

    Raises
    ------
    InputError
        No voxels, several values a voxel, a transform that cannot be followed.
    """
    array, ijkToRas = volumeOf(volumeNode)
    spacing = tuple(float(value) for value in np.linalg.norm(np.asarray(ijkToRas)[:3, :3], axis=0))
    isLeftHanded = float(np.linalg.det(np.asarray(ijkToRas)[:3, :3])) < 0
    return Scan(volumeNode.GetName(), metaOf(volumeNode), spacing, array, volumeNode.GetImageData().GetScalarRange(), isLeftHanded)


def emptySegments(segmentationNode, segmentIds) -> list:
    """Ids of the segments that hold nothing."""
    segmentation = segmentationNode.GetSegmentation()
    return [one for one in segmentIds if segmentation.GetSegment(one) is not None and not _holdsSomething(segmentation, one)]


def _nothingChosen(prior, segmentation, segmentIds, followups, into) -> str | None:
    if prior is None:
        return _("Choose the prior volume: the CT of the earlier visit.")
    if segmentation is None:
        return _("Choose the prior segmentation.")
    if segmentation.GetSegmentation() is None or segmentation.GetSegmentation().GetNumberOfSegments() == 0:
        return _("The segmentation '{name}' has no segments; choose another one.").format(name=segmentation.GetName())
    if not segmentIds:
        return _("Tick at least one segment of '{name}'.").format(name=segmentation.GetName())
    if not followups:
        return _("Tick at least one follow-up CT.")
    if any(node is None for node in followups):
        return _("A follow-up is no longer in the scene; tick the follow-ups again.")
    if prior in list(followups):
        return _("'{name}' is both the prior and a follow-up; untick it among the follow-ups.").format(name=prior.GetName())
    if into is not None and into is segmentation:
        return _("The result would go into the prior segmentation '{name}'; choose another one, or a new one.").format(name=into.GetName())
    return None


def _looked(node) -> tuple:
    """(Scan or None, checks of the volume alone that are not "ok", and its modality)."""
    if node.IsA("vtkMRMLLabelMapVolumeNode"):
        return None, [Check(ERROR, _("'{name}' is a label map, not a CT; choose the CT series.").format(name=node.GetName()), "modality")]
    try:
        scan = scanOf(node)
    except InputError as error:
        return None, [Check(ERROR, str(error), "volume")]
    return scan, scanChecks(scan)


def _repeated(scans: list) -> list:
    seen, checks = {}, []
    for scan in scans:
        series = scan.said("series_uid")
        if series and series in seen:
            text = _("'{name}' and '{other}' are the same series; one of them is enough.")
            checks.append(Check(WARNING, text.format(name=scan.name, other=seen[series]), "series"))
        seen.setdefault(series, scan.name)
    return checks


def _segments(prior, segmentation, segmentIds) -> list:
    if segmentation is None or segmentation.GetSegmentation() is None:
        return []
    known = segmentation.GetSegmentation()
    missing = [one for one in segmentIds or () if known.GetSegment(one) is None]
    if missing:
        text = _("The segment '{segment}' is no longer in '{name}'; tick the segments again.")
        return [Check(ERROR, text.format(segment=missing[0], name=segmentation.GetName()), "segments")]
    empty = emptySegments(segmentation, segmentIds or ())
    if empty:
        text = _("The segment '{segment}' of '{name}' is empty; untick it, or draw it on the prior.")
        return [Check(ERROR, text.format(segment=known.GetSegment(empty[0]).GetName(), name=segmentation.GetName()), "segments")]
    outside = [one for one in segmentIds or () if prior is not None and _apart(prior, segmentation, known.GetSegment(one))]
    if outside:
        text = _("The segment '{segment}' lies outside the prior volume '{volume}'; choose the volume it was drawn on.")
        return [Check(ERROR, text.format(segment=known.GetSegment(outside[0]).GetName(), volume=prior.GetName()), "segments")]
    return []


def _holdsSomething(segmentation, segmentId: str) -> bool:
    segment = segmentation.GetSegment(segmentId)
    source = segment.GetRepresentation(segmentation.GetSourceRepresentationName())
    if source is None:
        return False
    if isinstance(source, vtk.vtkImageData):
        scalars = source.GetPointData().GetScalars()
        if source.IsEmpty() if hasattr(source, "IsEmpty") else scalars is None:
            return False
        voxels = vtk_to_numpy(scalars)
        return any((voxels[start : start + BLOCK] == segment.GetLabelValue()).any() for start in range(0, len(voxels), BLOCK))
    return source.GetNumberOfPoints() > 0


def _apart(prior, segmentationNode, segment) -> bool:
    """Whether the box around the segment's data does not touch the box around the volume, both in the world."""
    here = [0.0] * 6
    segment.GetBounds(here)
    there = [0.0] * 6
    prior.GetRASBounds(there)
    if here[0] > here[1] or there[0] > there[1]:
        return False
    parent = segmentationNode.GetParentTransformNode()
    if parent is not None:
        here = _moved(here, parent)
    return any(here[2 * axis] > there[2 * axis + 1] or there[2 * axis] > here[2 * axis + 1] for axis in range(3))


def _moved(bounds: list, transformNode) -> list:
    """The box around a box whose corners went through a transform to the world."""
    transform = vtk.vtkGeneralTransform()
    transformNode.GetTransformToWorld(transform)
    corners = [transform.TransformPoint(x, y, z) for x in bounds[:2] for y in bounds[2:4] for z in bounds[4:]]
    return [extreme(corner[axis] for corner in corners) for axis in range(3) for extreme in (min, max)]
