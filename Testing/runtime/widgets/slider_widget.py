"""A slider and a spin box for one number."""

from PySide6.QtCore import Property, Qt, Signal
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QSlider, QWidget

STEPS = 10000


class ctkSliderWidget(QWidget):
    """One number in a range, by slider or by typing."""

    valueChanged = Signal(float)
    valueIsChanging = Signal(float)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._slider, self._box = QSlider(Qt.Orientation.Horizontal, self), QDoubleSpinBox(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._slider, 1)
        row.addWidget(self._box)
        self._slider.setRange(0, STEPS)
        self._box.setRange(0, 99)
        self._box.valueChanged.connect(self._changed)
        self._slider.valueChanged.connect(self._slid)

    def _changed(self, value):
        low, high = self._box.minimum(), self._box.maximum()
        self._slider.blockSignals(True)
        self._slider.setValue(round((value - low) / (high - low) * STEPS) if high > low else 0)
        self._slider.blockSignals(False)
        self.valueIsChanging.emit(value)
        self.valueChanged.emit(value)

    def _slid(self, step):
        low, high = self._box.minimum(), self._box.maximum()
        self._box.setValue(low + (high - low) * step / STEPS)

    def setValue(self, value):
        self._box.setValue(value)

    def setMinimum(self, value):
        self._box.setMinimum(value)

    def setMaximum(self, value):
        self._box.setMaximum(value)

    def setRange(self, low, high):
        self._box.setRange(low, high)

    def reset(self):
        self._box.setValue(self._box.minimum())

    value = Property(float, lambda self: self._box.value(), setValue, notify=valueChanged, user=True)
    minimum = Property(float, lambda self: self._box.minimum(), setMinimum)
    maximum = Property(float, lambda self: self._box.maximum(), setMaximum)
    decimals = Property(int, lambda self: self._box.decimals(), lambda self, value: self._box.setDecimals(value))
    singleStep = Property(float, lambda self: self._box.singleStep(), lambda self, value: self._box.setSingleStep(value))
    suffix = Property(str, lambda self: self._box.suffix(), lambda self, value: self._box.setSuffix(value))
    prefix = Property(str, lambda self: self._box.prefix(), lambda self, value: self._box.setPrefix(value))
    tracking = Property(bool, lambda self: self._slider.hasTracking(), lambda self, value: self._slider.setTracking(value))
