"""A slice view of Slicer draws what was written, although the voxels are changed in place."""

import numpy as np
import pytest
import slicer
import vtk
from P2SAMSlicerLib.MRMLSegmentations import addSegment, createResult, writeSlices
from P2SAMSlicerLib.MRMLVolumes import volumeOf
from segment_scene import add_volume, matrix
from vtk.util.numpy_support import vtk_to_numpy

MANAGER = "vtkMRMLSegmentationsDisplayableManager2D"
SHAPE, INDEX, SIZE = (20, 64, 48), 8, 240


class SliceView:
    """Segmentations on one axial slice, drawn offscreen by MRML's own displayable manager."""

    def __init__(self, scene, centre_ras):
        application = slicer.vtkMRMLApplicationLogic()
        application.SetMRMLScene(scene)
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        factory.SetMRMLApplicationLogic(application)
        self.node = slicer.vtkMRMLSliceNode()
        self.node.SetLayoutName("Red")
        scene.AddNode(self.node)
        self.node.SetDimensions(SIZE, SIZE, 1)
        self.node.SetFieldOfView(80, 80, 1)
        self.node.JumpSliceByCentering(*centre_ras)
        self.window, renderer = vtk.vtkRenderWindow(), vtk.vtkRenderer()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)
        self.window.SetSize(SIZE, SIZE)
        self.window.AddRenderer(renderer)
        renderer.GetActiveCamera().ParallelProjectionOn()
        interactor = vtk.vtkGenericRenderWindowInteractor()
        interactor.SetRenderWindow(self.window)
        interactor.Initialize()
        if not factory.IsDisplayableManagerRegistered(MANAGER):
            factory.RegisterDisplayableManager(MANAGER)
        self.asked, self.managers = [], factory.InstantiateDisplayableManagers(renderer)
        self.managers.AddObserver(vtk.vtkCommand.UpdateEvent, lambda *_event: self.asked.append(True))
        self.managers.SetMRMLDisplayableNode(self.node)
        self.kept = application, interactor

    def red(self):
        """Pixels in which the segment is drawn."""
        self.window.Render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(self.window)
        grab.ReadFrontBufferOff()
        grab.Update()
        pixels = vtk_to_numpy(grab.GetOutput().GetPointData().GetScalars())
        return int((pixels[:, 0].astype(int) - pixels[:, 1] > 20).sum())


@pytest.mark.parametrize("ijk_to_ras", [matrix(np.diag([-1.0, -1, 1]), (1.1, 0.8, 2.5)), matrix(np.diag([1.0, -1, 1]), (1.1, 0.8, 2.5))], ids=["as DICOM", "left-handed"])
def test_a_slice_view_follows_slices_as_they_are_written_and_cleared(scene, ijk_to_ras):
    followup = add_volume(scene, ijk_to_ras, SHAPE)
    view = SliceView(scene, (volumeOf(followup)[1] @ [24, 32, INDEX, 1])[:3])
    node = createResult(scene, followup)
    one = addSegment(node, followup, "lung", colorRgb=(1, 0, 0))
    node.GetDisplayNode().SetVisibility2DOutline(False)
    area = SIZE**2 / 80**2 * 1.1 * 0.8  # screen pixels of one voxel
    masks = [np.zeros(SHAPE[1:], bool) for _number in range(3)]
    masks[0][10:50, 10:40] = True
    masks[1][30:40, 20:30] = True
    assert view.red() == 0
    for mask in masks:
        view.asked.clear()
        writeSlices(node, followup, one, {INDEX: mask}, 0)
        assert view.asked, "the view is told to draw"
        assert view.red() == pytest.approx(mask.sum() * area, rel=0.08, abs=1)
    view.asked.clear()
    writeSlices(node, followup, one, {INDEX + 3: masks[0]}, 0)
    assert view.red() == 0, "another slice"
