"""A combo box with a text for "nothing chosen"."""

from PySide6.QtCore import Property, Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QComboBox


class ctkComboBox(QComboBox):
    """Qt's combo box, and what CTK adds to it."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._text, self._icon, self._elide, self._forced = "", QIcon(), Qt.TextElideMode.ElideNone, False

    def _set_text(self, value):
        self._text = value
        self.setPlaceholderText(value)

    defaultText = Property(str, lambda self: self._text, _set_text)

    def _set_icon(self, value):
        self._icon = value

    defaultIcon = Property(QIcon, lambda self: self._icon, _set_icon)

    def _set_forced(self, value):
        self._forced = value

    forceDefault = Property(bool, lambda self: self._forced, _set_forced)

    def currentUserData(self):
        return self.currentData()

    currentUserDataAsString = Property(str, lambda self: str(self.currentData() or ""), lambda self, value: self.setCurrentIndex(self.findData(value)))
