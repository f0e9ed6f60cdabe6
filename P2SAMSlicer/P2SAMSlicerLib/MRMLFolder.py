"""The folder of the subject hierarchy that holds a visit's points, review and tables, beside its CT."""

from __future__ import annotations

import vtk
from slicer.i18n import tr as _

from .MRMLSubjectHierarchy import hierarchyOf, itemOf

_OURS = "P2SAM.Folder"


def addNode(scene, className: str, name: str, followup=None):
    """A new node of a name that no other node has, in the folder of a follow-up where one is given."""
    taken = scene.GetFirstNodeByName(name) is not None
    node = scene.AddNewNodeByClass(className, scene.GenerateUniqueName(name) if taken else name)
    if followup is not None:
        placeInFolder(node, followup)
    return node


def placeInFolder(node, followup) -> None:
    """Put a node into the folder of its visit; the folder is made where it is missing."""
    hierarchy = hierarchyOf(followup)
    if hierarchy is None:
        return
    parent = hierarchy.GetItemParent(itemOf(hierarchy, followup))
    folder = _folderOf(hierarchy, parent, followup)
    if not folder:
        folder = hierarchy.CreateFolderItem(parent, _("{volume} P2SAM points and review").format(volume=followup.GetName()))
        hierarchy.SetItemAttribute(folder, _OURS, followup.GetName())
        hierarchy.SetItemExpanded(folder, False)
    hierarchy.SetItemParent(itemOf(hierarchy, node), folder)


def removeNode(node) -> None:
    """Remove a node and its item of the subject hierarchy."""
    scene, hierarchy = node.GetScene(), hierarchyOf(node)
    item = hierarchy.GetItemByDataNode(node) if hierarchy is not None else 0
    if scene is not None:
        scene.RemoveNode(node)
    if item and item in _childrenOf(hierarchy, hierarchy.GetSceneItemID(), recursive=True):
        hierarchy.RemoveItem(item, False, False)  # the application's own plugins have done it already


def removeEmptyFolders(scene) -> None:
    """Remove the folders made here that nothing is left in."""
    hierarchy = scene.GetSubjectHierarchyNode()
    if hierarchy is None:
        return
    for item in _childrenOf(hierarchy, hierarchy.GetSceneItemID(), recursive=True):
        if hierarchy.GetItemAttribute(item, _OURS) and not _childrenOf(hierarchy, item):
            hierarchy.RemoveItem(item)


def _folderOf(hierarchy, parent: int, followup) -> int:
    """The folder of a follow-up among the children of an item; 0 where there is none."""
    found = (item for item in _childrenOf(hierarchy, parent) if hierarchy.GetItemAttribute(item, _OURS) == followup.GetName())
    return next(found, 0)


def _childrenOf(hierarchy, item: int, recursive: bool = False) -> list:
    children = vtk.vtkIdList()
    hierarchy.GetItemChildren(item, children, recursive)
    return [children.GetId(number) for number in range(children.GetNumberOfIds())]
