"""What a slice view draws of the points, seen in its pixels: those of its own slice and no others."""

import sys
from pathlib import Path

import numpy as np
import pytest
import slicer
import vtk
from P2SAMSlicerLib.MRMLPrompts import createLists, fill, showOnly
from p2sam.files.prompt_look import COLORS_RGB
from review_case import addVolume, obliqueMatrix, rasOf, toVtk

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

SIZE = (420, 340)
POINTS = {5: {1: (12, 14), 0: (30, 22)}, 6: {1: (20, 27), 0: (40, 9)}}
"""Slice -> label -> (column, row) of its one point."""


@pytest.fixture
def viewed(scene):
    """(lists, volume, view) on an oblique, flipped, anisotropic CT; the view is turned to its slices."""
    from runtime.slice_renderer import SliceRenderer

    application = slicer.vtkSlicerApplicationLogic()
    application.SetMRMLScene(scene)
    slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance().SetMRMLApplicationLogic(application)
    application.SetSliceLogics(vtk.vtkCollection())
    markups = slicer.vtkSlicerMarkupsLogic()
    markups.SetMRMLApplicationLogic(application)
    markups.SetMRMLScene(scene)
    application.SetModuleLogic("Markups", markups)
    colors = application.GetColorLogic()
    colors.SetMRMLScene(scene)
    colors.AddDefaultColorNodes()
    volume = addVolume(scene)
    volume.CreateDefaultDisplayNodes()
    display = volume.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(-400, 400)
    display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLApplicationLogic(application)
    logic.SetMRMLScene(scene)
    logic.AddSliceNode("Red")
    application.GetSliceLogics().AddItem(logic)
    logic.GetSliceCompositeNode().SetBackgroundVolumeID(volume.GetID())
    view = SliceRenderer(logic, lambda: None)
    view.resize(*SIZE)
    node = logic.GetSliceNode()
    node.RotateToVolumePlane(volume)
    logic.FitSliceToVolume(volume, *SIZE)
    lists = createLists(scene, volume, "GTV")
    fill(lists, [{"index": index, "points": [pointOf(index, label, *place) for label, place in places.items()]} for index, places in POINTS.items()])
    yield lists, volume, view
    view.close()


def pointOf(index, label, column, row):
    return {"label": label, "part": 2, "similarity": 0.8, "ras": rasOf(obliqueMatrix(), (column, row, index))}


def picture(view, index, shift=0.0, name=None):
    """Pixels of the view at a slice, with `shift` of a slice added."""
    logic = view.logic
    centre = rasOf(obliqueMatrix(), (26, 18, index + shift))
    logic.GetSliceNode().JumpSliceByOffsetting(*centre)
    logic.GetSliceNode().UpdateMatrices()
    pixels = view.pixels()
    if name:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        writePng(pixels, name)
    return pixels


def writePng(pixels, name):
    from vtk.util.numpy_support import numpy_to_vtk

    image = vtk.vtkImageData()
    image.SetDimensions(pixels.shape[1], pixels.shape[0], 1)
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(pixels[::-1]).reshape(-1, pixels.shape[2]), deep=True))
    writer = vtk.vtkPNGWriter()
    writer.SetFileName(str(name))
    writer.SetInputData(image)
    writer.Write()


def colored(pixels, label):
    """(rows, columns) of the pixels in the colour of a kind of point."""
    apart = np.abs(pixels[..., :3].astype(float) - 255 * np.array(COLORS_RGB[label])).max(axis=2)
    return np.nonzero(apart < 60)


def placeOf(view, index, label):
    """(row, column) of a point in the picture."""
    toXy = vtk.vtkMatrix4x4()
    vtk.vtkMatrix4x4.Invert(view.logic.GetSliceNode().GetXYToRAS(), toXy)
    x, y = toXy.MultiplyPoint([*rasOf(obliqueMatrix(), (*POINTS[index][label], index)), 1.0])[:2]
    return SIZE[1] - 1 - y, x


def near(pixels, label, place, radius=12):
    rows, columns = colored(pixels, label)
    return int(np.sum(np.hypot(rows - place[0], columns - place[1]) < radius))


@pytest.mark.parametrize("index", [5, 6])
def test_a_slice_shows_its_own_points_at_their_places_and_none_of_the_next_slice(viewed, index, tmp_path):
    _lists, _volume, view = viewed
    pixels = picture(view, index, name=tmp_path / f"slice{index}.png")
    other = 11 - index
    for label in (1, 0):
        assert near(pixels, label, placeOf(view, index, label)) > 8, f"the point of label {label} is missing"
        assert near(pixels, label, placeOf(view, other, label)) == 0, f"a point of slice {other} shows on slice {index}"


@pytest.mark.parametrize("index", [4, 7, 9])
def test_a_slice_without_points_shows_none(viewed, index):
    _lists, _volume, view = viewed
    pixels = picture(view, index)
    assert len(colored(pixels, 1)[0]) == 0 and len(colored(pixels, 0)[0]) == 0


@pytest.mark.parametrize(("shift", "shown"), [(0.4, True), (-0.4, True), (0.6, False), (-0.6, False)])
def test_a_point_shows_as_long_as_the_view_is_nearer_to_its_slice_than_to_another(viewed, shift, shown):
    _lists, _volume, view = viewed
    pixels = picture(view, 5, shift)
    assert (near(pixels, 1, placeOf(view, 5, 1)) > 8) == shown


def test_the_two_kinds_have_different_shapes(viewed):
    _lists, _volume, view = viewed
    pixels = picture(view, 5)
    masks = []
    for label in (1, 0):
        row, column = (int(round(value)) for value in placeOf(view, 5, label))
        rows, columns = colored(pixels, label)
        close = (np.abs(rows - row) < 8) & (np.abs(columns - column) < 8)
        mask = np.zeros((17, 17), dtype=bool)
        mask[rows[close] - row + 8, columns[close] - column + 8] = True
        masks.append(mask)
    assert masks[0].sum() != masks[1].sum() and (masks[0] ^ masks[1]).sum() > 10


def test_a_hidden_structure_is_hidden_and_a_shown_one_comes_back(viewed):
    lists, _volume, view = viewed
    showOnly((), lists)
    pixels = picture(view, 5)
    assert len(colored(pixels, 1)[0]) == 0 and len(colored(pixels, 0)[0]) == 0
    showOnly(lists, lists)
    assert near(picture(view, 5), 1, placeOf(view, 5, 1)) > 8


def test_a_view_that_is_not_turned_to_the_volume_shows_only_points_it_cuts(viewed):
    """As Slicer's own views start: axial, though the CT is oblique."""
    _lists, _volume, view = viewed
    node = view.logic.GetSliceNode()
    node.SetOrientationToAxial()
    centre = rasOf(obliqueMatrix(), (*POINTS[5][1], 5))
    node.JumpSlice(*centre)
    pixels = view.pixels()
    assert near(pixels, 1, placeOf(view, 5, 1)) > 8
    node.JumpSlice(centre[0], centre[1], centre[2] + 12)
    assert len(colored(view.pixels(), 1)[0]) == 0


def test_the_sign_of_the_matrix_is_the_views(viewed):
    """The geometry of these tests is really oblique and flipped."""
    _lists, volume, _view = viewed
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    assert np.allclose([matrix.GetElement(row, 2) for row in range(3)], [toVtk(obliqueMatrix()).GetElement(row, 2) for row in range(3)])
    assert matrix.GetElement(0, 0) < 0 and abs(matrix.GetElement(0, 2)) > 0.1
