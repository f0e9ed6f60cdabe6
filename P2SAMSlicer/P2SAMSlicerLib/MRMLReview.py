"""The review of a visit as a text node of the scene: its JSON, and references to everything that belongs to the visit."""

from __future__ import annotations

from slicer.i18n import tr as _

from .MRMLFolder import addNode, removeEmptyFolders, removeNode
from .MRMLPrompts import KIND, STRUCTURE, isOurs
from .Review import VisitReview

REVIEW, OWNED = "P2SAM.Review", "P2SAM.Owned"
"""Attributes: of a review, and of any other node that we made and may remove with it."""

FOLLOWUP, SEGMENTATION = "P2SAM.followup", "P2SAM.segmentation"
PRIOR_VOLUME, PRIOR_SEGMENTATION = "P2SAM.priorVolume", "P2SAM.priorSegmentation"
TABLE, CHART, METRICS = "P2SAM.table", "P2SAM.chart", "P2SAM.metrics"
POSITIVE, NEGATIVE = "P2SAM.positive", "P2SAM.negative"
SINGLE = {
    "followup": FOLLOWUP,
    "segmentation": SEGMENTATION,
    "priorVolume": PRIOR_VOLUME,
    "priorSegmentation": PRIOR_SEGMENTATION,
    "table": TABLE,
    "chart": CHART,
    "metrics": METRICS,
}
"""Name in `setReferences` and `reference` -> role of the node reference."""


def save(scene, node, review: VisitReview, followup=None):
    """Write a review into its node; the text goes into the scene file itself, so that no save can leave it out.

    Parameters
    ----------
    node : vtkMRMLTextNode or None
        None makes a new one, named after the follow-up.
    followup : vtkMRMLScalarVolumeNode or None
        For a new node: referenced, and the review is put beside it.

    Returns
    -------
    vtkMRMLTextNode
    """
    text = review.toJson()
    if node is None:
        name = _("{volume} P2SAM review").format(volume=followup.GetName() if followup is not None else review.name)
        node = addNode(scene, "vtkMRMLTextNode", name, followup)
        node.SetAttribute(REVIEW, "1")
        if followup is not None:
            setReferences(node, followup=followup)
    node.SetForceCreateStorageNode(node.CreateStorageNodeNever)  # not kept by a scene file, so said each time
    node.SetText(text)
    return node


def load(node) -> VisitReview:
    """The review of a node.

    Raises
    ------
    InputError
        The text is damaged, or was saved by a newer module.
    """
    return VisitReview.fromJson(node.GetText() or "")


def isReview(node) -> bool:
    return node is not None and node.IsA("vtkMRMLTextNode") and node.GetAttribute(REVIEW) == "1"


def findAll(scene) -> list:
    """Every review of a scene, in the order they were made; an absent scene has none."""
    count = scene.GetNumberOfNodesByClass("vtkMRMLTextNode") if scene is not None else 0
    nodes = [scene.GetNthNodeByClass(number, "vtkMRMLTextNode") for number in range(count)]
    return [node for node in nodes if isReview(node)]


def setReferences(node, **nodes) -> None:
    """Refer to nodes by the names of `SINGLE`, e.g. `setReferences(review, followup=ct, segmentation=result)`; None clears."""
    for name, referenced in nodes.items():
        node.SetNodeReferenceID(SINGLE[name], referenced.GetID() if referenced is not None else None)


def reference(node, name: str):
    """The node referred to by one of the names of `SINGLE`; None where it is gone from the scene."""
    return node.GetNodeReference(SINGLE[name])


def setLists(node, lists: dict, order=None) -> None:
    """Refer to the point lists of every structure.

    Parameters
    ----------
    lists : dict of str to (positive, negative)
        By structure name.
    order : iterable of str or None
        The structures in the order of the review; None is the dict's own.
    """
    for role in (POSITIVE, NEGATIVE):
        node.RemoveNodeReferenceIDs(role)
    for name in lists if order is None else [name for name in order if name in lists]:
        positive, negative = lists[name]
        node.AddNodeReferenceID(POSITIVE, positive.GetID())
        node.AddNodeReferenceID(NEGATIVE, negative.GetID())


def listsOf(node) -> dict:
    """Structure name -> (positive, negative) for every structure whose two lists are still in the scene.

    The lists say themselves which structure they are of: where one was deleted, the references after it move up.
    """
    sides = [{one.GetAttribute(STRUCTURE): one for one in _referenced(node, role) if isOurs(one)} for role in (POSITIVE, NEGATIVE)]
    return {name: (one, sides[1][name]) for name, one in sides[0].items() if name in sides[1]}


def own(node) -> None:
    """Mark a node as made by us: it may be removed together with the review that refers to it."""
    node.SetAttribute(OWNED, "1")


def isOwned(node) -> bool:
    return node is not None and (node.GetAttribute(OWNED) == "1" or node.GetAttribute(KIND) is not None or isReview(node))


def ownedBy(node) -> list:
    """Nodes of ours that a review refers to, directly or through its chart: point lists, table, chart, series. Not the segmentation."""
    found = [one for role in (POSITIVE, NEGATIVE, TABLE, CHART, METRICS) for one in _referenced(node, role)]
    chart = reference(node, "chart")
    if chart is not None:
        series = [chart.GetNthPlotSeriesNode(number) for number in range(chart.GetNumberOfPlotSeriesNodes())]
        found += [*series, *(one.GetTableNode() for one in series if one is not None)]
    unique = {one.GetID(): one for one in found if isOwned(one)}
    return list(unique.values())


def removeOurs(node) -> None:
    """Remove a review and what was made for it: points, table, chart. Volumes and segmentations stay, and every node of others."""
    scene = node.GetScene()
    if scene is None or not isReview(node):
        return
    for one in [*ownedBy(node), node]:
        removeNode(one)
    removeEmptyFolders(scene)


def _referenced(node, role: str) -> list:
    nodes = [node.GetNthNodeReference(role, number) for number in range(node.GetNumberOfNodeReferences(role))]
    return [one for one in nodes if one is not None]
