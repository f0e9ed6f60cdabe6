"""Propagate again from what was accepted and edited, all of the visit or a range of it; and the visit as the next prior."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from .Attempt import attempt
from .ReviewNodes import ReviewNodes

LOOK_AGAIN_MS = 300
"""How often it is looked whether a run that goes on has ended."""


class Again:
    """The lower half of Correct.

    Parameters
    ----------
    ui : widgets by name, of Review.ui
    logic : Logic
    current, store
        Shared with the Review panel.
    tell : callable(sentence)
        Shows why something could not be done.

    Attributes
    ----------
    startRun : callable(begin) or None
        Runs `begin(observer) -> Run` with the progress and the Cancel of part 4; None waits for the run.
    onUsePrior : callable(volume, segmentation)
        Puts the visit into the fields of part 1.
    """

    def __init__(self, ui, logic, current, store, tell):
        self.ui = ui
        self.logic = logic
        self.current = current
        self.store = store
        self.startRun = None
        self.onUsePrior = lambda volume, segmentation: None
        self._tell = tell
        self._limits = None
        self._later = qt.QTimer()
        self._later.setSingleShot(True)
        self._later.setInterval(LOOK_AGAIN_MS)
        self._later.connect("timeout()", self.refresh)
        ui.propagateAgainButton.connect("clicked()", self.propagateAgain)
        ui.rangeCheckBox.connect("toggled(bool)", lambda _on: self.refresh())
        for box in (ui.firstSliceSpinBox, ui.lastSliceSpinBox):
            box.connect("valueChanged(int)", lambda _value: self.refresh())
        ui.useAsPriorButton.connect("clicked()", self.useAsPrior)

    @property
    def slices(self) -> tuple | None:
        """(first, last) as chosen; None for all."""
        ui = self.ui
        return (ui.firstSliceSpinBox.value, ui.lastSliceSpinBox.value) if ui.rangeCheckBox.checked else None

    def whyNot(self) -> str | None:
        """Why nothing can be propagated again now."""
        chosen = self.slices
        if self.store.review(self.current.node) is None:
            return _("Propagate a visit first.")
        if self.logic.running:
            return _("A run is going on.")
        if chosen is not None and chosen[0] > chosen[1]:
            return _("The first slice ({first}) lies after the last ({last}).").format(first=chosen[0], last=chosen[1])
        return None

    def propagateAgain(self) -> None:
        """Draw what was neither accepted nor edited again."""
        node, slices = self.current.node, self.slices

        def begin(observer):
            return self.logic.propagateAgain(node, slices=slices, wait=False, observer=observer)

        if self.whyNot() is not None:
            return
        if self.startRun is not None:
            self.startRun(begin)
        else:
            attempt(lambda: self.logic.propagateAgain(node, slices=slices, wait=True), self._tell)
        self.refresh()

    def useAsPrior(self) -> None:
        node = self.current.node
        if node is not None:
            attempt(lambda: self.onUsePrior(*self.logic.useAsPrior(node)), self._tell)

    def refresh(self) -> None:
        ui, review, reason = self.ui, self.store.review(self.current.node), self.whyNot()
        self._limit(review)
        if self.logic.running:
            self._later.start()
        for widget in (ui.firstSliceSpinBox, ui.toLabel, ui.lastSliceSpinBox):
            widget.setEnabled(ui.rangeCheckBox.checked and review is not None)
        ui.propagateAgainButton.setEnabled(reason is None)
        ui.propagateAgainButton.setToolTip(reason or _("Draw the other slices again from what was accepted and edited"))
        kept = sum(one.isSettled for structure in review.structures for one in structure.slices.values()) if review is not None else 0
        ui.againLabel.setText(reason or _("{count} accepted or edited slices are kept as they are and used as the nearest priors of the rest.").format(count=kept))
        ui.useAsPriorButton.setEnabled(review is not None and ReviewNodes(self.current.node).segmentation is not None)

    def cleanup(self) -> None:
        self._later.stop()

    def _limit(self, review) -> None:
        """A visit's slices are the limits; another visit starts with all of them."""
        slices = [index for structure in review.structures for index in structure.slices] if review is not None else []
        limits = (self.current.node.GetID(), min(slices), max(slices)) if slices else None
        if limits is None or limits == self._limits:
            return
        self._limits = limits
        for box, value in ((self.ui.firstSliceSpinBox, limits[1]), (self.ui.lastSliceSpinBox, limits[2])):
            blocked = box.blockSignals(True)
            box.setRange(limits[1], limits[2])
            box.setValue(value)
            box.blockSignals(blocked)
