"""The chart of distances in the review layout: shown for the current visit, and a click on a point goes to its slice."""

from __future__ import annotations

from . import MRMLReview, MRMLTables


class DistanceChart:
    """Keeps the chart's view at the current visit.

    Parameters
    ----------
    layout : ReviewLayout
    store : ReviewStore
    current : CurrentSlice
    """

    def __init__(self, layout, store, current):
        self._layout = layout
        self._store = store
        self._current = current
        self._view = None
        self._drawn = {}

    def refresh(self) -> None:
        """Draw the chart of the current visit where the chart is on the screen."""
        view = self._layout.plotView()
        if view is not None and view is not self._view:
            view.connect("dataSelected(vtkStringArray*,vtkCollection*)", self._onPicked)
            self._view = view
        node = self._current.node
        review = self._store.review(node)
        if view is None or review is None:
            return
        stamp = hash(node.GetText())
        chart = MRMLReview.reference(node, "chart")
        if chart is None or self._drawn.get(node.GetID()) != stamp:
            chart, _series = MRMLTables.distanceChart(self._layout.scene, review, chart, MRMLReview.reference(node, "followup"))
            if MRMLReview.reference(node, "chart") is not chart:
                MRMLReview.setReferences(node, chart=chart)
            self._drawn[node.GetID()] = stamp
        self._layout.showChart(chart)

    def pick(self, series, row: int) -> bool:
        """Go to the slice of a point of a series; False where it is no point of the current visit."""
        point = MRMLTables.pointOf(series, row)
        if point is None or not self._current.isSet:
            return False
        return self._current.set(self._current.node, *point, "chart")

    def cleanup(self) -> None:
        if self._view:  # false also where the application has deleted it, as on its way out
            self._view.disconnect("dataSelected(vtkStringArray*,vtkCollection*)", self._onPicked)
        self._view = None
        self._drawn.clear()

    def _onPicked(self, seriesIds, selections) -> None:
        for number in range(seriesIds.GetNumberOfValues()):
            series = self._layout.scene.GetNodeByID(seriesIds.GetValue(number))
            rows = selections.GetItemAsObject(number)
            if series is not None and rows is not None and rows.GetNumberOfValues():
                self.pick(series, int(rows.GetValue(0)))
                return
