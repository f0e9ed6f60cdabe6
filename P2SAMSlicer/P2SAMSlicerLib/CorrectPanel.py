"""Panel part 6, Correct: move, add and delete points, edit by hand, and propagate again from what is right."""

from __future__ import annotations

import html

import qt
import slicer
from slicer.i18n import tr as _

from . import MRMLPrompts, RowText
from .Again import Again
from .Attempt import attempt
from .HandWork import HandWork
from .PlacePoints import PlacePoints
from .PointEdits import PointEdits
from .PointTable import PointTable
from .Redraws import Redraws
from .ReviewNodes import ReviewNodes
from .SliceDetails import problemLine


class CorrectPanel:
    """What a person does to the current slice, and to the rest of the visit after that.

    Parameters
    ----------
    ui : widgets by name, of Review.ui
    logic : Logic
    current, store
        Shared with the Review panel.

    Attributes
    ----------
    startRun, onUsePrior : callable
        Those of `Again`: tie it to parts 4 and 1.
    """

    def __init__(self, ui, logic, current, store):
        self.ui = ui
        self.logic = logic
        self.current = current
        self.store = store
        self.again = Again(ui, logic, current, store, self.tell)
        self.edits = PointEdits(self._onPointsChanged)
        self.work = HandWork(logic, store, self._reviewer, self.tell)
        self.redraws = Redraws(logic, self._onDrawn, self._reviewer, self._mayRedraw, self.refresh)
        self.place = PlacePoints(logic.scene)
        self.table = PointTable(ui.pointTable, self._showButtons)
        self._lists = ()
        self._message = ""
        self._gather = qt.QTimer()
        self._gather.setSingleShot(True)
        self._gather.setInterval(0)
        self._gather.connect("timeout()", self.refresh)
        store.listen(self._gather.start)
        current.listen(self._onCurrent)
        self._connect()
        self.refresh()

    def _connect(self) -> None:
        ui = self.ui
        ui.unlockButton.connect("toggled(bool)", lambda _on: self._lock())
        ui.addPositiveButton.connect("clicked()", lambda: self._add(MRMLPrompts.POSITIVE))
        ui.addNegativeButton.connect("clicked()", lambda: self._add(MRMLPrompts.NEGATIVE))
        ui.deletePointButton.connect("clicked()", self.deletePoint)
        ui.resetSliceButton.connect("clicked()", self.resetSlice)
        ui.segmentEditorButton.connect("clicked()", self.openSegmentEditor)

    @property
    def startRun(self):
        return self.again.startRun

    @startRun.setter
    def startRun(self, startRun) -> None:
        self.again.startRun = startRun

    @property
    def onUsePrior(self):
        return self.again.onUsePrior

    @onUsePrior.setter
    def onUsePrior(self, onUsePrior) -> None:
        self.again.onUsePrior = onUsePrior

    # what the widget calls

    def setParameterNode(self, _parameterNode) -> None:
        self.refresh()

    def enter(self) -> None:
        """Coming back, from the Segment Editor for one: what was changed by hand meanwhile is marked as edited."""
        changed = self.work.comeBack()
        if changed:
            self._message = html.escape(changed)
        self.refresh()

    def exit(self) -> None:
        self.work.leave()
        self.place.stop()
        self.ui.unlockButton.setChecked(False)

    def cleanup(self) -> None:
        self._gather.stop()
        self.again.cleanup()
        self.redraws.forget()
        self.edits.stop()
        self.place.stop()
        for one in self._lists:
            one.SetLocked(True)
        self._lists = ()

    def refresh(self) -> None:
        """Show the points of the current slice and what can be done with it."""
        review = self.store.review(self.current.node)
        if review is None or self.current.structure not in review.names:
            self.edits.stop()
            self._lists = ()
        else:
            nodes = ReviewNodes(self.current.node)
            lists = nodes.lists(self.current.structure) if nodes.followup is not None else ()
            if not self.redraws.isBusy:
                self.edits.watch(lists, nodes.followup, review.sliceAxis, self.current.index)
            self._takeLists(lists)
        self.table.show(self.edits.points())
        self._showButtons()
        self.again.refresh()
        self._showText(review)

    def tell(self, sentence: str) -> None:
        self._message = problemLine(sentence)
        self.ui.redrawLabel.setText(self._message)

    # the person's verbs

    def deletePoint(self) -> None:
        point = self.table.selected
        if point is not None:
            self.edits.remove(point)

    def resetSlice(self) -> None:
        """The slice as the method proposed it: contour and points."""
        node, structure, index = self.current.node, self.current.structure, self.current.index
        if node is None or not self.work.mayReplace((node, structure, index), _("Take it back to what was proposed?")):
            return
        self.redraws.forget()
        with self.edits.quiet():
            if attempt(lambda: self.logic.resetSlice(node, structure, index), self.tell):
                self._message = html.escape(_("Slice {index} is as it was proposed.").format(index=index))
        self.refresh()

    def openSegmentEditor(self) -> None:
        """On the structure that is reviewed, with the follow-up behind it; the views stay where they are."""
        review, nodes = self.store.review(self.current.node), ReviewNodes(self.current.node)
        segmentId = review.structure(self.current.structure).segmentId
        slicer.util.selectModule("SegmentEditor")
        editor = slicer.util.getModuleWidget("SegmentEditor").editor
        editor.setSegmentationNode(nodes.segmentation)
        editor.setSourceVolumeNode(nodes.followup)
        editor.setCurrentSegmentID(segmentId)

    # slots

    def _onCurrent(self, _source: str) -> None:
        self._message = ""
        self.place.stop()
        self.refresh()

    def _add(self, label: int) -> None:
        if len(self._lists) == 2:
            self.ui.unlockButton.setChecked(True)
            self.place.start(self._lists[0] if label == MRMLPrompts.POSITIVE else self._lists[1])

    def _onPointsChanged(self) -> None:
        if self.logic.running and not self.redraws.isBusy or not self.current.isSet:
            return
        MRMLPrompts.relabel(self._lists)
        self._message = html.escape(_("Drawing slice {index} again…").format(index=self.current.index))
        self.ui.redrawLabel.setText(self._message)
        self.redraws.ask(self.current.node, self.current.structure, self.current.index)
        self.table.show(self.edits.points())

    def _reviewer(self) -> str:
        return self.ui.reviewerLineEdit.text.strip()

    def _mayRedraw(self, key) -> bool:
        """Ask where a person's work would be replaced; where it is not to be, the points go back to where they were."""
        if self.work.mayReplace(key, _("Draw it again from its points?")):
            return True
        self._message = ""
        if key == (self.current.node, self.current.structure, self.current.index):
            self.edits.takeBack()
        return False

    def _onDrawn(self, key, seconds: float, error: str | None) -> None:
        if error:
            self.tell(error)
        else:
            structure = self.store.review(key[0]).structure(key[1])
            one = structure.slices[key[2]]
            text = _("Slice {index} drawn again in {seconds} s: {area} cm², {distance}.")
            distance = RowText.distanceWords(one.distance, structure.usualDistance)
            self._message = html.escape(text.format(index=key[2], seconds=f"{seconds:.1f}", area=f"{one.areaMm2 / 100:.1f}", distance=distance))
        self.refresh()

    def _takeLists(self, lists) -> None:
        if tuple(lists) != tuple(self._lists):
            for one in self._lists:
                if one not in lists:
                    one.SetLocked(True)
            self._lists = tuple(lists)
        self._lock()

    def _lock(self) -> None:
        locked = not self.ui.unlockButton.checked
        for one in self._lists:
            if bool(one.GetLocked()) != locked:
                one.SetLocked(locked)
        if locked:
            self.place.stop()

    # showing

    def _showButtons(self) -> None:
        ui, hasLists = self.ui, len(self._lists) == 2
        for button in (ui.unlockButton, ui.addPositiveButton, ui.addNegativeButton):
            button.setEnabled(hasLists)
        ui.deletePointButton.setEnabled(self.table.selected is not None)
        hasSegment = self.current.isSet and ReviewNodes(self.current.node).segmentation is not None
        for button in (ui.resetSliceButton, ui.segmentEditorButton):
            button.setEnabled(hasSegment)

    def _showText(self, review) -> None:
        if review is None or self.current.structure is None:
            text = _("Choose a slice in Review.")
        else:
            slices = review.structure(self.current.structure).slices if self.current.structure in review.names else {}
            text = RowText.pointsTitle(self.current.structure, self.current.index, slices.get(self.current.index))
        self.ui.correctLabel.setText(f"<b>{html.escape(text)}</b>")
        self.ui.redrawLabel.setText(self._message)
        self.ui.redrawLabel.setVisible(bool(self._message))
