"""The buttons that say how slices are looked at: side by side, with the chart, zoomed to the structure."""

from __future__ import annotations

import qt
import slicer
from slicer.i18n import tr as _

from . import MRMLPrompts, MRMLReview
from .Attempt import attempt
from .DistanceChart import DistanceChart
from .ReviewNodes import ReviewNodes

MODULE = "P2SAMSlicer"
OUTSIDE_MS = 500
"""How often it is looked whether the Segment Editor was left for another module."""


class ReviewViews:
    """Brings the views to the current slice in the way the buttons say.

    Parameters
    ----------
    ui : widgets by name, of Review.ui
    layout : ReviewLayout
    current, store
        Shared with the Review panel.
    tell : callable(sentence)
        Shows why something could not be done.
    """

    def __init__(self, ui, layout, current, store, tell):
        self.ui = ui
        self.layout = layout
        self.current = current
        self.store = store
        self.chart = DistanceChart(layout, store, current)
        self._tell = tell
        self._wasFollowing = False
        self._limiting = self._timer(self._limit)
        self._following = self._timer(self._followAgain)
        self._outside = self._timer(self._onOutside)
        self._outside.setSingleShot(False)
        self._outside.setInterval(OUTSIDE_MS)
        ui.sideBySideButton.setChecked(True)
        ui.zoomButton.setChecked(True)
        ui.sideBySideButton.connect("toggled(bool)", self._onSideBySide)
        ui.chartButton.connect("toggled(bool)", self._onChart)
        ui.zoomButton.connect("toggled(bool)", self._onZoom)
        layout.onClosed = self._onClosed
        store.listen(self._limiting.start)
        current.listen(lambda _source: self._limiting.start())

    @property
    def priorIndex(self) -> int | None:
        """The prior's slice on the screen, also where the method paired none."""
        return self.layout.pair.priorIndex if self.layout.isOpen else None

    def open(self) -> None:
        """The review layout, where the person wants it and it is not there yet."""
        if self.ui.sideBySideButton.checked and not self.layout.isOpen:
            self.layout.open(self.ui.chartButton.checked)

    def follow(self) -> None:
        """Show the current slice, its match, and the points of its structure."""
        review = self.store.review(self.current.node)
        if review is None:
            return
        nodes = ReviewNodes(self.current.node)
        if nodes.followup is None:
            self._tell(_("The follow-up of {visit} is no longer in the scene; load it again to see its slices.").format(visit=review.name))
            return
        every = [one for node in MRMLReview.findAll(self.store.scene) for one in ReviewNodes(node).allLists()]
        MRMLPrompts.showOnly(nodes.lists(self.current.structure), every)
        attempt(lambda: self.layout.follow(review, nodes), self._tell)

    def enter(self) -> None:
        """Back in the module: the ordinary views show the current slice again."""
        self._outside.stop()
        if self._wasFollowing and self.current.isSet and not self.layout.isFollowing:
            self.follow()
        self._wasFollowing = False

    def exit(self) -> None:
        """Another module has the ordinary views; in the Segment Editor, the slice that is reviewed is edited."""
        if self.layout.isFollowing and not self.layout.isOpen and slicer.util.selectedModule() != "SegmentEditor":
            self._letGo()
        elif self.layout.isFollowing and not self.layout.isOpen:
            self._outside.start()

    def _letGo(self) -> None:
        self._wasFollowing = True
        self.layout.letGo()

    def _onOutside(self) -> None:
        """The Segment Editor was left for another module, not for this one."""
        if slicer.util.selectedModule() not in ("SegmentEditor", MODULE):
            self._outside.stop()
            if self.layout.isFollowing and not self.layout.isOpen:
                self._letGo()

    def cleanup(self) -> None:
        self._limiting.stop()
        self._outside.stop()
        self._following.stop()
        self.chart.cleanup()
        self.layout.cleanup()

    def _onSideBySide(self, on: bool) -> None:
        if not on:
            self.layout.close()
            self._check(self.ui.chartButton, False)
            if self.current.isSet:
                self.follow()
        elif self.current.isSet:
            self.layout.open(self.ui.chartButton.checked)
            self.follow()

    def _onChart(self, on: bool) -> None:
        if on:
            self._check(self.ui.sideBySideButton, True)
        if self.layout.isOpen or on:
            self.layout.open(on)
            self.chart.refresh()
            if self.current.isSet:
                self.follow()

    def _onZoom(self, on: bool) -> None:
        self.layout.zoom = on

    def _onClosed(self) -> None:
        """The person chose another layout from Slicer's menu."""
        for button in (self.ui.sideBySideButton, self.ui.chartButton):
            self._check(button, False)
        if self.ui.reviewCollapsibleButton.visible:
            self._following.start()

    def _followAgain(self) -> None:
        """The views of the layout that was chosen show the current slice, and its CT."""
        if self.current.isSet and not self.layout.isOpen:
            self.follow()

    def _limit(self) -> None:
        """A visit came, or the slice is another one or was drawn again."""
        review = self.store.review(self.current.node)
        if review is None and self.layout.isFollowing and not self.layout.isOpen:
            self.layout.letGo()
        elif review is not None and self.layout.isFollowing and ReviewNodes(self.current.node).followup is not None:
            self.layout.limit(review, ReviewNodes(self.current.node))

    @staticmethod
    def _timer(action):
        timer = qt.QTimer()
        timer.setSingleShot(True)
        timer.setInterval(0)
        timer.connect("timeout()", action)
        return timer

    @staticmethod
    def _check(button, on: bool) -> None:
        blocked = button.blockSignals(True)
        button.setChecked(on)
        button.blockSignals(blocked)
