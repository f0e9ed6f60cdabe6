"""Which widget shows which type of parameter. As in Slicer the class must be exactly the one named, no subclass."""

import pathlib
import typing

import ctk
import qt
import slicer

from . import annotations


class Connector:
    """One widget that shows one parameter: which signal says that it changed, and how its value is read and written."""

    def __init__(self, widget, signal, read, write):
        self.widget, self.signal, self.read, self.write, self._callback = widget, signal, read, write, None

    def onChanged(self, callback):
        signal = getattr(self.widget, self.signal)
        if self._callback is not None:
            signal.disconnect(self.changed)
        self._callback = callback
        if callback is not None:
            signal.connect(self.changed)

    def changed(self):
        if self._callback:
            self._callback()


def createGuiConnector(widget, datatype):
    """The connector for a widget and a type.

    Raises
    ------
    RuntimeError
        Where Slicer has none for the two: such a widget must be bound by hand.
    """
    kind, notes = _split(datatype)
    made = _made(widget, type(widget), kind, notes)
    if made is None:
        raise RuntimeError(f"Unable to create GUI connector from datatype '{datatype}' to widget type '{type(widget).__name__}': bind it by hand.")
    return made


def _made(widget, widget_class, kind, notes):
    def value(signal, name):
        return Connector(widget, signal, lambda: getattr(widget, name), lambda given: setattr(widget, name, given))

    if kind is bool and widget_class is qt.QCheckBox:
        return value("stateChanged", "checked")
    if kind is bool and widget_class is qt.QPushButton:
        widget.checkable = True
        return value("toggled", "checked")
    if kind is int and widget_class in (qt.QSlider, qt.QSpinBox) or kind is float and widget_class in (qt.QDoubleSpinBox, ctk.ctkSliderWidget):
        _limit(widget, kind, notes)
        return value("valueChanged", "value")
    if kind is str and widget_class is qt.QLineEdit:
        return value("textChanged", "text")
    if kind is str and widget_class is qt.QTextEdit:
        return Connector(widget, "textChanged", widget.toPlainText, widget.setPlainText)
    if kind in (pathlib.Path, pathlib.PurePath) and widget_class is ctk.ctkPathLineEdit:
        return Connector(widget, "currentPathChanged", lambda: kind(widget.currentPath), lambda given: setattr(widget, "currentPath", str(given)))
    if kind in (int, float, str, bool) and widget_class is qt.QComboBox:
        return _choices(widget, notes)
    if isinstance(kind, type) and issubclass(kind, slicer.vtkMRMLNode) and widget_class is slicer.qMRMLNodeComboBox:
        widget.nodeTypes = [kind.__name__]
        return Connector(widget, "currentNodeChanged", widget.currentNode, widget.setCurrentNode)
    return None


def _split(datatype):
    if typing.get_origin(datatype) is typing.Annotated:
        kind, *notes = typing.get_args(datatype)
        return kind, notes
    return datatype, []


def _note(notes, kind):
    return next((one for one in notes if isinstance(one, kind)), None)


def _limit(widget, kind, notes):
    """Gives a number's widget the limits of the annotations; without them it has none, as in Slicer, whatever the .ui says."""
    decimals, step = _note(notes, annotations.Decimals), _note(notes, annotations.SingleStep)
    within, lowest, highest = (_note(notes, one) for one in (annotations.WithinRange, annotations.Minimum, annotations.Maximum))
    if decimals is not None:
        widget.decimals = decimals.value
    if step is not None:
        widget.singleStep = step.value
    low = within.minimum if within else lowest.minimum if lowest else None
    high = within.maximum if within else highest.maximum if highest else None
    if isinstance(widget, (qt.QSlider, ctk.ctkSliderWidget)) and (low is None or high is None):
        raise RuntimeError("Cannot have a connection to a slider where the number is unbounded: annotate the parameter with WithinRange.")
    widest = (-(2**31), 2**31 - 1) if kind is int else (float("-inf"), float("inf"))
    widget.minimum = widest[0] if low is None else low
    widget.maximum = widest[1] if high is None else high


def _choices(widget, notes):
    choice = _note(notes, annotations.Choice)
    if choice is None:
        raise RuntimeError("A QComboBox can show a parameter only where it is annotated with Choice.")
    choices = list(choice.choices)
    widget.clear()
    for one in choices:
        widget.addItem(str(one))

    def write(value):
        widget.currentIndex = choices.index(value)

    return Connector(widget, "currentIndexChanged", lambda: choices[widget.currentIndex], write)
