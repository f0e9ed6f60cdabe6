"""A chart of a plot node."""

import slicer
import vtk
from PySide6.QtCore import QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QVBoxLayout, QWidget

MARGIN = 42


class qMRMLPlotView(QWidget):
    """Draws the series of a chart as lines and points; a click on a point selects it."""

    dataSelected = Signal(object, object)
    mrmlSceneChanged = Signal(object)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._scene, self._node, self._timer = None, None, QTimer(self)
        self.setMinimumSize(60, 60)
        self._timer.timeout.connect(self.update)
        self._timer.start(200)

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene):
        self._scene = scene

    def setMRMLPlotViewNode(self, node):
        self._node = node

    def fitToContent(self):
        self.update()

    def _series(self):
        """(series node, [(x, y), ...]) of the chart; a cell that is not a number has no point."""
        chart = self._node.GetPlotChartNode() if self._node is not None else None
        found = []
        for index in range(chart.GetNumberOfPlotSeriesNodes() if chart else 0):
            series = chart.GetNthPlotSeriesNode(index)
            table = series.GetTableNode().GetTable() if series and series.GetTableNode() else None
            columns = [table.GetColumnByName(name) if table and name else None for name in (series.GetXColumnName(), series.GetYColumnName())]
            if columns[1] is not None:
                found.append((series, _points(*columns)))
        return found

    def _place(self, points):
        """Function from a point of the chart to the widget."""
        xs, ys = [x for x, _ in points] or [0, 1], [y for _, y in points] or [0, 1]
        area = QRectF(self.rect()).adjusted(MARGIN, 24, -12, -28)
        wide, tall = max(xs) - min(xs) or 1, max(ys) - min(ys) or 1
        return lambda x, y: QPointF(area.left() + (x - min(xs)) / wide * area.width(), area.bottom() - (y - min(ys)) / tall * area.height())

    def paintEvent(self, _event):
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), Qt.GlobalColor.white)
        every = self._series()
        place = self._place([one for _, points in every for one in points])
        painter.setPen(QPen(Qt.GlobalColor.darkGray))
        painter.drawRect(QRectF(self.rect()).adjusted(MARGIN, 24, -12, -28))
        chart = self._node.GetPlotChartNode() if self._node is not None else None
        if chart is not None:
            painter.drawText(self.rect().adjusted(0, 4, 0, 0), Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, chart.GetTitle() or "")
            painter.drawText(self.rect().adjusted(0, 0, 0, -6), Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom, chart.GetXAxisTitle() or "")
        for series, points in every:
            painter.setPen(QPen(QColor.fromRgbF(*series.GetColor()), 1.5))
            spots = [place(x, y) for x, y in points]
            if series.GetPlotType() != slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter or series.GetLineStyle():
                painter.drawPolyline(spots)
            for spot in spots:
                painter.drawEllipse(spot, 3, 3)

    def mousePressEvent(self, event):
        every = self._series()
        place = self._place([one for _, points in every for one in points])
        names, selections = vtk.vtkStringArray(), vtk.vtkCollection()
        for series, points in every:
            near = [row for row, point in enumerate(points) if (place(*point) - event.position()).manhattanLength() < 8]
            if near:
                names.InsertNextValue(series.GetID())
                rows = vtk.vtkIdTypeArray()
                for row in near:
                    rows.InsertNextValue(row)
                selections.AddItem(rows)
        if selections.GetNumberOfItems():
            self.dataSelected.emit(names, selections)


class qMRMLPlotWidget(QWidget):
    """A plot view in the layout."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._view = qMRMLPlotView(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._view)

    def plotView(self):
        return self._view

    viewWidget = plotView

    def mrmlPlotViewNode(self):
        return self._view._node

    mrmlAbstractViewNode = mrmlPlotViewNode

    def setMRMLPlotViewNode(self, node):
        self._view.setMRMLPlotViewNode(node)


def _points(xs, ys):
    values = [(xs.GetVariantValue(row).ToDouble() if xs else float(row), ys.GetVariantValue(row).ToDouble()) for row in range(ys.GetNumberOfValues())]
    return [one for one in values if one[0] == one[0] and one[1] == one[1]]
