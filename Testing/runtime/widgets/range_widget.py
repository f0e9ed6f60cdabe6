"""Two numbers of a range: the lower and the upper."""

from PySide6.QtCore import Property, Signal
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QProgressBar, QWidget


def _each(getter, setter):
    """Getter and setter of one property of both spin boxes."""
    return lambda self: getattr(self._low, getter)(), lambda self, value: [getattr(one, setter)(value) for one in (self._low, self._high)]


class ctkRangeWidget(QWidget):
    """Lower and upper value, each in its spin box, with a bar between."""

    valuesChanged = Signal(float, float)
    minimumValueChanged = Signal(float)
    maximumValueChanged = Signal(float)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._low, self._high, self._bar = QDoubleSpinBox(self), QDoubleSpinBox(self), QProgressBar(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for one in (self._low, self._bar, self._high):
            row.addWidget(one, one is self._bar)
        self._bar.setTextVisible(False)
        self._bar.setMaximumHeight(8)
        self.setRange(0, 99)
        self._high.setValue(99)
        self._low.valueChanged.connect(lambda value: self._changed(self.minimumValueChanged, value))
        self._high.valueChanged.connect(lambda value: self._changed(self.maximumValueChanged, value))

    def _changed(self, signal, value):
        if self._low.value() > self._high.value():
            other = self._high if signal is self.minimumValueChanged else self._low
            other.setValue(value)
        signal.emit(value)
        self.valuesChanged.emit(self._low.value(), self._high.value())

    def setRange(self, low, high):
        for one in (self._low, self._high):
            one.setRange(low, high)

    def setValues(self, low, high):
        self._high.setValue(high)
        self._low.setValue(low)

    def setMinimumValue(self, value):
        self._low.setValue(value)

    def setMaximumValue(self, value):
        self._high.setValue(value)

    minimumValue = Property(float, lambda self: self._low.value(), setMinimumValue, notify=minimumValueChanged)
    maximumValue = Property(float, lambda self: self._high.value(), setMaximumValue, notify=maximumValueChanged)
    minimum = Property(float, *_each("minimum", "setMinimum"))
    maximum = Property(float, *_each("maximum", "setMaximum"))
    decimals = Property(int, *_each("decimals", "setDecimals"))
    singleStep = Property(float, *_each("singleStep", "setSingleStep"))
    suffix = Property(str, *_each("suffix", "setSuffix"))
