"""A message box with "don't show again"."""

from PySide6.QtCore import Property
from PySide6.QtWidgets import QCheckBox, QMessageBox


class ctkMessageBox(QMessageBox):
    """Qt's message box with a tick that settings remember."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._key, self._again = "", QCheckBox("Don't show this message again")

    def _set_key(self, value):
        self._key = value
        self.setCheckBox(self._again)

    dontShowAgainSettingsKey = Property(str, lambda self: self._key, _set_key)
    dontShowAgainVisible = Property(bool, lambda self: bool(self.checkBox()), lambda self, value: self.setCheckBox(self._again if value else None))
    dontShowAgain = Property(bool, lambda self: self._again.isChecked(), lambda self, value: self._again.setChecked(value))
