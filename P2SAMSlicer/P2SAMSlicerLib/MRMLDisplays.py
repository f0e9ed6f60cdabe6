"""What is shown in which view while slices are reviewed, and everything put back as it was afterwards."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """How a display node is shown while it is limited; None leaves what was found.

    Attributes
    ----------
    views : tuple of str or None
        Ids of the view nodes that show it; empty hides it from every slice view.
    fill : float or None
        For a segmentation: how opaque the inside of the contours is, so that the image can be seen through.
    opacity : float or None
        Of all of it.
    """

    views: tuple | None = None
    fill: float | None = None
    opacity: float | None = None

    def on(self, found: tuple) -> tuple:
        """The state that was found, with this look."""
        views, visible, fill, opacity = found
        return (
            self.views or views,
            0 if self.views == () else visible,
            fill if self.fill is None else self.fill,
            opacity if self.opacity is None else self.opacity,
        )


HIDDEN = Look(())


class DisplayGuard:
    """Limits display nodes to certain views and gives them back their own settings.

    The contour of the follow-up belongs into the follow-up's view and the prior's into the prior's: where both visits share
    a frame of reference, each would else be drawn over the other. The settings found are kept here and put back by `restore`,
    also around saving, so that a saved scene opens in any layout with everything visible.
    """

    def __init__(self):
        self._found: dict = {}
        self._wanted: dict = {}
        self._hidden: dict = {}

    def limit(self, looks: dict) -> None:
        """Limit these display nodes, and give back every other one that was limited.

        Parameters
        ----------
        looks : dict of vtkMRMLDisplayNode to Look
            A look that a node has already is not put on again, and one that limits nothing not at all: what a person changes stays.
        """
        looks = {displayNode: look for displayNode, look in looks.items() if displayNode is not None and look != Look()}
        for displayNode in [one for one in self._found if one not in looks]:
            _setState(displayNode, self._found.pop(displayNode))
            del self._wanted[displayNode]
        for displayNode, look in looks.items():
            if displayNode not in self._found:
                self._found[displayNode] = _stateOf(displayNode)
            wanted = look.on(self._found[displayNode])
            if self._wanted.get(displayNode) != wanted:
                self._wanted[displayNode] = wanted
                _setState(displayNode, wanted)

    def showSegments(self, displayNode, every, segmentIds) -> None:
        """Of a segmentation's visible segments draw only these in slice views; one that a person hid stays hidden.

        Parameters
        ----------
        every : iterable of str
            All that the segmentation has.
        segmentIds : iterable of str
            What is drawn.
        """
        if displayNode is None:
            return
        wanted = set(segmentIds)
        _setDrawn(displayNode, self._hidden.pop(displayNode, {}))
        states = {one: _drawnOf(displayNode, one) for one in every if one not in wanted}
        self._hidden[displayNode] = {one: state for one, state in states.items() if any(state)}
        _setDrawn(displayNode, dict.fromkeys(self._hidden[displayNode], (False, False)))

    def restore(self) -> None:
        """Everything as it was found; what was asked for since is forgotten."""
        self.release()
        self._found.clear()
        self._wanted.clear()
        self._hidden.clear()

    def release(self) -> None:
        """As it was found, for a moment (`resume` limits again)."""
        for displayNode, state in self._found.items():
            _setState(displayNode, state)
        for displayNode, states in self._hidden.items():
            _setDrawn(displayNode, states)

    def resume(self) -> None:
        for displayNode, state in self._wanted.items():
            _setState(displayNode, state)
        for displayNode, states in self._hidden.items():
            _setDrawn(displayNode, dict.fromkeys(states, (False, False)))


def freeFrom(displayNodes, viewIds) -> None:
    """Show nodes everywhere that are limited to views of ours alone, as in a scene that was saved by a script during a review."""
    for displayNode in displayNodes:
        limits = set(displayNode.GetViewNodeIDs()) if displayNode is not None else set()
        if limits and limits <= set(viewIds):
            displayNode.RemoveAllViewNodeIDs()


def _stateOf(displayNode) -> tuple:
    """(ids of the views it is shown in, visible in slices, opacity of the inside or None where it has none, opacity)."""
    fill = displayNode.GetOpacity2DFill() if hasattr(displayNode, "GetOpacity2DFill") else None
    return tuple(displayNode.GetViewNodeIDs()), displayNode.GetVisibility2D(), fill, displayNode.GetOpacity()


def _setState(displayNode, state: tuple) -> None:
    if _stateOf(displayNode) == state:
        return
    viewIds, visible, fill, opacity = state
    wasModifying = displayNode.StartModify()
    displayNode.RemoveAllViewNodeIDs()
    for viewId in viewIds:
        displayNode.AddViewNodeID(viewId)
    displayNode.SetVisibility2D(visible)
    if fill is not None:
        displayNode.SetOpacity2DFill(fill)
    displayNode.SetOpacity(opacity)
    displayNode.EndModify(wasModifying)


def _drawnOf(displayNode, segmentId: str) -> tuple:
    """(outline, inside): whether a segment's are drawn in slice views."""
    return displayNode.GetSegmentVisibility2DOutline(segmentId), displayNode.GetSegmentVisibility2DFill(segmentId)


def _setDrawn(displayNode, states: dict) -> None:
    """Segment id -> (outline, inside); a segment that is gone meanwhile is passed over."""
    segmentation = displayNode.GetDisplayableNode() and displayNode.GetDisplayableNode().GetSegmentation()
    if not states or segmentation is None:
        return
    wasModifying = displayNode.StartModify()
    for segmentId, (outline, fill) in states.items():
        if segmentation.GetSegment(segmentId) is not None:
            displayNode.SetSegmentVisibility2DOutline(segmentId, outline)
            displayNode.SetSegmentVisibility2DFill(segmentId, fill)
    displayNode.EndModify(wasModifying)
