"""Reads `.ui` files: Qt's own loader, with the classes of CTK and Slicer that the index lists as usable in Designer."""

import xml.etree.ElementTree as ElementTree

from PySide6 import QtCore, QtUiTools

from . import index, signals
from .widgets import WIDGETS


class QUiLoader(QtUiTools.QUiLoader):
    """As Qt's QUiLoader inside Slicer, where the Designer plugins of CTK and Slicer are found."""

    def load(self, device, parent=None):
        """The top widget of a `.ui` file, or None where Qt cannot read it."""
        text = bytes(device.readAll())
        root = ElementTree.fromstring(text)
        links = _taken_links(root)
        buffer = QtCore.QBuffer(self)
        buffer.setData(QtCore.QByteArray(ElementTree.tostring(root)))
        buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        widget = super().load(buffer, parent)
        for link in links:
            _connect(widget, *link)
        return widget

    def createWidget(self, name, parent=None, object_name=""):
        """Makes one widget.

        Raises
        ------
        LookupError
            Where Designer does not offer the class in Slicer, or the stand-in has none.
        """
        if name not in WIDGETS:
            if name.startswith(("ctk", "qMRML", "qSlicer")):
                raise LookupError(_missing(name))
            return super().createWidget(name, parent, object_name)
        if not _designer_has(name):
            raise LookupError(f"'{name}' stands in a .ui file, but the index does not list it as usable in Designer.")
        widget = WIDGETS[name](parent)
        widget.setObjectName(object_name)
        return widget


def _designer_has(name):
    return f"designer {name}" in index.python_rows() or name == "qMRMLWidget"


def _missing(name):
    if _designer_has(name):
        return f"The stand-in has no '{name}' yet, though Slicer does: add it to Testing/runtime/widgets."
    return f"'{name}' stands in a .ui file, but the index does not list it as usable in Designer."


def _taken_links(root):
    """Takes the connections between widgets out of the file, as (sender, signal, receiver, slot): Qt cannot make those of MRML types."""
    links, section = [], root.find("connections")
    if section is not None:
        links = [tuple(one.findtext(key) for key in ("sender", "signal", "receiver", "slot")) for one in section]
        root.remove(section)
    return links


def _connect(widget, sender, signal, receiver, slot):
    source, target = (_named(widget, name) for name in (sender, receiver))
    signals.connect(source, signal, target, slot)


def _named(widget, name):
    found = widget if widget.objectName() == name else widget.findChild(QtCore.QObject, name)
    if found is None:
        raise LookupError(f"The .ui file connects '{name}', which it does not contain.")
    return found
