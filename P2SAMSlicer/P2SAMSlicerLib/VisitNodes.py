"""The nodes of a visit: made once the first slice is there, found again later, kept up to date with the review."""

from __future__ import annotations

import slicer
from p2sam.errors import InputError
from slicer.i18n import tr as _

from . import MRMLReview
from .MRMLPrompts import createLists, fill, replaceSlice
from .MRMLSegmentations import addSegment, createResult
from .MRMLSegmentStatus import tagOf
from .MRMLTables import distanceChart, reportTable

INTO = "P2SAM.Into"
"""Attribute of a review whose result lies in a segmentation that the user chose."""
TRANSFORM = "P2SAM.transform"
"""Role of the reference to a transform that was given in place of an alignment."""


def makeSegments(scene, case, review, into, action):
    """The segmentation of a new visit with an empty segment for each structure, named and coloured as in the prior.

    Parameters
    ----------
    into : vtkMRMLSegmentationNode or None
        The user's own choice; None makes a new one.

    Returns
    -------
    vtkMRMLSegmentationNode
        Each structure of `review` knows its segment from now on.
    """
    node = into if into is not None else createResult(scene, case.followup)
    prior = case.priorSegmentation.GetSegmentation()
    ids = {prior.GetSegment(one).GetName(): one for one in case.segmentIds if prior.GetSegment(one) is not None}
    for structure in review.structures:
        structure.priorSegmentId = ids.get(structure.name, "")
        segment = prior.GetSegment(structure.priorSegmentId)
        color, terminology = (segment.GetColor(), tagOf(segment, slicer.vtkSegment.GetTerminologyEntryTagName())) if segment is not None else (None, None)
        structure.segmentId = addSegment(
            node, case.followup, structure.name, structure.priorSegmentId, color, terminology, action if into is not None else None
        )
    return node


def makeReview(scene, case, review, segmentationNode, into):
    """The review node of a new visit, which refers to everything that belongs to the visit."""
    node = MRMLReview.save(scene, None, review, case.followup)
    MRMLReview.setReferences(node, segmentation=segmentationNode, priorVolume=case.priorVolume, priorSegmentation=case.priorSegmentation)
    if into is not None:
        node.SetAttribute(INTO, "1")
    if case.transform is not None and not isinstance(case.transform, str):
        node.SetNodeReferenceID(TRANSFORM, case.transform.GetID())
    return node


def showPoints(scene, reviewNode, review, replaced: dict):
    """Generator: put the points of the slices that were drawn anew into the lists, a structure a step.

    Parameters
    ----------
    replaced : dict of str to set of int
        Structure name -> the slices whose points are exchanged; those of other slices stay.
    """
    followup = MRMLReview.reference(reviewNode, "followup")
    lists = MRMLReview.listsOf(reviewNode)
    for structure in review.structures:
        points = [{"index": index, "points": one.points} for index, one in sorted(structure.slices.items())]
        if structure.name not in lists:
            lists[structure.name] = createLists(scene, followup, structure.name, review.sliceAxis)
            fill(lists[structure.name], points)
        else:
            for one in [one for one in points if one["index"] in replaced.get(structure.name, ())]:
                replaceSlice(lists[structure.name], one["index"], one["points"], followup, review.sliceAxis)
                yield None
            for index in sorted(replaced.get(structure.name, set()) - set(structure.slices)):
                replaceSlice(lists[structure.name], index, (), followup, review.sliceAxis)
        yield None
    MRMLReview.setLists(reviewNode, lists, review.names)


def refreshTables(scene, reviewNode, review, chart: bool = True) -> None:
    """Renew the report table, and the chart of distances where they changed."""
    followup = MRMLReview.reference(reviewNode, "followup")
    table = reportTable(scene, review, MRMLReview.reference(reviewNode, "table"), followup)
    MRMLReview.setReferences(reviewNode, table=table)
    if chart:
        node, _series = distanceChart(scene, review, MRMLReview.reference(reviewNode, "chart"), followup)
        MRMLReview.setReferences(reviewNode, chart=node)


def needed(reviewNode, name: str):
    """A node that the visit cannot do without.

    Raises
    ------
    InputError
        It is gone from the scene.
    """
    node = MRMLReview.reference(reviewNode, name)
    if node is None:
        titles = {
            "followup": _("follow-up volume"),
            "segmentation": _("result segmentation"),
            "priorVolume": _("prior volume"),
            "priorSegmentation": _("prior segmentation"),
        }
        text = _("The {what} of '{review}' is not in the scene any more. Load it again, or propagate the visit anew.")
        raise InputError(text.format(what=titles[name], review=reviewNode.GetName()))
    return node


def isInto(reviewNode) -> bool:
    return reviewNode.GetAttribute(INTO) == "1"


def editorOf(scene):
    """The parameters of the Segment Editor, whose masking and overwrite mode count; None where it was never opened."""
    return scene.GetFirstNodeByClass("vtkMRMLSegmentEditorNode")
