"""The points of one slice as a person edits them: what changed, and taking one away."""

from __future__ import annotations

from contextlib import contextmanager

import slicer

from . import MRMLPrompts

CHANGES = ("PointModifiedEvent", "PointPositionDefinedEvent", "PointRemovedEvent")
DRAG_BEGINS, DRAG_ENDS = "PointStartInteractionEvent", "PointEndInteractionEvent"
SAME_MM = 1e-3


class PointEdits:
    """Watches the two lists of a structure and tells when the points of one slice are others than before.

    Parameters
    ----------
    onChanged : callable()
        Called once for each change of position or number; while a point is dragged, when it is let go.
    """

    def __init__(self, onChanged):
        self._onChanged = onChanged
        self._tags = []
        self._dragging = False
        self._isQuiet = False
        self._known = None
        self._settled = []
        self.lists = ()
        self.volume = None
        self.sliceAxis = 0
        self.index = None

    def watch(self, lists, volume, sliceAxis: int, index: int | None) -> None:
        """Look at the points of a slice; what is there now is the starting point."""
        if tuple(lists) != tuple(self.lists):
            self.stop()
            self.lists = tuple(lists)
            for node in self.lists:
                self._observe(node)
        self.volume, self.sliceAxis, self.index = volume, sliceAxis, index
        self.settle()

    def stop(self) -> None:
        for node, tag in self._tags:
            node.RemoveObserver(tag)
        self._tags, self.lists, self._known, self._dragging = [], (), None, False

    @contextmanager
    def quiet(self):
        """What happens to the points inside is not a person's doing and is not told."""
        self._isQuiet = True
        try:
            yield
        finally:
            self._isQuiet = False
            self.settle()

    def settle(self) -> None:
        """Take the present points as known: the change was ours, or has been dealt with."""
        self._settled = self.points()
        self._known = self._places()

    def takeBack(self) -> None:
        """Put the points of the slice back to where they were last settled."""
        with self.quiet():
            MRMLPrompts.replaceSlice(self.lists, self.index, self._settled, self.volume, self.sliceAxis)

    def points(self) -> list:
        """The points of the slice: `{label, part, similarity, ras}` each, positive ones first."""
        if not self.lists or self.volume is None or self.index is None:
            return []
        return MRMLPrompts.pointsOfSlice(self.lists, self.volume, self.sliceAxis, self.index)

    def remove(self, point: dict) -> bool:
        """Take a point of `points` away; False where it has gone already."""
        for node in self.lists:
            if MRMLPrompts.labelOf(node) != point["label"]:
                continue
            for row in range(node.GetNumberOfControlPoints()):
                place = node.GetNthControlPointPositionWorld(row)
                if all(abs(one - other) < SAME_MM for one, other in zip(place, point["ras"])):
                    node.RemoveNthControlPoint(row)
                    return True
        return False

    def _observe(self, node) -> None:
        kind = slicer.vtkMRMLMarkupsNode
        for name in CHANGES:
            self._tags.append((node, node.AddObserver(getattr(kind, name), self._onEvent)))
        self._tags.append((node, node.AddObserver(getattr(kind, DRAG_BEGINS), lambda *_: self._setDragging(True))))
        self._tags.append((node, node.AddObserver(getattr(kind, DRAG_ENDS), lambda *_: self._setDragging(False))))

    def _setDragging(self, dragging: bool) -> None:
        self._dragging = dragging
        if not dragging:
            self._onEvent()

    def _onEvent(self, *_arguments) -> None:
        if self._dragging or self._isQuiet:
            return
        places = self._places()
        if places != self._known:
            self._known = places
            self._onChanged()

    def _places(self) -> list:
        return sorted((point["label"], *(round(value, 3) for value in point["ras"])) for point in self.points())
