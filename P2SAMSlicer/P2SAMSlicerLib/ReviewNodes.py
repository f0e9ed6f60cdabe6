"""The nodes that a visit's review refers to, by name."""

from __future__ import annotations

from . import MRMLReview

LABELMAP = "Binary labelmap"
FILL = 0.12
"""Opacity inside contours while slices are reviewed: the image must be seen."""


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

    def limitDisplays(self, guard, followupView: str, priorView: str, priorSegmentIds=()) -> None:
        """Each contour and each point into the view it belongs to; those of other visits into none. Of the prior only what was propagated."""
        mine = {self.segmentation: followupView, self.priorSegmentation: priorView}
        for other in MRMLReview.findAll(self.node.GetScene()):
            segmentation = MRMLReview.reference(other, "segmentation")
            if segmentation not in mine:
                mine[segmentation] = None
        for segmentation, view in mine.items():
            if segmentation is not None:
                guard.show(segmentation.GetDisplayNode(), (view,) if view else (), FILL)
        prior = self.priorSegmentation
        if prior is not None:
            segmentation = prior.GetSegmentation()
            every = [segmentation.GetNthSegmentID(place) for place in range(segmentation.GetNumberOfSegments())]
            guard.showSegments(prior.GetDisplayNode(), every, set(priorSegmentIds) & set(every) or every)
        for one in self.allLists():
            guard.show(one.GetDisplayNode(), (followupView,))
