"""Parts 5 to 7 of the panel, made and tied together: Review, Correct, Report."""

from __future__ import annotations

from .CorrectPanel import CorrectPanel
from .CurrentSlice import CurrentSlice
from .Layout import ReviewLayout
from .ReportPanel import ReportPanel
from .ReviewPanel import ReviewPanel
from .ReviewStore import ReviewStore
from .VisitNotes import VisitNotes


class ReviewPanels:
    """The three panels share the current slice, the reviews that were read, and the views.

    Parameters
    ----------
    ui : widgets by name, of Review.ui
    logic : Logic

    Attributes
    ----------
    review, correct, report
        The panels. Set `correct.startRun` and `correct.onUsePrior` to tie them to parts 4 and 1.
    """

    def __init__(self, ui, logic):
        self.ui = ui
        self.current = CurrentSlice()
        self.store = ReviewStore(logic.scene)
        self.layout = ReviewLayout(self.current, logic.scene)
        self.review = ReviewPanel(ui, logic, self.current, self.store, self.layout)
        self.notes = VisitNotes(ui.visitNotesLabel, self.review.visits, self.store)
        self.correct = CorrectPanel(ui, logic, self.current, self.store)
        self.report = ReportPanel(ui, logic, self.current, self.store)
        self._parameterNode = None
        self._guiTag = None

    @property
    def panels(self) -> tuple:
        return self.review, self.correct, self.report

    def setParameterNode(self, parameterNode) -> None:
        """Tie the fields of Review.ui to a parameter node; None ties them to nothing."""
        if self._parameterNode is not None and self._guiTag is not None:
            self._parameterNode.disconnectGui(self._guiTag)
            self._guiTag = None
        self._parameterNode = parameterNode
        if parameterNode is not None:
            self._guiTag = parameterNode.connectGui(self.ui)
        for panel in self.panels:
            panel.setParameterNode(parameterNode)

    def refresh(self) -> None:
        for panel in self.panels:
            panel.refresh()

    def enter(self) -> None:
        for panel in self.panels:
            panel.enter()
        self.review.views.enter()

    def exit(self) -> None:
        for panel in self.panels:
            panel.exit()
        self.review.views.exit()

    def showVisit(self, node) -> None:
        """After a run: list the visit and go to its worst slice."""
        self.review.showVisit(node)
        self.follow()

    def follow(self) -> None:
        """Bring the views to the current slice where nothing has: a run had them, and it may be the slice that was current before."""
        if self.current.isSet and not self.layout.isFollowing:
            self.review.views.open()
            self.review.views.follow()

    def cleanup(self) -> None:
        self.setParameterNode(None)
        self.notes.cleanup()
        for panel in reversed(self.panels):
            panel.cleanup()
