"""The list of visits above the review table."""

from __future__ import annotations

from slicer.i18n import tr as _


class VisitChoice:
    """Offers every visit of the scene, and all of them together where there are several.

    Parameters
    ----------
    comboBox : qt.QComboBox
    store : ReviewStore
    onChosen : callable()
    """

    def __init__(self, comboBox, store, onChosen):
        self.comboBox = comboBox
        self._store = store
        comboBox.connect("currentIndexChanged(int)", lambda _index: onChosen())

    @property
    def nodes(self) -> list:
        """Review nodes of the visits that are listed."""
        chosen = self._chosenId()
        return [node for node in self._store.nodes() if not chosen or node.GetID() == chosen]

    def choose(self, node) -> None:
        """List one visit only."""
        box = self.comboBox
        places = [place for place in range(box.count) if box.itemData(place) == node.GetID()]
        if places:
            box.setCurrentIndex(places[0])

    def refresh(self) -> None:
        """Offer the visits as they are now; what was chosen stays chosen."""
        box, nodes, chosen = self.comboBox, self._store.nodes(), self._chosenId()
        wanted = [("", _("All visits"))] if len(nodes) > 1 else []
        wanted += [(node.GetID(), self._title(node)) for node in nodes]
        if [(box.itemData(place), box.itemText(place)) for place in range(box.count)] != wanted:
            blocked = box.blockSignals(True)
            box.clear()
            for nodeId, title in wanted:
                box.addItem(title, nodeId)
            ids = [nodeId for nodeId, _title in wanted]
            box.setCurrentIndex(ids.index(chosen) if chosen in ids else 0)
            box.blockSignals(blocked)
        box.setEnabled(len(wanted) > 1)

    def _title(self, node) -> str:
        review = self._store.review(node)
        return review.name if review.complete else _("{visit} (incomplete)").format(visit=review.name)

    def _chosenId(self) -> str:
        box = self.comboBox
        return box.itemData(box.currentIndex) or "" if box.currentIndex >= 0 else ""
