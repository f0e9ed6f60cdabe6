"""The slice views while a run draws: the follow-up, at the slice that came last."""

import time

import slicer
import vtk

from .MRMLDisplays import DisplayGuard
from .MRMLViews import SliceGeometry, jumpAll, onScreen

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
        self._turned = {}
        self._shown = None
        self._geometry = None
        self._last = 0.0

    @staticmethod
    def makeRoom(reviewLayout, sideBySideButton):
        """Give the ordinary views back for a run; the review opens its own again after it, where the user had them."""
        isWanted = sideBySideButton.checked
        reviewLayout.close()
        blocked = sideBySideButton.blockSignals(True)
        sideBySideButton.setChecked(isWanted)
        sideBySideButton.blockSignals(blocked)

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
        nodes = onScreen(self._sliceNodes())
        for node in nodes:
            self._turned.setdefault(node, _copyOf(node.GetSliceToRAS()))
        jumpAll(nodes, self._geometry, index)

    def stop(self):
        """What was hidden is shown again, and views that were turned to the slices are turned back."""
        self._guard.restore()
        there = self._sliceNodes()
        for node, matrix in self._turned.items():
            if node in there:
                node.GetSliceToRAS().DeepCopy(matrix)
                node.UpdateMatrices()
        self._turned = {}
        self._shown = self._geometry = None

    def _sliceNodes(self):
        count = self._scene.GetNumberOfNodesByClass("vtkMRMLSliceNode")
        return [self._scene.GetNthNodeByClass(number, "vtkMRMLSliceNode") for number in range(count)]


def _copyOf(matrix):
    copy = vtk.vtkMatrix4x4()
    copy.DeepCopy(matrix)
    return copy
