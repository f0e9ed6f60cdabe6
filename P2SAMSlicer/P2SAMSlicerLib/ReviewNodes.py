"""The nodes that a visit's review refers to, by name."""

from __future__ import annotations

from . import MRMLReview
from .MRMLDisplays import HIDDEN, Look

LABELMAP = "Binary labelmap"
FILL = 0.12
"""Opacity inside contours while slices are reviewed: the image must be seen."""
FADED = 0.35
"""Opacity of points from which the contour was not drawn."""


class ReviewNodes:
    """Looked up each time, so that a node that was deleted is None and not a ghost.

    Parameters
    ----------
    node : vtkMRMLTextNode
        Of the review.
    """

    def __init__(self, node):
        self.node = node

    @property
    def followup(self):
        return MRMLReview.reference(self.node, "followup")

    @property
    def segmentation(self):
        return MRMLReview.reference(self.node, "segmentation")

    @property
    def prior(self):
        return MRMLReview.reference(self.node, "priorVolume")

    @property
    def priorSegmentation(self):
        return MRMLReview.reference(self.node, "priorSegmentation")

    @property
    def chart(self):
        return MRMLReview.reference(self.node, "chart")

    @property
    def drawn(self) -> int:
        """A number that grows whenever voxels of the result change."""
        if self.segmentation is None:
            return 0
        segmentation = self.segmentation.GetSegmentation()
        segments = [segmentation.GetNthSegment(place) for place in range(segmentation.GetNumberOfSegments())]
        images = [segment.GetRepresentation(LABELMAP) for segment in segments]
        return max((image.GetMTime() for image in images if image is not None), default=0)

    def lists(self, structure: str) -> tuple:
        """(positive, negative) fiducial lists of a structure; empty where they are gone."""
        return MRMLReview.listsOf(self.node).get(structure, ())

    def allLists(self) -> list:
        """Every point list of the visit that is there."""
        return [one for pair in MRMLReview.listsOf(self.node).values() for one in pair]

    def color(self, segmentId: str) -> tuple | None:
        """(r, g, b) from 0 to 1 of a structure's segment."""
        segment = self.segmentation.GetSegmentation().GetSegment(segmentId) if self.segmentation is not None else None
        return tuple(segment.GetColor()) if segment is not None else None

    def looks(self, followupView: str | None = None, priorView: str | None = None, faded: bool = False) -> dict:
        """Display node -> Look while this visit is followed: contours and points lie on the CT they belong to, and on no other.

        Parameters
        ----------
        followupView, priorView : str or None
            Ids of the two views of the review layout. None: all views show the follow-up, so that the prior's contours are hidden as well.
        faded : bool
            Whether the points were not used for the contour.
        """
        every = [ReviewNodes(node) for node in MRMLReview.findAll(self.node.GetScene())]
        looks = {one: HIDDEN for each in every for one in (each.segmentation, each.priorSegmentation, *each.allLists())}
        isAlone = followupView is None
        looks[self.segmentation] = Look() if isAlone else Look((followupView,), FILL)
        if not isAlone and self.priorSegmentation is not None:
            looks[self.priorSegmentation] = Look((priorView,), FILL)
        for one in self.allLists():
            looks[one] = Look(None if isAlone else (followupView,), opacity=FADED if faded else None)
        return {one.GetDisplayNode(): look for one, look in looks.items() if one is not None}

    def priorSegments(self, wanted) -> tuple:
        """(all segment ids of the prior, those of `wanted` that it has; all where it has none of them)."""
        if self.priorSegmentation is None:
            return (), ()
        segmentation = self.priorSegmentation.GetSegmentation()
        every, wanted = tuple(segmentation.GetNthSegmentID(place) for place in range(segmentation.GetNumberOfSegments())), set(wanted)
        return every, tuple(one for one in every if one in wanted) or every
