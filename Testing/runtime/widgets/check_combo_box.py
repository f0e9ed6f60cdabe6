"""A combo box whose rows have ticks."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox


class ctkCheckableComboBox(QComboBox):
    """Shows the ticked rows as its text."""

    checkedIndexesChanged = Signal()

    def __init__(self, parent=None):
        super().__init__(parent)
        self._ticked = None
        self.model().rowsInserted.connect(self._make_checkable)
        self.model().dataChanged.connect(self._look)
        self.view().pressed.connect(self._press)

    def _make_checkable(self, parent, first, last):
        for row in range(first, last + 1):
            item = self.model().item(row)
            if item.data(Qt.ItemDataRole.CheckStateRole) is None:
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                item.setCheckState(Qt.CheckState.Unchecked)

    def _press(self, index):
        self.setCheckState(index, Qt.CheckState.Unchecked if self.checkState(index) == Qt.CheckState.Checked else Qt.CheckState.Checked)

    def _look(self, *_changed):
        ticked = [one.row() for one in self.checkedIndexes()]
        if ticked != self._ticked:
            self._ticked = ticked
            self.checkedIndexesChanged.emit()

    def checkedIndexes(self):
        model = self.model()
        return [model.index(row, 0) for row in range(model.rowCount()) if model.item(row).checkState() == Qt.CheckState.Checked]

    def allChecked(self):
        return len(self.checkedIndexes()) == self.count()

    def noneChecked(self):
        return not self.checkedIndexes()

    def checkState(self, index):
        return self.model().itemFromIndex(index).checkState()

    def setCheckState(self, index, state):
        self.model().itemFromIndex(index).setCheckState(state)

    def checkableModel(self):
        return self.model()
