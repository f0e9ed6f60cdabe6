"""Panel part 7, Report: the figures of every structure and visit, a comparison with a reference, and the files."""

from __future__ import annotations

import html
from pathlib import Path

import ctk
import qt
import slicer
from slicer.i18n import tr as _

from . import MRMLReview, MRMLTables, ReportText
from .Attempt import attempt
from .CompareTable import CompareTable
from .ReviewNodes import ReviewNodes
from .ReviewRows import reportRows
from .SliceDetails import problemLine
from .SliceReview import ACCEPTED, EDITED, FLAGGED, NOT_REVIEWED
from .SliceTable import LOOKS
from .TableHeight import fitHeight

VISIT, STATUS = 0, 6
PUMP_MS = 50
STATUS_LOOKS = {"NotStarted": NOT_REVIEWED, "InProgress": EDITED, "Completed": ACCEPTED, "Flagged": FLAGGED}


class ReportPanel:
    """Figures, comparison and export.

    Parameters
    ----------
    ui : widgets by name, of Review.ui
    logic : Logic
    current, store
        Shared with the Review panel.
    """

    def __init__(self, ui, logic, current, store):
        self.ui = ui
        self.logic = logic
        self.current = current
        self.store = store
        self.compare = CompareTable(ui.compareTable)
        self._rows = []
        self._listed = None
        self._compared = None
        self._message = ""
        self._gather = qt.QTimer()
        self._gather.setSingleShot(True)
        self._gather.setInterval(0)
        self._gather.connect("timeout()", self.refresh)
        self._pump = qt.QTimer()
        self._pump.setInterval(PUMP_MS)
        self._pump.connect("timeout()", self._onPump)
        store.listen(self._gather.start)
        current.listen(lambda _source: self._gather.start())
        self._prepare()
        self.refresh()

    def _prepare(self) -> None:
        ui, titles = self.ui, ReportText.titles()
        ui.reportTable.setColumnCount(len(titles))
        ui.reportTable.setHorizontalHeaderLabels(list(titles))
        for column, tip in enumerate(ReportText.tips()):
            ui.reportTable.horizontalHeaderItem(column).setToolTip(tip)
        ui.reportTable.verticalHeader().hide()
        ui.reportTable.verticalHeader().setDefaultSectionSize(22)
        header = ui.reportTable.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(28)
        for column, width in enumerate(ReportText.WIDTHS):
            ui.reportTable.setColumnWidth(column, width)
        header.setSectionResizeMode(1, qt.QHeaderView.Stretch)
        fitHeight(ui.reportTable, 2, 8)
        ui.reportTable.connect("itemSelectionChanged()", self._onRow)
        ui.folderEdit.filters = ctk.ctkPathLineEdit.Dirs
        ui.referenceSelector.setMRMLScene(self.logic.scene)
        ui.referenceSelector.connect("currentNodeChanged(vtkMRMLNode*)", lambda _node: self._showCompare())
        ui.compareButton.connect("clicked()", self.evaluate)
        ui.tableButton.connect("clicked()", self.makeTable)
        ui.exportButton.connect("clicked()", self.export)

    # what the widget calls

    def setParameterNode(self, _parameterNode) -> None:
        self.refresh()

    def enter(self) -> None:
        self.refresh()

    def exit(self) -> None:
        return

    def cleanup(self) -> None:
        self._gather.stop()
        self._pump.stop()

    def refresh(self) -> None:
        nodes = self.store.nodes()
        self._rows = [(node, row) for node in nodes for row in reportRows(self.store.review(node))]
        self._fill(len(nodes) > 1)
        self._showDetails()
        self._showCompare()
        isSet = self._node() is not None
        for button in (self.ui.tableButton, self.ui.exportButton):
            button.setEnabled(isSet)

    def tell(self, sentence: str) -> None:
        self._say(problemLine(sentence))

    # the person's verbs

    def makeTable(self) -> None:
        """The figures as a table node of the scene, shown where the layout has a place for tables."""
        node = self._node()
        review, followup = self.store.review(node), ReviewNodes(node).followup
        table = MRMLTables.reportTable(self.logic.scene, review, MRMLReview.reference(node, "table"), followup)
        if MRMLReview.reference(node, "table") is not table:
            MRMLReview.setReferences(node, table=table)
        selection = self.logic.scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
        if selection is not None:
            selection.SetActiveTableID(table.GetID())
            slicer.app.applicationLogic().PropagateTableSelection()
        self._say(html.escape(_("The figures are in the table '{table}'.").format(table=table.GetName())))

    def evaluate(self) -> None:
        """Dice and surface distances of each structure against the segment of the reference chosen for it."""
        node, reference, pairs = self._node(), self.ui.referenceSelector.currentNode(), self.compare.pairs()
        if node is None or reference is None or not pairs:
            return
        name = reference.GetName()
        self._begin(lambda: self.logic.evaluate(node, reference, pairs, wait=False, done=lambda answer: self._onEvaluated(node, name, answer)), _("Comparing…"))

    def export(self) -> None:
        """Report, tables, segmentation and points into the chosen folder, one folder a visit."""
        node = self._node()
        chosen = self.ui.folderEdit.currentPath.strip()
        if node is None or not chosen:
            self.tell(_("Choose a folder for the report first."))
            return
        folder = Path(chosen) / ReportText.folderName(self.store.review(node).name)
        overwrite = False
        if folder.exists() and any(folder.iterdir()):
            text = _("The folder '{folder}' is not empty. Replace the report in it?").format(folder=folder)
            overwrite = slicer.util.confirmOkCancelDisplay(text)
            if not overwrite:
                return
        reference = self.ui.referenceSelector.currentNode()
        pairs = self.compare.pairs() if reference is not None else {}
        self._begin(
            lambda: self.logic.exportReport(node, str(folder), overwrite, wait=False, done=self._onExported, reference=reference, pairs=pairs),
            _("Writing the report…"),
        )

    # showing

    def _node(self):
        """The visit of the selected row; else the current one; else the only one."""
        row = self.ui.reportTable.currentRow()
        if 0 <= row < len(self._rows):
            return self._rows[row][0]
        if self.current.isSet:
            return self.current.node
        return self._rows[0][0] if self._rows else None

    def _fill(self, manyVisits: bool) -> None:
        table = self.ui.reportTable
        texts = [ReportText.cells(row) for _node, row in self._rows]
        table.setColumnHidden(VISIT, not manyVisits)
        if texts == self._listed:
            return
        self._listed = texts
        blocked = table.blockSignals(True)
        table.setRowCount(len(texts))
        for number, ((node, row), cells) in enumerate(zip(self._rows, texts)):
            for column, text in enumerate(cells):
                item = qt.QTableWidgetItem(text)
                item.setToolTip(text)
                if column > 1:
                    item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
                if column == STATUS:
                    background, ink = LOOKS[STATUS_LOOKS[row["status"]]]
                    item.setBackground(qt.QBrush(qt.QColor(background)))
                    item.setForeground(qt.QBrush(qt.QColor(ink)))
                table.setItem(number, column, item)
        fitHeight(table, 2, 8)
        table.blockSignals(blocked)

    def _onRow(self) -> None:
        """A reference belongs to the visit that it was chosen for: with a row of another visit none is chosen any more."""
        node = self._node()
        if node is not self._compared:
            self._compared = node
            self.ui.referenceSelector.setCurrentNode(None)
        self._showDetails()
        self._showCompare()

    def _showDetails(self) -> None:
        number = self.ui.reportTable.currentRow()
        chosen = self._rows[number : number + 1] if number >= 0 else self._rows[:1]
        lines = ReportText.details(chosen[0][1]) if chosen else [_("No visit has been propagated yet.")]
        self.ui.reportLabel.setText("<br/>".join(html.escape(line) for line in lines))
        self.ui.exportLabel.setText(self._message)
        self.ui.exportLabel.setVisible(bool(self._message))

    def _showCompare(self) -> None:
        node, reference = self._node(), self.ui.referenceSelector.currentNode()
        review = self.store.review(node)
        self.ui.compareTable.setVisible(reference is not None and review is not None)
        if reference is not None and review is not None:
            self.compare.offer(review.names, reference)
        self.ui.compareButton.setEnabled(reference is not None and review is not None and bool(self.compare.pairs()))

    def _begin(self, action, text: str) -> None:
        """Start something that the worker does, and keep it going."""
        if attempt(action, self.tell):
            self._say(html.escape(text))
            self._pump.start()

    def _onPump(self) -> None:
        self.logic.flush()
        if not self.logic.running:
            self._pump.stop()

    def _onEvaluated(self, node, reference: str, answer) -> None:
        if isinstance(answer, dict):
            self.tell(answer["error"])
            return
        self.compare.show(answer)
        text, table = _("Compared with {reference}."), None
        if node.GetScene() is not None:
            text = _("Compared with {reference}; the figures are in the table '{table}' as well.")
            followup, known = ReviewNodes(node).followup, MRMLReview.reference(node, "metrics")
            table = MRMLTables.metricsTable(self.logic.scene, answer, self.store.review(node).name, reference, known, followup)
            MRMLReview.setReferences(node, metrics=table)
        self._say(html.escape(text.format(reference=reference, table=table and table.GetName())))

    def _onExported(self, answer: dict) -> None:
        if "error" in answer:
            self.tell(answer["error"])
            return
        self._say(html.escape(_("The report is in {folder}").format(folder=answer["folder"])))

    def _say(self, text: str) -> None:
        self._message = text
        self._showDetails()
