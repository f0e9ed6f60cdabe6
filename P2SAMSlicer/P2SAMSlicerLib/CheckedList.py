"""A list or tree widget whose rows can be ticked."""

import qt

LEAST_ROWS, MOST_ROWS = 2, 6
ROW_MARGIN = 5


class CheckedList:
    """Rows with a key, some texts, a colour, a tooltip, and a tick.

    Parameters
    ----------
    widget : QListWidget or QTreeWidget
    onTicked : callable(list of keys)
        Told what is ticked after the user ticked something.
    """

    def __init__(self, widget, onTicked):
        self.widget = widget
        self._onTicked = onTicked
        self._isTree = widget.inherits("QTreeWidget")
        self._rows = None
        self._items = {}
        widget.connect("itemChanged(QTreeWidgetItem*,int)" if self._isTree else "itemChanged(QListWidgetItem*)", self._onItem)

    def show(self, rows, ticked):
        """Show these rows: (key, texts, colour as 3 floats or None, tooltip) each; made anew only where they changed."""
        blocked = self.widget.blockSignals(True)
        if rows != self._rows:
            self._rows = list(rows)
            self.widget.clear()
            self._items = {key: self._item(texts, color, tip) for key, texts, color, tip in rows}
            self._fit(len(self._rows))
        for key, item in self._items.items():
            self._setTicked(item, key in ticked)
        self.widget.blockSignals(blocked)

    def keys(self):
        return list(self._items)

    def ticked(self):
        """Keys of the ticked rows, in their order."""
        return [key for key, item in self._items.items() if self._isTicked(item)]

    def tick(self, key, on=True):
        """Tick one row as a person would."""
        self._setTicked(self._items[key], on)

    def tickAll(self, on):
        """Tick or untick all rows, and tell once."""
        blocked = self.widget.blockSignals(True)
        for item in self._items.values():
            self._setTicked(item, on)
        self.widget.blockSignals(blocked)
        self._onTicked(self.ticked())

    def _fit(self, count):
        """As high as its rows, within limits; more are scrolled."""
        row = qt.QFontMetrics(self.widget.font).height() + ROW_MARGIN
        height = row * (min(max(count, LEAST_ROWS), MOST_ROWS) + (1 if self._isTree else 0)) + 2 * ROW_MARGIN
        self.widget.setFixedHeight(height)

    def _item(self, texts, color, tip):
        if self._isTree:
            item = qt.QTreeWidgetItem()
            for column, text in enumerate(texts):
                item.setText(column, text)
                item.setToolTip(column, tip)
            self.widget.addTopLevelItem(item)
        else:
            item = qt.QListWidgetItem(texts[0])
            item.setToolTip(tip)
            self.widget.addItem(item)
        item.setFlags(qt.Qt.ItemIsUserCheckable | qt.Qt.ItemIsEnabled)
        if color is not None:
            self._setSwatch(item, color)
        return item

    def _setSwatch(self, item, color):
        pixmap = qt.QPixmap(14, 14)
        pixmap.fill(qt.QColor.fromRgbF(*color))
        icon = qt.QIcon(pixmap)
        item.setIcon(0, icon) if self._isTree else item.setIcon(icon)

    def _isTicked(self, item):
        state = item.checkState(0) if self._isTree else item.checkState()
        return state == qt.Qt.Checked

    def _setTicked(self, item, on):
        state = qt.Qt.Checked if on else qt.Qt.Unchecked
        item.setCheckState(0, state) if self._isTree else item.setCheckState(state)

    def _onItem(self, *changed):
        self._onTicked(self.ticked())
