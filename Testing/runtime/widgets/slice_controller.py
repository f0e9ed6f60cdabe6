"""The coloured bar above a slice view."""

import vtk
from PySide6.QtCore import Property, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QWidget


class qMRMLSliceControllerWidget(QWidget):
    """Name, offset slider and offset of a slice view."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._logic, self._range, self._label, self._offset = None, (0.0, 1.0), QLabel(self), QLabel(self)
        self._slider = QSlider(Qt.Orientation.Horizontal, self)
        self._label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._label.setMinimumWidth(22)
        self.setMaximumHeight(24)
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 1, 2, 1)
        for one in (self._label, self._slider, self._offset):
            row.addWidget(one)
        self._slider.valueChanged.connect(self._slid)

    def setSliceLogic(self, logic):
        self._logic = logic
        logic.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_event: self._show())
        self._show()

    def sliceLogic(self):
        return self._logic

    def mrmlSliceNode(self):
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self):
        return self._logic.GetSliceCompositeNode()

    def fitSliceToBackground(self):
        self._logic.FitSliceToBackground()

    def setSliceOffsetValue(self, value):
        self._logic.SetSliceOffset(value)

    def rotateSliceToLowestVolumeAxes(self):
        self._logic.RotateSliceToLowestVolumeAxes()

    def setSliceLink(self, linked):
        self.mrmlSliceCompositeNode().SetLinkedControl(linked)

    def setSliceVisible(self, visible):
        self.mrmlSliceNode().SetSliceVisible(visible)

    def _show(self):
        node = self._logic.GetSliceNode()
        colour = "#%02x%02x%02x" % tuple(int(255 * one) for one in node.GetLayoutColor())
        self._label.setStyleSheet(f"background: {colour}; font-weight: bold;")
        self._label.setText(node.GetLayoutLabel() or node.GetLayoutName() or "")
        low, high = self._limits()
        self._range = (low, high)
        offset = self._logic.GetSliceOffset()
        self._offset.setText(f"{offset:.1f} mm")
        self._slider.blockSignals(True)
        self._slider.setRange(0, 1000)
        self._slider.setValue(round(1000 * (offset - low) / (high - low)) if high > low else 0)
        self._slider.blockSignals(False)

    def _limits(self):
        limits, resolution = [-1.0, 1.0], vtk.reference(1.0)
        return limits if self._logic.GetSliceOffsetRangeResolution(limits, resolution) else (-1.0, 1.0)

    def _slid(self, step):
        low, high = self._range
        self._logic.SetSliceOffset(low + (high - low) * step / 1000)

    sliceViewLabel = Property(str, lambda self: self._label.text())
    sliceViewName = Property(str, lambda self: self._logic.GetSliceNode().GetLayoutName())
    sliceOrientation = Property(str, lambda self: self._logic.GetSliceNode().GetOrientation(), lambda self, value: self._logic.GetSliceNode().SetOrientation(value))
