"""Panel part 5, Review: the slices that need a look first, the views beside each other, and the person's decision."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from .CurrentSlice import CurrentSlice
from .Decisions import Decisions
from .Keys import ACCEPT, FLAG, NEXT, PREVIOUS, Keys
from .Layout import ReviewLayout
from .ReviewNodes import ReviewNodes
from .ReviewRows import worstFirst
from .ReviewStore import ReviewStore
from .ReviewViews import ReviewViews
from .SliceDetails import slicePage
from .SliceReview import FLAGGED, NOT_REVIEWED
from .SliceTable import SliceTable
from .VisitChoice import VisitChoice


class ReviewPanel:
    """The review table and what belongs to the chosen row.

    Parameters
    ----------
    ui : widgets by name, of Review.ui
    logic : Logic
    current, store, layout
        Shared with the other panels; None makes them.
    """

    def __init__(self, ui, logic, current=None, store=None, layout=None):
        self.ui = ui
        self.logic = logic
        self.current = current or CurrentSlice()
        self.store = store or ReviewStore(logic.scene)
        self.visits = VisitChoice(ui.visitComboBox, self.store, self._onFilter)
        self.table = SliceTable(ui.sliceTable, self._onRow)
        self.views = ReviewViews(ui, layout or ReviewLayout(self.current, logic.scene), self.current, self.store, self.tell)
        self.keys = Keys(ui.reviewCollapsibleButton, {PREVIOUS: ui.previousButton, NEXT: ui.nextButton, ACCEPT: ui.acceptButton, FLAG: ui.flagButton})
        self.decisions = Decisions(ui, logic, self.current, self.store, self.table, self.refresh, self.tell, self._go)
        self._parameterNode = None
        self._rows = []
        self._error = ""
        self._entered = False
        self._gather = qt.QTimer()
        self._gather.setSingleShot(True)
        self._gather.setInterval(0)
        self._gather.connect("timeout()", self.refresh)
        self.store.listen(self._gather.start)
        self.current.listen(self._onCurrent)
        self._connect()
        self.refresh()

    def _connect(self) -> None:
        ui = self.ui
        for box in (ui.onlyFlaggedCheckBox, ui.notReviewedCheckBox):
            box.connect("toggled(bool)", lambda _on: self._onFilter())
        ui.reviewCollapsibleButton.connect("contentsCollapsed(bool)", lambda _collapsed: self._rouseKeys())
        ui.previousButton.connect("clicked()", lambda: self.step(-1))
        ui.nextButton.connect("clicked()", lambda: self.step(1))

    # what the widget calls

    def setParameterNode(self, parameterNode) -> None:
        self._parameterNode = parameterNode
        self.refresh()
        node = parameterNode.review if parameterNode is not None else None
        review = self.store.review(node)
        if review is not None and parameterNode.currentStructure in review.names:
            self.current.set(node, parameterNode.currentStructure, parameterNode.currentSlice, "restored")

    def enter(self) -> None:
        self._entered = True
        self._rouseKeys()

    def exit(self) -> None:
        self._entered = False
        self._rouseKeys()

    def _rouseKeys(self) -> None:
        """Keys decide only what is seen."""
        self.keys.setActive(self._entered and not self.ui.reviewCollapsibleButton.collapsed)

    def cleanup(self) -> None:
        self._gather.stop()
        for one in (self.keys, self.table, self.views, self.store):
            one.cleanup()

    def refresh(self) -> None:
        """Show the scene's reviews as they are now."""
        if self.current.isSet and self.store.review(self.current.node) is None:
            self.current.clear()
        self.visits.refresh()
        self._fillTable()
        if self.table.selected != self.current.key:  # a slice drawn again may stand elsewhere now
            self.table.select(self.current.key)
        self._showCurrent()

    def showVisit(self, node) -> None:
        """List a visit and go to its worst slice."""
        self.refresh()
        self.visits.choose(node)
        self.ui.reviewCollapsibleButton.collapsed = False
        key = next((key for key in self.table.keys if key[0] == node.GetID()), None)
        if key is not None:
            self._go(key, "shown")

    # the person's verbs, also for scripts and tests

    def select(self, node, structure: str, index: int) -> None:
        """Go to a slice as if its row had been clicked."""
        self._go((node.GetID(), structure, index), "table")
        self.table.select(self.current.key)

    def step(self, by: int) -> None:
        """Next (1) or previous (-1) row."""
        key = self.table.neighbour(self.current.key, by)
        if key is not None:
            self._go(key, "step")

    def tell(self, sentence: str) -> None:
        """Show what went wrong, above the buttons, until the next move."""
        self._error = sentence
        self._showCurrent()

    # filling

    def _fillTable(self) -> None:
        nodes = self.visits.nodes
        reviews = {id(self.store.review(node)): node for node in nodes}
        rows = worstFirst([self.store.review(node) for node in nodes])
        done = sum(row.slice.status != NOT_REVIEWED for row in rows)
        self.ui.progressLabel.setText(_("{done} of {count} reviewed").format(done=done, count=len(rows)) if rows else "")
        self._rows = [row for row in rows if self._isListed(row)]
        keys = [(reviews[id(row.review)].GetID(), row.structure, row.slice.index) for row in self._rows]
        self.table.show(self._rows, keys, self._colors(nodes), len(nodes) > 1)

    def _isListed(self, row) -> bool:
        if self.ui.onlyFlaggedCheckBox.checked and not row.slice.flags and row.slice.status != FLAGGED:
            return False
        return not (self.ui.notReviewedCheckBox.checked and row.slice.status != NOT_REVIEWED)

    def _colors(self, nodes) -> dict:
        colors = {}
        for node in nodes:
            for structure in self.store.review(node).structures:
                color = ReviewNodes(node).color(structure.segmentId)
                if color is not None:
                    colors[node.GetID(), structure.name] = color
        return colors

    # the current slice

    def _go(self, key, source: str) -> None:
        self._error = ""
        node = self.logic.scene.GetNodeByID(key[0])
        self.views.open()
        self.current.set(node, key[1], key[2], source)

    def _onRow(self, key) -> None:
        self._go(key, "table")

    def _onCurrent(self, source: str) -> None:
        self._error = ""
        if source != "table":
            self.table.select(self.current.key)
        if self.current.isSet:
            if source != "view":
                self.views.follow()
            self._remember()
        self._showCurrent()
        self.views.chart.refresh()

    def _remember(self) -> None:
        if self._parameterNode is not None:
            node = self._parameterNode.parameterNode
            wasModifying = node.StartModify()
            self._parameterNode.review = self.current.node
            self._parameterNode.currentStructure = self.current.structure
            self._parameterNode.currentSlice = self.current.index
            node.EndModify(wasModifying)

    def _row(self):
        """The review row of the current slice, listed or not; None where nothing was drawn there."""
        review = self.store.review(self.current.node)
        if review is None or self.current.structure not in review.names:
            return None
        rows = worstFirst([review])
        return next((row for row in rows if (row.structure, row.slice.index) == (self.current.structure, self.current.index)), None)

    def _showCurrent(self) -> None:
        row, ui = self._row(), self.ui
        for button in (ui.acceptButton, ui.flagButton):
            button.setEnabled(row is not None)
        ui.clearButton.setEnabled(row is not None and row.slice.status != NOT_REVIEWED)
        ui.acceptVisitButton.setEnabled(self.current.isSet)
        for button, by in ((ui.previousButton, -1), (ui.nextButton, 1)):
            button.setEnabled(self.table.neighbour(self.current.key, by) is not None)
        problem = self._error or " ".join(self.store.problems.values())
        ui.detailLabel.setText(slicePage(row, self.current, self._priorIndex(row), problem))
        if row is not None and not ui.noteLineEdit.hasFocus():
            ui.noteLineEdit.setText(row.slice.note)

    def _priorIndex(self, row):
        if row is None:
            return None
        return self.views.priorIndex if row.slice.referenceIndex is None else row.slice.referenceIndex

    # slots

    def _onFilter(self) -> None:
        self._fillTable()
        self.table.select(self.current.key)
        self._showCurrent()
