"""The slice views while a run draws: the follow-up, at the slice that came last."""

import time

import slicer

from .MRMLDisplays import DisplayGuard
from .MRMLViews import SliceGeometry, jumpAll

SECONDS_BETWEEN = 0.4
"""A view is moved no more often, so that slices can be seen and rendering does not hold up the run."""


class LiveView:
    """Follows a run in the ordinary slice views.

    Parameters
    ----------
    scene : vtkMRMLScene
    """

    def __init__(self, scene):
        self._scene = scene
        self._guard = DisplayGuard()
        self._shown = None
        self._geometry = None
        self._last = 0.0

    def follow(self, case, index):
        """Show a slice of the follow-up that is being drawn; the prior's contours are hidden meanwhile, they belong to another CT."""
        now = time.monotonic()
        if case.followup is not self._shown:
            self._shown, self._geometry = case.followup, SliceGeometry(case.followup)
            slicer.util.setSliceViewerLayers(background=case.followup, fit=True)
            self._guard.show(case.priorSegmentation.GetDisplayNode(), ())
        elif now - self._last < SECONDS_BETWEEN:
            return
        self._last = now
        nodes = [self._scene.GetNthNodeByClass(number, "vtkMRMLSliceNode") for number in range(self._scene.GetNumberOfNodesByClass("vtkMRMLSliceNode"))]
        jumpAll(nodes, self._geometry, index)

    def stop(self):
        """Everything that was hidden is shown again."""
        self._guard.restore()
        self._shown = self._geometry = None
