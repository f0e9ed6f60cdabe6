"""Lists the segments of a segmentation."""

from PySide6.QtCore import Property, QItemSelection, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem, QVBoxLayout

from ..kept import kept
from .mrml_widget import qMRMLWidget


class qMRMLSegmentsTableView(qMRMLWidget):
    """A row a segment: colour and name; several rows can be selected."""

    selectionChanged = Signal(QItemSelection, QItemSelection)
    segmentAboutToBeModified = Signal(str)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._table, self._node, self._tag, self._ids, self._hidden, self._values = QTableWidget(self), None, None, [], [], {}
        self._table.setColumnCount(2)
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.horizontalHeader().setStretchLastSection(True)
        self._table.horizontalHeader().hide()
        self._table.verticalHeader().hide()
        self._table.setColumnWidth(0, 24)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._table)
        self._table.selectionModel().selectionChanged.connect(self.selectionChanged)

    def segmentationNode(self):
        return self._node

    def setSegmentationNode(self, node):
        if self._tag is not None:
            self._node.RemoveObserver(self._tag)
        self._node = node
        self._tag = node.AddObserver("AnyEvent", lambda *_event: self._fill()) if node is not None else None
        self._ids = None
        self._fill()

    def tableWidget(self):
        return self._table

    def selectedSegmentIDs(self):
        rows = sorted({one.row() for one in self._table.selectedIndexes()})
        return [self._ids[row] for row in rows]

    def setSelectedSegmentIDs(self, identifiers):
        mode = self._table.selectionMode()
        self._table.setSelectionMode(QAbstractItemView.SelectionMode.MultiSelection)
        self._table.clearSelection()
        for row, one in enumerate(self._ids):
            if one in identifiers:
                self._table.selectRow(row)
        self._table.setSelectionMode(mode)

    def clearSelection(self):
        self._table.clearSelection()

    def displayedSegmentIDs(self):
        return list(self._ids or [])

    def setHideSegments(self, identifiers):
        self._hidden, self._ids = list(identifiers), None
        self._fill()

    def hideSegments(self):
        return self._hidden

    def segmentIDForRow(self, row):
        return self._ids[row]

    def rowForSegmentID(self, identifier):
        return self._ids.index(identifier) if identifier in self._ids else -1

    def setSelectionMode(self, mode):
        self._table.setSelectionMode(QAbstractItemView.SelectionMode(int(mode)))

    def _fill(self):
        segmentation = self._node.GetSegmentation() if self._node is not None else None
        segments = [segmentation.GetNthSegmentID(index) for index in range(segmentation.GetNumberOfSegments())] if segmentation else []
        segments = [one for one in segments if one not in self._hidden]
        if segments != self._ids:
            self._ids = segments
            self._table.setRowCount(len(segments))
        for row, identifier in enumerate(segments):
            segment = segmentation.GetSegment(identifier)
            colour, name = QTableWidgetItem(), QTableWidgetItem(segment.GetName())
            colour.setBackground(QColor.fromRgbF(*segment.GetColor()))
            name.setFlags(name.flags() & ~Qt.ItemFlag.ItemIsEditable)
            self._table.setItem(row, 0, colour)
            self._table.setItem(row, 1, name)

    segmentCount = Property(int, lambda self: len(self._ids or []))
    selectionMode = Property(int, lambda self: self._table.selectionMode().value, setSelectionMode)

    readOnly, headerVisible, filterBarVisible = kept("readOnly", bool, False), kept("headerVisible", bool, True), kept("filterBarVisible", bool, False)
    visibilityColumnVisible, colorColumnVisible = kept("visibilityColumnVisible", bool, True), kept("colorColumnVisible", bool, True)
    opacityColumnVisible, statusColumnVisible = kept("opacityColumnVisible", bool, True), kept("statusColumnVisible", bool, False)
    layerColumnVisible, jumpToSelectedSegmentEnabled = kept("layerColumnVisible", bool, False), kept("jumpToSelectedSegmentEnabled", bool, False)
