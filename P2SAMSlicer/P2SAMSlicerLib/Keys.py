"""Single keys for reviewing, alive only while the module is on the screen."""

from __future__ import annotations

import qt

PREVIOUS, NEXT, ACCEPT, FLAG = "P", "N", "A", "X"
"""The tooltips of the buttons name them."""


class Keys:
    """Keys that act as buttons do.

    Parameters
    ----------
    parent : qt.QWidget
        Of the panel: Qt itself lets a key rest while its parent is hidden, and while a text field takes it as a letter.
    buttons : dict of str to qt.QAbstractButton
        Key -> button; a disabled button's key does nothing.
    """

    def __init__(self, parent, buttons: dict):
        self._shortcuts = []
        for key, button in buttons.items():
            shortcut = qt.QShortcut(qt.QKeySequence(key), parent)
            shortcut.setContext(qt.Qt.WindowShortcut)
            shortcut.setAutoRepeat(False)  # a key that is held decides one slice, not a run of them
            shortcut.connect("activated()", button.click)
            self._shortcuts.append(shortcut)
        self.setActive(False)

    def setActive(self, active: bool) -> None:
        for shortcut in self._shortcuts:
            shortcut.setEnabled(active)

    def cleanup(self) -> None:
        self.setActive(False)
        for shortcut in self._shortcuts:
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._shortcuts.clear()
