"""The review layout: follow-up and prior side by side, linked slice by slice, with the chart below when it is wanted."""

from __future__ import annotations

import slicer

from . import MRMLReview, RowText
from .MRMLDisplays import DisplayGuard, freeFrom
from .MRMLViews import SliceGeometry, jumpAll, onScreen, segmentCentre
from .ReviewNodes import ReviewNodes
from .ViewPair import ViewPair

PLAIN, WITH_CHART = 27431, 27432
"""Layout numbers of our own, far from Slicer's."""
FOLLOWUP, PRIOR = "P2SAMFollowup", "P2SAMPrior"
FOLLOWUP_COLOR, PRIOR_COLOR = "#ffa51f", "#5cc3ff"
"""As in the report."""

_SLICE = """<item><view class="vtkMRMLSliceNode" singletontag="{tag}">
<property name="orientation" action="default">Axial</property>
<property name="viewlabel" action="default">{label}</property>
<property name="viewcolor" action="default">{color}</property>
<property name="viewgroup" action="default">{group}</property></view></item>"""
_CHART = """<item splitSize="260"><view class="vtkMRMLPlotViewNode" singletontag="P2SAMPlot">
<property name="viewlabel" action="default">D</property></view></item>"""
VIEW_GROUPS = {FOLLOWUP: 71, PRIOR: 72}
"""Each view in a group of its own: Slicer's linking would move both to the same millimetres, not to the matched slice."""


def layoutXml(chart: bool) -> str:
    """The description that Slicer's layout manager builds the views from."""
    views = _SLICE.format(tag=FOLLOWUP, label="F", color=FOLLOWUP_COLOR, group=VIEW_GROUPS[FOLLOWUP])
    views += _SLICE.format(tag=PRIOR, label="P", color=PRIOR_COLOR, group=VIEW_GROUPS[PRIOR])
    pair = f'<layout type="horizontal" split="true">{views}</layout>'
    if not chart:
        return pair
    return f'<layout type="vertical" split="true"><item splitSize="640">{pair}</item>{_CHART}</layout>'


class ReviewLayout:
    """Opens and closes the layout, and keeps its two views at the current slice.

    Parameters
    ----------
    current : CurrentSlice
        Where the person is; scrolling a view moves it.
    scene : vtkMRMLScene
    """

    def __init__(self, current, scene):
        self.scene = scene
        self._current = current
        self.zoom = True
        self.onClosed = None
        """Called when a person chose another layout."""
        self.guard = DisplayGuard()
        self.isFollowing = False
        """Whether the views were brought to the current slice: side by side, or the ordinary ones."""
        self._before = None
        self._arrangement = None
        self._segmentsShown = None
        self._observed = []
        self.pair = ViewPair(current)
        self._observe(scene, scene.StartCloseEvent, lambda *_: self.letGo())
        self._observe(scene, scene.StartSaveEvent, lambda *_: self.guard.release())
        self._observe(scene, scene.EndSaveEvent, lambda *_: self.guard.resume())
        self._observe(scene, scene.EndImportEvent, lambda *_: self._onImported())
        layoutNode = self._layoutNode()
        if layoutNode is not None:
            self._arrangement = layoutNode.GetViewArrangement()
            self._observe(layoutNode, "ModifiedEvent", lambda *_: self._onLayoutChanged())

    @property
    def isOpen(self) -> bool:
        layoutNode = self._layoutNode()
        return layoutNode is not None and layoutNode.GetViewArrangement() in (PLAIN, WITH_CHART)

    @property
    def hasChart(self) -> bool:
        return self.isOpen and self._layoutNode().GetViewArrangement() == WITH_CHART

    def open(self, chart: bool = False) -> bool:
        """Show the layout. False where the application has no views, as without a main window."""
        manager, layoutNode = slicer.app.layoutManager(), self._layoutNode()
        if manager is None or layoutNode is None:
            return False
        if not self.isOpen:
            self._before = layoutNode.GetViewArrangement()
        for number, withChart in ((PLAIN, False), (WITH_CHART, True)):
            if not layoutNode.IsLayoutDescription(number):
                layoutNode.AddLayoutDescription(number, layoutXml(withChart))
        wanted = WITH_CHART if chart else PLAIN
        if layoutNode.GetViewArrangement() != wanted:
            manager.setLayout(wanted)
        self._attach()
        return True

    def close(self) -> None:
        """Back to the layout that was there before."""
        manager = slicer.app.layoutManager()
        self.letGo()
        if manager is not None and self.isOpen:
            manager.setLayout(self._before if self._before is not None else slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView)

    def follow(self, review, nodes) -> None:
        """Show the current slice and its match; called when the current slice changed.

        Parameters
        ----------
        review : VisitReview
        nodes : ReviewNodes
            The nodes the review refers to.
        """
        self.isFollowing = True
        if self.isOpen:
            self._attach()
            self.limit(review, nodes)
            self.pair.follow(review, nodes, self.zoom)
        else:
            self.limit(review, nodes)
            self._showFollowup(nodes.followup)
            geometry = SliceGeometry(nodes.followup, review.sliceAxis)
            centre = segmentCentre(nodes.segmentation, review.structure(self._current.structure).segmentId)
            jumpAll(self._ordinaryViews(), geometry, self._current.index, centre)

    def limit(self, review, nodes) -> None:
        """Of all visits show this one's contours and points only, each on its own CT, and points that were not used dim.

        Called again whenever a visit came or a slice changed; of the prior only what was propagated is shown.
        """
        slices = review.structure(self._current.structure).slices if self._current.structure in review.names else {}
        one = slices.get(self._current.index)
        self.guard.limit(nodes.looks(*self.pair.viewIds, faded=one is not None and not RowText.usesPoints(one)))
        if nodes.priorSegmentation is not None and self.pair.isAttached:
            segments = (nodes.priorSegmentation, *nodes.priorSegments(structure.priorSegmentId for structure in review.structures))
            if segments != self._segmentsShown:
                self.guard.showSegments(nodes.priorSegmentation.GetDisplayNode(), *segments[1:])
                self._segmentsShown = segments

    def letGo(self) -> None:
        """The views are on their own, and everything is shown as it was."""
        self.isFollowing = False
        self._segmentsShown = None
        self.pair.detach()
        self.guard.restore()

    def plotView(self):
        """The chart's view; None where it is not shown."""
        manager = slicer.app.layoutManager()
        if manager is None or not self.hasChart:
            return None
        for number in range(manager.plotViewCount):
            widget = manager.plotWidget(number)
            if widget.mrmlPlotViewNode().GetSingletonTag() == "P2SAMPlot":
                return widget.plotView()
        return None

    def showChart(self, chartNode) -> None:
        view = self.scene.GetSingletonNode("P2SAMPlot", "vtkMRMLPlotViewNode")
        if view is not None and chartNode is not None and view.GetPlotChartNodeID() != chartNode.GetID():
            view.SetPlotChartNodeID(chartNode.GetID())

    def cleanup(self) -> None:
        self.letGo()
        for subject, tag in self._observed:
            subject.RemoveObserver(tag)
        self._observed.clear()

    def _showFollowup(self, volume) -> None:
        """Its contours lie on it, and on no other CT: it becomes the background of every view that is moved."""
        for widget in self._ordinaryWidgets():
            composite = widget.sliceLogic().GetSliceCompositeNode()
            if composite.GetBackgroundVolumeID() != volume.GetID():
                composite.SetBackgroundVolumeID(volume.GetID())
                widget.fitSliceToBackground()

    def _ordinaryWidgets(self) -> list:
        """Of the slice views that are on the screen now."""
        manager = slicer.app.layoutManager()
        widgets = [manager.sliceWidget(name) for name in manager.sliceViewNames()] if manager is not None else []
        return [widget for widget in widgets if onScreen([widget.mrmlSliceNode()])]

    def _ordinaryViews(self) -> list:
        return [widget.mrmlSliceNode() for widget in self._ordinaryWidgets()]

    def _attach(self) -> None:
        manager = slicer.app.layoutManager()
        widgets = [manager.sliceWidget(tag) for tag in (FOLLOWUP, PRIOR)]
        if None not in widgets:
            self.pair.attach(*[(widget.mrmlSliceNode(), widget.sliceLogic().GetSliceCompositeNode()) for widget in widgets])

    def _onImported(self) -> None:
        """A scene may have been saved while its contours were limited to our views."""
        if self.pair.isAttached:
            return
        nodes = [ReviewNodes(node) for node in MRMLReview.findAll(self.scene)]
        shown = [one for each in nodes for one in (each.segmentation, each.priorSegmentation, *each.allLists()) if one is not None]
        views = [self.scene.GetSingletonNode(tag, "vtkMRMLSliceNode") for tag in (FOLLOWUP, PRIOR)]
        freeFrom([one.GetDisplayNode() for one in shown], [view.GetID() for view in views if view is not None])

    def _onLayoutChanged(self) -> None:
        """The person chose another layout: nothing of ours stays limited to views that are gone, and new views are told of."""
        arrangement = self._layoutNode().GetViewArrangement()
        if arrangement == self._arrangement:
            return
        self._arrangement = arrangement
        wasAttached = self.pair.isAttached
        if self.isOpen or not (wasAttached or self.isFollowing):
            return
        if wasAttached:
            self.letGo()
        if self.onClosed is not None:
            self.onClosed()

    def _layoutNode(self):
        manager = slicer.app.layoutManager()
        return manager.layoutLogic().GetLayoutNode() if manager is not None else None

    def _observe(self, subject, event, callback) -> None:
        self._observed.append((subject, subject.AddObserver(event, callback)))
