"""A group box whose contents fold away with its tick."""

from PySide6.QtCore import Property
from PySide6.QtWidgets import QGroupBox


class ctkCollapsibleGroupBox(QGroupBox):
    """Unticked, it shows only its title."""

    def __init__(self, title="", parent=None):
        super().__init__(title, parent) if isinstance(title, str) else super().__init__(title)
        self.setCheckable(True)
        self.setChecked(True)
        self._height = 14
        self.toggled.connect(self._fold)

    def _fold(self, open_):
        for one in self.children():
            if one.isWidgetType():
                one.setVisible(open_)
        self.setFlat(not open_)
        self.setMaximumHeight(16777215 if open_ else self._height + 10)

    def _set_collapsed(self, value):
        self.setChecked(not value)

    collapsed = Property(bool, lambda self: not self.isChecked(), _set_collapsed)

    def _set_height(self, value):
        self._height = value

    collapsedHeight = Property(int, lambda self: self._height, _set_height)
