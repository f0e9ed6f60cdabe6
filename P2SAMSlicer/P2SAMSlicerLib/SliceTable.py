"""The review table: rows in the order given, filled a part at a time so that a long one does not hold up the window."""

from __future__ import annotations

import qt

from . import RowText
from .SliceReview import ACCEPTED, EDITED, FLAGGED, NOT_REVIEWED

VISIT, STRUCTURE, SLICE, REASONS, DISTANCE, AREA, PARTS, STATUS = range(8)
LOOKS = {NOT_REVIEWED: ("#e4e7ea", "#33414d"), ACCEPTED: ("#cfeed6", "#0f4d20"), EDITED: ("#cfe3f8", "#0b3f73"), FLAGGED: ("#fbd9c9", "#7d2408")}
"""Status -> background and text; the word beside it says the same."""
REASON_COLOR = "#c0392b"
FIRST_PART, PART = 24, 24
"""Rows filled at once, and rows filled each time the window is idle."""


class SliceTable:
    """Shows rows of `ReviewRows` in a QTableWidget.

    Parameters
    ----------
    widget : qt.QTableWidget
    onSelected : callable(key)
        Called when a person selects a row.
    """

    def __init__(self, widget, onSelected):
        self.widget = widget
        self.keys: list = []
        self._onSelected = onSelected
        self._texts: list = []
        self._rows: list = []
        self._colors: dict = {}
        self._filled = 0
        self._timer = qt.QTimer()
        self._timer.setInterval(0)
        self._timer.connect("timeout()", self._fillPart)
        self._prepare()
        widget.connect("itemSelectionChanged()", self._onSelectionChanged)

    def show(self, rows: list, keys: list, colors: dict, manyVisits: bool) -> None:
        """Show these rows.

        Parameters
        ----------
        keys : list of tuple
            (node id, structure, index) of each row; stays the same while the row is the same.
        colors : dict
            (node id, structure) -> (r, g, b) from 0 to 1.
        """
        if keys != self.keys:
            self._texts = []
        self.keys, self._rows, self._colors = list(keys), list(rows), colors
        blocked = self.widget.blockSignals(True)
        self.widget.setRowCount(len(rows))
        self.widget.setColumnHidden(VISIT, not manyVisits)
        self._texts = self._texts[: len(rows)]
        self._filled = 0
        self.widget.blockSignals(blocked)
        self._fill(max(FIRST_PART, len(self._texts)))

    def select(self, key) -> bool:
        """Select the row of a slice without telling anyone; False where no row shows it."""
        blocked = self.widget.blockSignals(True)
        found = key in self.keys
        if found:
            number = self.keys.index(key)
            self._fill(number + 1)
            self.widget.setCurrentCell(number, SLICE)
            self.widget.scrollToItem(self.widget.item(number, SLICE))
        else:
            self.widget.clearSelection()
            self.widget.setCurrentCell(-1, -1)
        self.widget.blockSignals(blocked)
        return found

    @property
    def selected(self):
        """The key of the selected row; None where none is."""
        number = self.widget.currentRow()
        return self.keys[number] if 0 <= number < len(self.keys) else None

    def neighbour(self, key, step: int):
        """The key `step` rows further; the first row where `key` is not shown; None beyond the ends."""
        if key not in self.keys:
            return self.keys[0] if self.keys else None
        number = self.keys.index(key) + step
        return self.keys[number] if 0 <= number < len(self.keys) else None

    def nextUnreviewed(self, key):
        """The next row that nobody has looked at, round to the top; None where all are settled."""
        start = self.keys.index(key) + 1 if key in self.keys else 0
        order = [*range(start, len(self.keys)), *range(start)]
        return next((self.keys[number] for number in order if self._rows[number].slice.status == NOT_REVIEWED), None)

    def cleanup(self) -> None:
        self._timer.stop()

    def _prepare(self) -> None:
        widget = self.widget
        widget.setColumnCount(len(RowText.titles()))
        widget.setHorizontalHeaderLabels(list(RowText.titles()))
        for column, tip in enumerate(RowText.titleTips()):
            widget.horizontalHeaderItem(column).setToolTip(tip)
        widget.verticalHeader().hide()
        widget.verticalHeader().setDefaultSectionSize(22)
        header = widget.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(28)
        for column, width in ((VISIT, 70), (STRUCTURE, 96), (SLICE, 36), (DISTANCE, 54), (AREA, 48), (PARTS, 40), (STATUS, 88)):
            widget.setColumnWidth(column, width)
        header.setSectionResizeMode(REASONS, qt.QHeaderView.Stretch)

    def _fillPart(self) -> None:
        self._fill(self._filled + PART)

    def _fill(self, until: int) -> None:
        blocked = self.widget.blockSignals(True)
        for number in range(self._filled, min(until, len(self._rows))):
            texts = RowText.cells(self._rows[number])
            if number >= len(self._texts):
                self._texts.append(None)
            if self._texts[number] != texts:
                self._fillRow(number, texts)
                self._texts[number] = texts
        self._filled = max(self._filled, min(until, len(self._rows)))
        self.widget.blockSignals(blocked)
        if self._filled >= len(self._rows):
            self._timer.stop()
        elif not self._timer.isActive():
            self._timer.start()

    def _fillRow(self, number: int, texts: tuple) -> None:
        row, key = self._rows[number], self.keys[number]
        for column, text in enumerate(texts):
            item = qt.QTableWidgetItem(text)
            if column in (SLICE, DISTANCE, AREA, PARTS):
                item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
            item.setToolTip({REASONS: row.slice.reasons, DISTANCE: RowText.distanceTip(row)}.get(column, text))
            if column == REASONS and row.slice.flags:
                item.setForeground(qt.QBrush(qt.QColor(REASON_COLOR)))
            if column == STRUCTURE and key[:2] in self._colors:
                item.setData(qt.Qt.DecorationRole, _color(self._colors[key[:2]]))
            if column == STATUS:
                background, ink = LOOKS[row.slice.status]
                item.setBackground(qt.QBrush(qt.QColor(background)))
                item.setForeground(qt.QBrush(qt.QColor(ink)))
            self.widget.setItem(number, column, item)

    def _onSelectionChanged(self) -> None:
        if self.selected is not None:
            self._onSelected(self.selected)


def _color(rgb):
    return qt.QColor(*[int(round(255 * value)) for value in rgb])
