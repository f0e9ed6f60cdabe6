"""Ticks several nodes of the scene."""

from PySide6.QtCore import Qt, Signal

from .node_combo_box import qMRMLNodeComboBox


class qMRMLCheckableNodeComboBox(qMRMLNodeComboBox):
    """A combo box of nodes with a tick each."""

    checkedNodesChanged = Signal()

    def __init__(self, parent=None):
        self._ticked, self._told = set(), []
        super().__init__(parent)
        self._box.model().dataChanged.connect(self._look)
        self._box.view().pressed.connect(self._press)
        self._box.setPlaceholderText("None")

    def checkedNodes(self):
        return [one for one in self._nodes if one.GetID() in self._ticked]

    def uncheckedNodes(self):
        return [one for one in self._nodes if one.GetID() not in self._ticked]

    def allChecked(self):
        return not self.uncheckedNodes()

    def noneChecked(self):
        return not self.checkedNodes()

    def checkState(self, node):
        return Qt.CheckState.Checked if node.GetID() in self._ticked else Qt.CheckState.Unchecked

    def setCheckState(self, node, state):
        item = self._item_of(node)
        if item is not None:
            item.setCheckState(Qt.CheckState(state))

    def check(self, node):
        self.setCheckState(node, Qt.CheckState.Checked)

    def uncheck(self, node):
        self.setCheckState(node, Qt.CheckState.Unchecked)

    def setUserCheckable(self, node, checkable):
        item = self._item_of(node)
        flags = item.flags()
        item.setFlags(flags | Qt.ItemFlag.ItemIsEnabled if checkable else flags & ~Qt.ItemFlag.ItemIsEnabled)

    def _keeps_empty(self):
        return True

    def _item_of(self, node):
        return self._box.model().item(self._row_of(node)) if node in self._nodes else None

    def _press(self, index):
        node = self.nodeFromIndex(index.row() - (1 if self._values["noneEnabled"] else 0))
        if node is not None:
            self.setCheckState(node, Qt.CheckState.Unchecked if node.GetID() in self._ticked else Qt.CheckState.Checked)

    def _filled(self):
        self._box.model().blockSignals(True)
        for node in self._nodes:
            item = self._item_of(node)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(self.checkState(node))
        self._box.model().blockSignals(False)
        self._tell()

    def _look(self, *_changed):
        rows = [self._item_of(one) for one in self._nodes]
        self._ticked = {node.GetID() for node, item in zip(self._nodes, rows) if item is not None and item.checkState() == Qt.CheckState.Checked}
        self._tell()

    def _tell(self):
        now = [one.GetID() for one in self.checkedNodes()]
        names = [one.GetName() or "" for one in self.checkedNodes()]
        self._box.setPlaceholderText(", ".join(names) or "None")
        if now != self._told:
            self._told = now
            self.checkedNodesChanged.emit()
