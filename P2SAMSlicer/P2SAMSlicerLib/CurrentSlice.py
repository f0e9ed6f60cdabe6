"""The slice a person is at, shared by Review, Correct and the views: which visit, which structure, which slice."""

from __future__ import annotations

from collections.abc import Callable


class CurrentSlice:
    """Holds (review node, structure name, slice index) and tells those who asked when it changes.

    Attributes
    ----------
    node : vtkMRMLTextNode or None
        The visit's review.
    structure : str or None
    index : int or None
        The follow-up's own slice number. All three are None where nothing is chosen.
    """

    def __init__(self):
        self.node = None
        self.structure = None
        self.index = None
        self._listeners: list[Callable] = []
        self._telling = False

    @property
    def isSet(self) -> bool:
        return self.node is not None

    @property
    def key(self) -> tuple:
        """(node id, structure, index), to find a row by."""
        return (self.node.GetID() if self.node is not None else None, self.structure, self.index)

    def listen(self, listener: Callable[[str], None]) -> None:
        """Call `listener(source)` after every change; `source` is what `set` was told."""
        self._listeners.append(listener)

    def set(self, node, structure: str | None, index: int | None, source: str = "") -> bool:
        """Go to a slice.

        Parameters
        ----------
        source : str
            Who moved: "table", "view", "chart", "" otherwise. Listeners use it so as not to move what moved them.

        Returns
        -------
        bool
            False where this is the slice already, or where a listener asks in the middle of a change.
        """
        if self._telling or (node is self.node and structure == self.structure and index == self.index):
            return False
        self.node, self.structure, self.index = node, structure, index
        self._telling = True
        try:
            for listener in list(self._listeners):
                listener(source)
        finally:
            self._telling = False
        return True

    def clear(self) -> None:
        """Nothing is chosen any more, as after closing the scene."""
        self.set(None, None, None)
