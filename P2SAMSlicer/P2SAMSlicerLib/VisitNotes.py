"""The line above the review table: how the prior was aligned with the visits that are listed, and what was warned of."""

from __future__ import annotations

import qt

from . import VisitText


class VisitNotes:
    """Keeps a label at the visits that are listed.

    Parameters
    ----------
    label : qt.QLabel
    visits : VisitChoice
    store : ReviewStore
    """

    def __init__(self, label, visits, store):
        self.label = label
        self._visits = visits
        self._store = store
        self._gather = qt.QTimer()
        self._gather.setSingleShot(True)
        self._gather.setInterval(0)
        self._gather.connect("timeout()", self.refresh)
        store.listen(self._gather.start)
        visits.comboBox.connect("currentIndexChanged(int)", lambda _index: self._gather.start())
        self.refresh()

    def refresh(self) -> None:
        reviews = [self._store.review(node) for node in self._visits.nodes]
        self.label.setText(VisitText.page(reviews))
        self.label.setToolTip(VisitText.everything(reviews))
        self.label.setVisible(bool(reviews))

    def cleanup(self) -> None:
        self._gather.stop()
