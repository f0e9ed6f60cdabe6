"""A section of a panel that is folded by pressing its title."""

from PySide6.QtCore import Property, QRect, QSize, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QStyle, QStyleOption, QStyleOptionButton

from ..kept import kept

TITLE_HEIGHT = 26


class ctkCollapsibleButton(QAbstractButton):
    """Shows its children under a title bar, or only the title."""

    contentsCollapsed = Signal(bool)

    def __init__(self, parent=None):
        super().__init__(parent)
        self.setCheckable(True)
        self.setChecked(True)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.setContentsMargins(0, TITLE_HEIGHT, 0, 0)
        self._collapsed, self._hidden = False, []
        self._collapsedHeight, self._flat, self._values = 10, False, {}
        self.toggled.connect(lambda on: self._fold(not on))

    def _fold(self, collapsed):
        if collapsed == self._collapsed:
            return
        self._collapsed = collapsed
        if collapsed:
            self._hidden = [one for one in self._children() if not one.isHidden()]
        for one in self._hidden:
            one.setVisible(not collapsed)
        self.setMaximumHeight(TITLE_HEIGHT + self._collapsedHeight if collapsed else 16777215)
        self.updateGeometry()
        self.update()
        self.contentsCollapsed.emit(collapsed)

    def _children(self):
        return [one for one in self.children() if one.isWidgetType() and not one.isWindow()]

    def _collapsed_value(self):
        return self._collapsed

    def _set_collapsed(self, value):
        self.setChecked(not value)

    collapsed = Property(bool, _collapsed_value, _set_collapsed, notify=contentsCollapsed)

    def _set_collapsed_height(self, value):
        self._collapsedHeight = value

    collapsedHeight = Property(int, lambda self: self._collapsedHeight, _set_collapsed_height)

    def _set_flat(self, value):
        self._flat = value

    flat = Property(bool, lambda self: self._flat, _set_flat)

    buttonTextAlignment, indicatorAlignment = kept("buttonTextAlignment", int), kept("indicatorAlignment", int)
    contentsFrameShape, contentsFrameShadow = kept("contentsFrameShape", int), kept("contentsFrameShadow", int)
    contentsLineWidth, contentsMidLineWidth = kept("contentsLineWidth", int), kept("contentsMidLineWidth", int)

    def showEvent(self, event):
        super().showEvent(event)
        if self._collapsed:
            self._hidden += [one for one in self._children() if not one.isHidden() and one not in self._hidden]
            for one in self._hidden:
                one.hide()

    def sizeHint(self):
        title = QSize(self.fontMetrics().horizontalAdvance(self.text()) + 40, TITLE_HEIGHT)
        if self._collapsed or self.layout() is None:
            return title
        return self.layout().totalSizeHint().expandedTo(title)

    def minimumSizeHint(self):
        title = QSize(40, TITLE_HEIGHT)
        return title if self._collapsed or self.layout() is None else self.layout().totalMinimumSize().expandedTo(title)

    def hitButton(self, position):
        return position.y() <= TITLE_HEIGHT

    def paintEvent(self, event):
        painter = QPainter(self)
        option = QStyleOptionButton()
        option.initFrom(self)
        option.rect = QRect(0, 0, self.width(), TITLE_HEIGHT)
        self.style().drawControl(QStyle.ControlElement.CE_PushButtonBevel, option, painter, self)
        arrow = QStyleOption()
        arrow.initFrom(self)
        arrow.rect = QRect(6, 5, 16, 16)
        element = QStyle.PrimitiveElement.PE_IndicatorArrowRight if self._collapsed else QStyle.PrimitiveElement.PE_IndicatorArrowDown
        self.style().drawPrimitive(element, arrow, painter, self)
        painter.drawText(QRect(28, 0, self.width() - 30, TITLE_HEIGHT), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.text())
