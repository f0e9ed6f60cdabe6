"""One thing a person did, which one step of undo takes back."""

from __future__ import annotations

from collections.abc import Callable


class UserAction:
    """Calls a hook before the first change that an action makes to a segmentation, and not again.

    Parameters
    ----------
    saveState : callable, optional
        `saveState(segmentationNode)` keeps the present state, as the Segment Editor's own undo does. Nothing by default.
    """

    def __init__(self, saveState: Callable | None = None):
        self._saveState = saveState
        self._saved: list = []

    def changes(self, segmentationNode) -> None:
        """To be called before every change; the hook is called the first time for each segmentation."""
        if any(node is segmentationNode for node in self._saved):
            return
        self._saved.append(segmentationNode)
        if self._saveState:
            self._saveState(segmentationNode)
