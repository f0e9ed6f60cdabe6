"""The slice views while a run draws: the follow-up, at the slice that came last."""

import time

import slicer
import vtk

from .MRMLViews import SliceGeometry, jumpAll, onScreen
from .ReviewNodes import ReviewNodes

SECONDS_BETWEEN = 0.4
"""A view is moved no more often, so that slices can be seen and rendering does not hold up the run."""


class LiveView:
    """Follows a run in the ordinary slice views, until the person chooses a slice to look at.

    Parameters
    ----------
    scene : vtkMRMLScene
    layout : ReviewLayout
        Whose views, and whose guard of displays, these are while a slice is reviewed.
    """

    def __init__(self, scene, layout):
        self._scene = scene
        self._layout = layout
        self._turned = {}
        self._backgrounds = {}
        self._shown = None
        self._geometry = None
        self._last = 0.0

    def makeRoom(self, sideBySideButton):
        """Give the ordinary views back for a run; the review opens its own again after it, where the user had them."""
        isWanted = sideBySideButton.checked
        self._layout.close()
        blocked = sideBySideButton.blockSignals(True)
        sideBySideButton.setChecked(isWanted)
        sideBySideButton.blockSignals(blocked)

    def follow(self, job, index):
        """Show a slice of the follow-up that is being drawn; contours and points of other visits and of the prior belong to
        another CT, and are hidden meanwhile."""
        now = time.monotonic()
        if self._layout.isFollowing:
            return
        if job.case.followup is not self._shown:
            self._begin(job.case.followup)
        elif now - self._last < SECONDS_BETWEEN:
            return
        self._last = now
        self._layout.guard.limit(ReviewNodes(job.reviewNode).looks())
        nodes = onScreen(self._nodes("vtkMRMLSliceNode"))
        for node in nodes:
            self._turned.setdefault(node, _copyOf(node.GetSliceToRAS()))
        jumpAll(nodes, self._geometry, index)

    def stop(self):
        """What was hidden is shown again, and the views are as they were before the run; those that the person took meanwhile stay."""
        if not self._layout.isFollowing:
            self._layout.guard.restore()
        if not self._layout.isFollowing or self._layout.isOpen:
            self._giveBack()
        self._turned, self._backgrounds = {}, {}
        self._shown = self._geometry = None

    def _begin(self, followup):
        self._shown, self._geometry = followup, SliceGeometry(followup)
        for node in self._nodes("vtkMRMLSliceCompositeNode"):
            self._backgrounds.setdefault(node, node.GetBackgroundVolumeID())
        slicer.util.setSliceViewerLayers(background=followup, fit=True)

    def _giveBack(self):
        there = self._nodes("vtkMRMLSliceNode")
        for node, matrix in self._turned.items():
            if node in there:
                node.GetSliceToRAS().DeepCopy(matrix)
                node.UpdateMatrices()
        taken = [*self._layout.pair.composites]
        for node, volume in self._backgrounds.items():
            if node not in taken and node.GetScene() is self._scene and (volume is None or self._scene.GetNodeByID(volume) is not None):
                node.SetBackgroundVolumeID(volume)

    def _nodes(self, className):
        count = self._scene.GetNumberOfNodesByClass(className)
        return [self._scene.GetNthNodeByClass(number, className) for number in range(count)]


def _copyOf(matrix):
    copy = vtk.vtkMatrix4x4()
    copy.DeepCopy(matrix)
    return copy
