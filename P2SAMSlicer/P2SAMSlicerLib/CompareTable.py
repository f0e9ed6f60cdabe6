"""Which segment of the reference each structure is compared with, and what came of it."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from .ReportText import number
from .TableHeight import fitHeight

METRICS = (("dice", "{:.3f}"), ("surface_dice", "{:.3f}"), ("hd95_mm", "{:.1f} mm"), ("mean_surface_mm", "{:.2f} mm"))
TOLERANCE_MM = 2
"""Of the surface Dice, as in `p2sam.metrics`, which is too heavy for Slicer's start; a test compares them."""


class CompareTable:
    """A row a structure: a list of the reference's segments, then Dice and surface distances.

    Parameters
    ----------
    widget : qt.QTableWidget
    """

    def __init__(self, widget):
        self.widget = widget
        self._names: list = []
        self._boxes: list = []
        self._offered = None
        widget.setColumnCount(2 + len(METRICS))
        widget.setHorizontalHeaderLabels(_titles())
        for column, tip in enumerate(_tips()):
            widget.horizontalHeaderItem(column).setToolTip(tip)
        widget.verticalHeader().hide()
        widget.verticalHeader().setDefaultSectionSize(26)
        header = widget.horizontalHeader()
        header.setHighlightSections(False)
        for column, width in ((0, 80), (2, 48), (3, 82), (4, 62), (5, 62)):
            widget.setColumnWidth(column, width)
        header.setSectionResizeMode(1, qt.QHeaderView.Stretch)

    def offer(self, names: list, segmentationNode) -> None:
        """Offer the segments of a reference for every structure; the one of the same name is chosen at first."""
        segmentation = segmentationNode.GetSegmentation()
        ids = [segmentation.GetNthSegmentID(place) for place in range(segmentation.GetNumberOfSegments())]
        segments = [(one, segmentation.GetSegment(one).GetName()) for one in ids]
        offered = (tuple(names), segmentationNode.GetID(), tuple(segments))
        if offered == self._offered:
            return
        self._offered, self._names, self._boxes = offered, list(names), []
        self.widget.setRowCount(len(names))
        for place, name in enumerate(names):
            self.widget.setItem(place, 0, qt.QTableWidgetItem(name))
            box = qt.QComboBox()
            box.addItem(_("not compared"), "")
            for segmentId, title in segments:
                box.addItem(title, segmentId)
            same = [one for one, title in segments if title.strip().casefold() == name.strip().casefold()]
            box.setCurrentIndex(1 + ids.index(same[0]) if same else 0)
            self.widget.setCellWidget(place, 1, box)
            self._boxes.append(box)
            for column in range(2, 2 + len(METRICS)):
                self.widget.setItem(place, column, qt.QTableWidgetItem(""))
        fitHeight(self.widget, 1, 6)

    def pairs(self) -> dict:
        """Structure name -> segment id, of those that are compared."""
        return {name: box.itemData(box.currentIndex) for name, box in zip(self._names, self._boxes) if box.itemData(box.currentIndex)}

    def show(self, rows) -> None:
        """Rows as the worker's `evaluate` gives them."""
        found = {row["structure"]: row for row in rows}
        for place, name in enumerate(self._names):
            for column, (key, form) in enumerate(METRICS, start=2):
                text = number(found[name].get(key), form) if name in found else ""
                item = qt.QTableWidgetItem(text)
                item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
                self.widget.setItem(place, column, item)


def _titles() -> list:
    surface = _("Surface Dice\n({tolerance} mm)").format(tolerance=TOLERANCE_MM)
    return [_("Structure"), _("Reference"), _("Dice"), surface, _("HD95"), _("Mean\nsurface")]


def _tips() -> tuple:
    return (
        _("The structure"),
        _("The segment of the reference that it is compared with"),
        _("Overlap of the volumes: 1 is the same, 0 is apart"),
        _("Share of both surfaces that lies within {tolerance} mm of the other: 1 is all of it").format(tolerance=TOLERANCE_MM),
        _("95 % of both surfaces lie within this distance of the other"),
        _("Mean distance between the surfaces"),
    )
