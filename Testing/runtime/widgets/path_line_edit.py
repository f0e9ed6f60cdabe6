"""A path that is typed or chosen."""

from PySide6.QtCore import Property, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QToolButton, QWidget

from ..kept import kept


class ctkPathLineEdit(QWidget):
    """A line with a path and a button that opens the file dialog."""

    currentPathChanged = Signal(str)
    Dirs, Files, Drives, Readable, Writable, Executable, Hidden = 1, 2, 4, 16, 32, 64, 256

    def __init__(self, parent=None):
        super().__init__(parent)
        self._box, self._button, self._values = QComboBox(self), QToolButton(self), {}
        self._box.setEditable(True)
        self._button.setText("...")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._box, 1)
        row.addWidget(self._button)
        self._box.editTextChanged.connect(self.currentPathChanged)

    def setCurrentPath(self, path):
        self._box.setEditText(path)

    def addCurrentPathToHistory(self):
        self._box.addItem(self._box.currentText())

    def browse(self):
        from PySide6.QtWidgets import QFileDialog

        from .. import modality

        modality.check(QFileDialog, "getOpenFileName")

    currentPath = Property(str, lambda self: self._box.currentText(), setCurrentPath, notify=currentPathChanged)
    filters = Property(int, lambda self: self._values.get("filters", 7), lambda self, value: self._values.__setitem__("filters", int(value)))
    nameFilters, label = kept("nameFilters", "QStringList", []), kept("label", str, "")
    settingKey, showHistoryButton = kept("settingKey", str, ""), kept("showHistoryButton", bool, True)
    showBrowseButton = Property(bool, lambda self: not self._button.isHidden(), lambda self, value: self._button.setVisible(value))
