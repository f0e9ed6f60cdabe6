"""Dialogs never wait for a person: one that would is refused, and the test that opened it fails."""

from PySide6 import QtWidgets

WAITING = {
    "QMessageBox": {"question", "information", "warning", "critical", "about"},
    "QFileDialog": {"getOpenFileName", "getOpenFileNames", "getSaveFileName", "getExistingDirectory"},
    "QInputDialog": {"getText", "getInt", "getDouble", "getItem", "getMultiLineText"},
    "QColorDialog": {"getColor"},
}
"""Functions that open a dialog and return when it was answered."""


class UnexpectedDialog(AssertionError):
    """A dialog that nobody said how to answer."""


def check(owner, name):
    """Refuses a function that would block until a person answers.

    Raises
    ------
    UnexpectedDialog
        For `exec_` of a dialog or a menu, and for the functions of WAITING.
    """
    owner_class = owner if isinstance(owner, type) else type(owner)
    blocks = name in WAITING.get(owner_class.__name__, ()) or name == "exec" and issubclass(owner_class, (QtWidgets.QDialog, QtWidgets.QMenu))
    if blocks:
        text = getattr(owner, "text", lambda: "")() if isinstance(owner, QtWidgets.QMessageBox) else ""
        raise UnexpectedDialog(f"{owner_class.__name__}.{name} would wait for a person. {text} Say in the test how it is answered: dialogs.expect(...).")
