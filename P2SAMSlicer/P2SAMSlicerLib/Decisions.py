"""A person's decision on the current slice, or on the rest of its visit."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from .Attempt import attempt
from .Questions import acceptQuestion


class Decisions:
    """Accept, flag and undo, from buttons and keys.

    Parameters
    ----------
    ui : widgets by name, of Review.ui
    logic : Logic
    current, store
        Shared with the Review panel.
    table : SliceTable
        Where one goes on after a decision.
    refresh, tell : callable
        Show the reviews anew; show why something could not be done.
    go : callable(key, source)
        Goes to a slice.
    """

    def __init__(self, ui, logic, current, store, table, refresh, tell, go):
        self.ui, self.logic, self.current, self.store, self.table = ui, logic, current, store, table
        self._refresh, self._tell, self._go = refresh, tell, go
        ui.acceptButton.connect("clicked()", self.accept)
        ui.flagButton.connect("clicked()", self.flag)
        ui.clearButton.connect("clicked()", self.undo)
        ui.acceptVisitButton.connect("clicked()", self.acceptVisit)

    @property
    def reviewer(self) -> str:
        return self.ui.reviewerLineEdit.text.strip()

    def accept(self) -> None:
        """Sign the slice; a name is needed for that, and every session asks for it anew."""
        if self._hasName():
            self._settle(self.logic.acceptSlice)

    def flag(self) -> None:
        self._settle(self.logic.flagSlice)

    def undo(self) -> None:
        """The slice is "not reviewed" again."""
        node, structure, index = self.current.node, self.current.structure, self.current.index
        if node is not None:
            attempt(lambda: self.logic.clearStatus(node, structure, index), self._tell)
            self._refresh()

    def acceptVisit(self) -> None:
        """Accept what nobody flagged, after a question that counts it."""
        node = self.current.node
        review = self.store.review(node)
        if review is None:
            return
        if self._hasName() and slicer.util.confirmOkCancelDisplay(acceptQuestion(review, self.reviewer)):
            attempt(lambda: self.logic.acceptVisit(node, reviewer=self.reviewer), self._tell)
            self._refresh()

    def _hasName(self) -> bool:
        if not self.reviewer:
            self._tell(_("Give your name under Reviewer first: an accepted slice says who accepted it."))
            self.ui.reviewerLineEdit.setFocus()
        return bool(self.reviewer)

    def _settle(self, verb) -> None:
        key, node, structure, index = self.current.key, self.current.node, self.current.structure, self.current.index
        if node is None:
            return
        after = self.table.neighbour(key, 1)
        note = self.ui.noteLineEdit.text.strip()
        if not attempt(lambda: verb(node, structure, index, reviewer=self.reviewer, note=note), self._tell):
            return
        self._refresh()
        onward = self.table.nextUnreviewed(key) if key in self.table.keys else after
        if onward is not None:
            self._go(onward, "step")
