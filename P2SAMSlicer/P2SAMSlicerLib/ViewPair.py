"""Two slice views kept together: the follow-up's slice and the prior's matched one, the same zoom and pan in both."""

from __future__ import annotations

import math

from .MRMLViews import SliceGeometry, matchedIndex, segmentCentre, setFieldOfView, viewCentre

ROOM, LEAST_MM = 2.2, 110.0
"""The shorter side of a view shows this many times the structure's width, and never less than so many millimetres, for the anatomy around."""


class ViewPair:
    """Follows the current slice and makes it follow the views.

    Parameters
    ----------
    current : CurrentSlice
    """

    def __init__(self, current):
        self._current = current
        self._views = []
        self._tags = []
        self._busy = False
        self._shown = None
        self._geometries = (None, None)
        self._centres = (None, None)
        self._pairs = {}
        self._volumes = (None, None)
        self.priorIndex = None
        """The prior's slice in its view; None where there is none."""
        self.priorBeyond = False
        """Whether the method paired no prior slice here, so that the one shown is the continuation."""

    @property
    def isAttached(self) -> bool:
        return bool(self._views)

    @property
    def viewIds(self) -> tuple:
        """Of the follow-up's and the prior's view; empty where none are attached."""
        return tuple(sliceNode.GetID() for sliceNode, _composite in self._views)

    @property
    def composites(self) -> tuple:
        """The composite nodes of the two views."""
        return tuple(composite for _sliceNode, composite in self._views)

    def attach(self, followup, prior) -> None:
        """Each a (slice node, composite node)."""
        if self._views == [followup, prior]:
            return
        self.detach()
        self._views = [followup, prior]
        for which, (sliceNode, _composite) in enumerate(self._views):
            self._tags.append((sliceNode, sliceNode.AddObserver("ModifiedEvent", lambda *_, one=which: self._onMoved(one))))

    def detach(self) -> None:
        for sliceNode, tag in self._tags:
            sliceNode.RemoveObserver(tag)
        self._views, self._tags, self._shown = [], [], None

    def follow(self, review, nodes, zoom: bool) -> None:
        """Show the current slice: volumes, contours, slices, and the structure in the middle where it is a new one."""
        if not self._views or self._busy:
            return
        structure = review.structure(self._current.structure)
        self._busy = True
        try:
            key = (self._current.node, self._current.structure, nodes.followup, nodes.prior)
            isNew = key != self._shown
            if isNew:
                self._prepare(review, structure, nodes)
                self._shown = key
            self._showSlices(isNew and zoom, structure)
        finally:
            self._busy = False

    def _prepare(self, review, structure, nodes) -> None:
        self._volumes = (nodes.followup, nodes.prior)
        self._geometries = (SliceGeometry(nodes.followup, review.sliceAxis), SliceGeometry(nodes.prior) if nodes.prior is not None else None)
        self._centres = (
            segmentCentre(nodes.segmentation, structure.segmentId),
            segmentCentre(nodes.priorSegmentation, structure.priorSegmentId),
        )
        self._pairs = {index: one.referenceIndex for index, one in structure.slices.items() if one.referenceIndex is not None}
        for volume, (_sliceNode, composite) in zip(self._volumes, self._views):
            if composite is not None:
                composite.SetBackgroundVolumeID(volume.GetID() if volume is not None else None)
                composite.SetForegroundVolumeID(None)
                composite.SetLabelVolumeID(None)

    def _showSlices(self, zoom: bool, structure) -> None:
        followup, prior = self._geometries
        sliceNode = self._views[0][0]
        centre = self._centres[0] if zoom else None
        if centre is None and self._volumeChanged(0):
            centre = followup.centre(followup.count / 2)
        followup.show(sliceNode, self._current.index, centre)
        if zoom:
            width, height = (max(1, one) for one in sliceNode.GetDimensions()[:2])
            setFieldOfView(sliceNode, max(LEAST_MM, ROOM * _widthOf(structure)) * height / min(width, height))
        self.priorIndex = matchedIndex(self._pairs, self._current.index)
        self.priorBeyond = self._current.index not in self._pairs
        if prior is not None and self.priorIndex is not None:
            self.priorIndex = min(max(self.priorIndex, 0), prior.count - 1)
            self._alignPrior()

    def _volumeChanged(self, which: int) -> bool:
        return not self._geometries[which].isParallel(self._views[which][0])

    def _alignPrior(self) -> None:
        """The prior's view: same zoom, and panned as far from its structure as the follow-up's is from its own."""
        self._bring(0, 1, self.priorIndex)

    def _bring(self, source: int, target: int, index: int) -> None:
        here, there = self._geometries[source], self._geometries[target]
        sourceNode, targetNode = self._views[source][0], self._views[target][0]
        fromCentre, toCentre = self._middle(source), self._middle(target)
        moved = viewCentre(sourceNode) - fromCentre
        centre = toCentre + (moved @ here.right) * there.right + (moved @ here.top) * there.top
        there.show(targetNode, index, centre)
        width, height, depth = sourceNode.GetFieldOfView()
        pixels = targetNode.GetDimensions()
        if height > 0 and pixels[1] > 0:
            setFieldOfView(targetNode, height)

    def _middle(self, which: int):
        geometry, centre = self._geometries[which], self._centres[which]
        return geometry.centre(geometry.count / 2) if centre is None else centre

    def _onMoved(self, which: int) -> None:
        """A person scrolled, zoomed or panned one view: bring the other, and the current slice, along."""
        if self._busy or self._shown is None or self._geometries[1 - which] is None or self._geometries[which] is None:
            return
        shown = self._geometries[which].indexShown(self._views[which][0])
        if shown is None:
            return
        self._busy = True
        try:
            index = shown if which == 0 else self._followupIndex(shown)
            if which == 0:
                matched = matchedIndex(self._pairs, shown)
                if matched is not None:
                    self.priorIndex = min(max(matched, 0), self._geometries[1].count - 1)
                    self.priorBeyond = shown not in self._pairs
                    self._bring(0, 1, self.priorIndex)
            elif index is not None:
                self.priorIndex = shown
                self._bring(1, 0, index)
            if index is not None:
                self._current.set(self._current.node, self._current.structure, index, "view")
        finally:
            self._busy = False

    def _followupIndex(self, priorIndex: int) -> int | None:
        """The follow-up slice for a prior slice that a person scrolled to; the current one where it still belongs to it."""
        if self._pairs.get(self._current.index) == priorIndex:
            return self._current.index
        back = {}
        for index, paired in self._pairs.items():
            back.setdefault(paired, index)
        found = matchedIndex(back, priorIndex)
        return None if found is None else min(max(found, 0), self._geometries[0].count - 1)


def _widthOf(structure) -> float:
    """Millimetres across the largest slice, as if it were round."""
    area = max((max(one.areaMm2 or 0, one.priorAreaMm2 or 0) for one in structure.slices.values()), default=0.0)
    return 2 * math.sqrt(area / math.pi)
