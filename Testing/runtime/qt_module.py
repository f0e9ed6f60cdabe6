"""The module `qt`: every Qt class by its name, as PythonQt shows it."""

import types

from PySide6 import QtCore, QtGui, QtWidgets
from shiboken6 import Shiboken

from .faces import face_class
from .ui_loader import QUiLoader
from .values import wrap

LIBRARIES = (QtCore, QtGui, QtWidgets)
PREFERRED = {"QUiLoader": QUiLoader}


class QtModule(types.ModuleType):
    """Looks a class up when it is asked for."""

    def __getattr__(self, name):
        if name == "Qt":
            found = QtNamespace()
        else:
            found = self._class_of(name)
        setattr(self, name, found)
        return found

    @staticmethod
    def _class_of(name):
        raw = PREFERRED.get(name) or next((getattr(one, name) for one in LIBRARIES if hasattr(one, name)), None)
        if raw is None or name.startswith("_") or not isinstance(raw, type) or not issubclass(raw, Shiboken.Object):
            raise AttributeError(f"qt has no class '{name}': Qt does not know it, or PythonQt does not show it.")
        return face_class(raw)


class QtNamespace:
    """`qt.Qt`: the constants of Qt's own namespace."""

    def __getattr__(self, name):
        if not hasattr(QtCore.Qt, name):
            raise AttributeError(f"qt.Qt has no constant '{name}'.")
        value = getattr(QtCore.Qt, name)
        return value if isinstance(value, type) else wrap(value)


def module():
    return QtModule("qt", __doc__)
