"""The list of points of the current slice."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from p2sam.files.prompt_look import COLORS_RGB, POSITIVE

from .TableHeight import fitHeight


class PointTable:
    """Shows points in a QTableWidget: kind (colour and word), part, similarity.

    Parameters
    ----------
    widget : qt.QTableWidget
    onSelected : callable()
    """

    def __init__(self, widget, onSelected):
        self.widget = widget
        self.points: list = []
        widget.setColumnCount(3)
        widget.setHorizontalHeaderLabels([_("Point"), _("Part"), _("Similarity to its part")])
        widget.verticalHeader().hide()
        widget.verticalHeader().setDefaultSectionSize(22)
        widget.horizontalHeader().setHighlightSections(False)
        widget.horizontalHeader().setStretchLastSection(True)
        widget.setColumnWidth(0, 130)
        widget.setColumnWidth(1, 90)
        widget.connect("itemSelectionChanged()", onSelected)
        fitHeight(widget, 3, 7)

    def show(self, points: list) -> None:
        """Points as `MRMLPrompts.pointsOfSlice` gives them; the selected row stays where it can."""
        if points == self.points and self.widget.rowCount == len(points):
            return
        row = self.widget.currentRow()
        blocked = self.widget.blockSignals(True)
        self.points = list(points)
        self.widget.setRowCount(len(points))
        for number, point in enumerate(points):
            for column, text in enumerate(_texts(point)):
                item = qt.QTableWidgetItem(text)
                if column == 0:
                    item.setData(qt.Qt.DecorationRole, qt.QColor(*[int(round(255 * value)) for value in COLORS_RGB[point["label"]]]))
                self.widget.setItem(number, column, item)
        fitHeight(self.widget, 3, 7)
        self.widget.setCurrentCell(row if row < len(points) else -1, 0)
        self.widget.blockSignals(blocked)

    @property
    def selected(self) -> dict | None:
        row = self.widget.currentRow()
        return self.points[row] if 0 <= row < len(self.points) else None


def _texts(point: dict) -> tuple:
    kind = _("● positive") if point["label"] == POSITIVE else _("✕ negative")
    part = _("part {number}").format(number=point["part"] + 1) if point["part"] >= 0 else _("added")
    return kind, part, f"{point['similarity']:.3f}" if point["similarity"] is not None else "–"
