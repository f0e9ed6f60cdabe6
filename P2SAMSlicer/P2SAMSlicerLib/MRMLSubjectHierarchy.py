"""The subject hierarchy: what a scan's branch (patient, study, series) says of it, and where a result belongs."""

from __future__ import annotations

import slicer

_ATTRIBUTES = {
    "patient_id": "DICOM.PatientID",
    "patient_name": "DICOM.PatientName",
    "study_date": "DICOM.StudyDate",
    "study_uid": "DICOM.StudyInstanceUID",
    "modality": "DICOM.Modality",
    "frame_of_reference_uid": "DICOM.FrameOfReferenceUID",
    "series_description": "DICOM.SeriesDescription",
}
"""What is read from an item or the nearest of its ancestors that says it."""
_REFERENCED = "DICOM.ReferencedInstanceUIDs"


def hierarchyOf(node):
    """The subject hierarchy of the scene a node is in; None for a node outside a scene."""
    scene = node.GetScene()
    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene) if scene else None


def itemOf(hierarchy, node) -> int:
    """The item of a node; made, under the scene, where nothing has made one yet."""
    item = hierarchy.GetItemByDataNode(node)
    return item if item != hierarchy.GetInvalidItemID() else hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)


def placeBeside(node, neighbour) -> None:
    """Put a node into the branch (study, folder) of another, and note which images it belongs to.

    Slicer's DICOM exporters look for patient and study above the item, and for the images it refers to.
    """
    hierarchy = hierarchyOf(neighbour)
    beside, item = itemOf(hierarchy, neighbour), itemOf(hierarchy, node)
    hierarchy.SetItemParent(item, hierarchy.GetItemParent(beside))
    instances = _instancesOf(hierarchy, beside)
    if instances:
        hierarchy.SetItemAttribute(item, _REFERENCED, instances)


def scanAttributes(node) -> dict:
    """What the branch of a node says of patient, study and series; keys are absent where nothing is known."""
    hierarchy = hierarchyOf(node)
    item = hierarchy.GetItemByDataNode(node) if hierarchy else 0
    if not item:
        return {}
    branch = _branchOf(hierarchy, item)
    found = {key: _firstAttribute(hierarchy, branch, name) for key, name in _ATTRIBUTES.items()}
    found["series_uid"] = hierarchy.GetItemUID(item, "DICOM") if hierarchy.HasItemUID(item, "DICOM") else ""
    known = {key: value for key, value in found.items() if value}
    instances = _instancesOf(hierarchy, item)
    if instances:
        known["sop_instance_uids"] = instances.split()
    return known


def _branchOf(hierarchy, item: int) -> list[int]:
    """An item and its ancestors, nearest first, without the scene."""
    branch = []
    while item not in (hierarchy.GetInvalidItemID(), hierarchy.GetSceneItemID()):
        branch.append(item)
        item = hierarchy.GetItemParent(item)
    return branch


def _firstAttribute(hierarchy, branch: list[int], name: str) -> str:
    for item in branch:
        if hierarchy.HasItemAttribute(item, name) and hierarchy.GetItemAttribute(item, name):
            return hierarchy.GetItemAttribute(item, name)
    return ""


def _instancesOf(hierarchy, item: int) -> str:
    """SOP instance UIDs of a series, separated by blanks."""
    return hierarchy.GetItemUID(item, "DICOMInstanceUID") if hierarchy.HasItemUID(item, "DICOMInstanceUID") else ""
