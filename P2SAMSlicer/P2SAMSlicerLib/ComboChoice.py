"""A combo box that shows titles and stands for keys of one parameter."""

import qt


class ComboChoice:
    """Ties a combo box to a text field of the parameter node.

    Parameters
    ----------
    comboBox : QComboBox
    name : str
        Field of the parameter node.
    onChosen : callable(key) or None
        Told what the user chose, after the field has it.
    """

    def __init__(self, comboBox, name, onChosen=None):
        self.comboBox = comboBox
        self.name = name
        self._onChosen = onChosen
        self._parameterNode = None
        self._keys = []
        comboBox.connect("currentIndexChanged(int)", self._onIndex)

    def setChoices(self, choices):
        """Fill the list: (key, title) or (key, title, tooltip) each; what was chosen stays chosen."""
        blocked = self.comboBox.blockSignals(True)
        self.comboBox.clear()
        self._keys = []
        for key, title, *tip in choices:
            self.comboBox.addItem(title)
            self._keys.append(key)
            if tip:
                self.comboBox.setItemData(len(self._keys) - 1, tip[0], qt.Qt.ToolTipRole)
        self.comboBox.blockSignals(blocked)
        self.refresh()

    def setParameterNode(self, parameterNode):
        self._parameterNode = parameterNode
        self.refresh()

    def refresh(self):
        """Show the key that the field has; one that is not in the list shows nothing chosen."""
        if self._parameterNode is None:
            return
        key = getattr(self._parameterNode, self.name)
        index = self._keys.index(key) if key in self._keys else -1
        if index != self.comboBox.currentIndex:
            blocked = self.comboBox.blockSignals(True)
            self.comboBox.setCurrentIndex(index)
            self.comboBox.blockSignals(blocked)

    def choose(self, key):
        """Choose as a person would."""
        self.comboBox.setCurrentIndex(self._keys.index(key))

    def _onIndex(self, index):
        if self._parameterNode is None or not 0 <= index < len(self._keys):
            return
        setattr(self._parameterNode, self.name, self._keys[index])
        if self._onChosen is not None:
            self._onChosen(self._keys[index])
