"""Slice views show the scene: volumes, segments and points are drawn where they lie, and clicks reach them."""

import numpy as np
import pytest
import qt
import slicer
import slicer.util
import vtk
from P2SAMSlicerLib.CurrentSlice import CurrentSlice
from P2SAMSlicerLib.Layout import ReviewLayout
from P2SAMSlicerLib.MRMLViews import SliceGeometry, jumpAll, onScreen


@pytest.fixture
def volume(scene, mainWindow, application):
    """A flipped, anisotropic volume, 40 columns, 52 rows, 24 slices, shown in every view."""
    array = np.full((24, 52, 40), -800, dtype=np.int16)
    array[4:20, 8:44, 6:34] = 40
    toRas = np.diag([-1.5, -1.25, 3.0, 1.0])
    toRas[:3, 3] = (30, 32, -36)
    node = slicer.util.addVolumeFromArray(array, toRas, "CT")
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetAutoWindowLevel(False)
    node.GetDisplayNode().SetWindowLevel(1500, -160)
    layout = slicer.app.layoutManager()
    layout.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView)
    application.processEvents()
    slicer.util.setSliceViewerLayers(background=node, foreground=None, label=None, fit=True)
    jump(0.0)
    return node


def jump(superior):
    """Shows the axial slice at that height, in mm."""
    slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode().JumpSliceByCentering(0, 0, superior)


def pixels(name="Red"):
    """(height, width, 3) uint8 of a view, as a person sees it."""
    view = slicer.app.layoutManager().sliceWidget(name).sliceView()
    view.forceRender()
    slicer.app.processEvents()
    image = view.grab().toImage().convertToFormat(qt.QImage.Format_RGB888)
    height, width, stride = image.height(), image.width(), image.bytesPerLine()
    return np.frombuffer(bytes(image.constBits()), np.uint8)[: height * stride].reshape(height, stride)[:, : 3 * width].reshape(height, width, 3).astype(int)


def changed(before, after):
    """Number of pixels that look different."""
    return int((np.abs(before - after).max(axis=2) > 30).sum())


def test_a_volume_is_drawn_with_its_window(volume):
    shown = pixels()
    bright, dark = (shown.max(axis=2) > 150).mean(), (shown.max(axis=2) < 60).mean()
    assert 0.2 < bright < 0.8 and dark > 0.1, "the body is bright on a dark ground"
    slicer.mrmlScene.GetFirstNodeByName("CT").GetDisplayNode().SetWindowLevel(100, 1000)
    assert (pixels().max(axis=2) < 60).all(), "a window above the body's values leaves it black"


def test_a_point_is_drawn_on_its_own_slice_only(volume, scene):
    points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "GTV +")
    points.CreateDefaultDisplayNodes()
    before = {height: pixels_at(height) for height in (0.0, 12.0)}
    points.AddControlPoint(vtk.vtkVector3d(4.0, -6.0, 0.0), "p1 · slice 12")
    points.GetDisplayNode().SetSelectedColor(0, 1, 0)
    after = {height: pixels_at(height) for height in (0.0, 12.0)}
    assert changed(before[0.0], after[0.0]) > 20, "the point and its label are drawn on its slice"
    assert changed(before[12.0], after[12.0]) == 0, "and not four slices away"


def pixels_at(height):
    jump(height)
    return pixels()


def test_a_segment_is_drawn_in_its_colour(volume, scene):
    before = pixels_at(0.0)
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "CT P2SAM")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    name = node.GetSegmentation().AddEmptySegment("GTV", "GTV", (1, 0, 0))
    mask = np.zeros((24, 52, 40), np.uint8)
    mask[6:18, 20:32, 12:24] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, name, volume)
    after = pixels_at(0.0)
    red = (after[..., 0] - after[..., 2] > 40) & (np.abs(before[..., 0] - before[..., 2]) < 10)
    assert red.sum() > 500
    assert changed(pixels_at(33.0), pixels_at(33.0)) == 0


def test_two_views_side_by_side_are_laid_out_from_their_description(volume, scene, application):
    layout = slicer.app.layoutManager()
    text = '<layout type="horizontal" split="true">' + "".join(
        f'<item><view class="vtkMRMLSliceNode" singletontag="{name}"><property name="orientation" action="default">Axial</property>'
        f'<property name="viewlabel" action="default">{name[0]}</property><property name="viewcolor" action="default">#E17012</property></view></item>'
        for name in ("Prior", "Followup")
    ) + "</layout>"
    layout.layoutLogic().GetLayoutNode().AddLayoutDescription(1234, text)
    layout.setLayout(1234)
    application.processEvents()
    names = layout.sliceViewNames()
    assert {"Prior", "Followup"} <= set(names)
    left, right = (layout.sliceWidget(name) for name in ("Prior", "Followup"))
    assert left.visible and right.visible and not layout.sliceWidget("Red").visible
    assert abs(left.width - right.width) <= 12 and left.mapTo(slicer.util.mainWindow(), qt.QPoint(0, 0)).x() < right.mapTo(slicer.util.mainWindow(), qt.QPoint(0, 0)).x()
    assert right.mrmlSliceNode().GetOrientation() == "Axial"
    every = [layout.sliceWidget(name).mrmlSliceNode() for name in names]
    assert {node.GetName() for node in onScreen(every)} == {"Prior", "Followup"}
    layout.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView)
    application.processEvents()
    assert layout.sliceWidget("Red").visible
    assert {"Prior", "Followup"} <= set(layout.sliceViewNames()), "Slicer lists every view it has made, on the screen or not"
    assert {node.GetName() for node in onScreen(every)} == {"Red", "Green", "Yellow"}


def test_slices_are_shown_in_a_view_on_the_screen_rather_than_in_a_better_placed_one_that_is_not(volume, application):
    views, layout = slicer.app.layoutManager(), ReviewLayout(CurrentSlice(), slicer.mrmlScene)
    assert layout.open()
    application.processEvents()
    hidden = views.sliceWidget("P2SAMFollowup").mrmlSliceNode()
    hidden.SetOrientationToAxial()
    layout.close()
    application.processEvents()
    before, red = hidden.GetSliceToRAS().GetElement(2, 3), views.sliceWidget("Red").mrmlSliceNode()
    tilted = vtk.vtkTransform()
    tilted.RotateX(12)
    red.GetSliceToRAS().DeepCopy(tilted.GetMatrix())
    red.UpdateMatrices()
    geometry = SliceGeometry(volume)
    jumpAll(layout._ordinaryViews(), geometry, 2)
    assert geometry.indexShown(red) == 2, "the view on the screen is turned to the slices"
    assert hidden.GetSliceToRAS().GetElement(2, 3) == before
    layout.cleanup()


def test_linked_views_scroll_together(volume, application):
    layout = slicer.app.layoutManager()
    names = ("Red", "Yellow")
    for name in names:
        layout.sliceWidget(name).mrmlSliceNode().SetOrientationToAxial()
        layout.sliceWidget(name).mrmlSliceCompositeNode().SetLinkedControl(True)
        layout.sliceWidget(name).mrmlSliceCompositeNode().SetHotLinkedControl(True)
    logic = layout.sliceWidget("Red").sliceLogic()
    logic.StartSliceOffsetInteraction()
    logic.SetSliceOffset(9.0)
    logic.EndSliceOffsetInteraction()
    application.processEvents()
    assert layout.sliceWidget("Yellow").sliceLogic().GetSliceOffset() == pytest.approx(9.0)
    for name in names:
        layout.sliceWidget(name).mrmlSliceCompositeNode().SetLinkedControl(False)
        layout.sliceWidget(name).mrmlSliceCompositeNode().SetHotLinkedControl(False)
    layout.sliceWidget("Yellow").mrmlSliceNode().SetOrientationToSagittal()


def test_a_click_places_a_point_where_the_mouse_is(volume, scene, application):
    points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "GTV +")
    points.CreateDefaultDisplayNodes()
    logic = slicer.app.applicationLogic()
    logic.GetSelectionNode().SetReferenceActivePlaceNodeClassName("vtkMRMLMarkupsFiducialNode")
    logic.GetSelectionNode().SetActivePlaceNodeID(points.GetID())
    logic.GetInteractionNode().SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.Place)
    widget = slicer.app.layoutManager().sliceWidget("Red")
    pixels()
    x, y = 100, widget.sliceView().height - 1 - 150
    slicer.util.clickAndDrag(widget, start=(x, y), end=(x, y), steps=1)
    application.processEvents()
    logic.GetInteractionNode().SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.ViewTransform)
    assert points.GetNumberOfDefinedControlPoints() == 1
    wanted = widget.mrmlSliceNode().GetXYToRAS().MultiplyPoint((x, y, 0, 1))[:3]
    assert np.allclose(points.GetNthControlPointPositionWorld(0), wanted, atol=0.5)


def test_the_window_is_written_as_a_picture(volume, screenshot):
    path = screenshot("views")
    image = qt.QImage(str(path))
    assert image.width() >= 1000 and image.height() >= 700
