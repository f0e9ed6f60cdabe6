"""A volume keeps its voxels where they are, whatever way it is turned."""

from itertools import permutations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from p2sam.errors import GeometryError
from p2sam.volume import Volume, canonical, same_grid
from scipy.spatial.transform import Rotation


@st.composite
def volumes(draw, max_angle=180.0):
    """Volumes of unequal sides in any orientation: rotation, axis permutation, flips, spacing, origin."""
    shape = draw(st.permutations([2, 3, 5]))
    spacing = np.array([draw(st.floats(0.3, 6.0)) for _ in range(3)])
    angles = [draw(st.floats(-max_angle, max_angle)) for _ in range(3)]
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    permutation = np.eye(3)[draw(st.permutations([0, 1, 2]))]
    signs = np.diag([draw(st.sampled_from([-1.0, 1.0])) for _ in range(3)])
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ permutation @ signs * spacing
    matrix[:3, 3] = draw(hnp.arrays(np.float64, 3, elements=st.floats(-500, 500)))
    return Volume(np.arange(np.prod(shape)).reshape(shape), matrix)


def positions_of(volume):
    """(K, J, I, 3) RAS of every voxel."""
    k, j, i = np.indices(volume.shape)
    return volume.ras_of(np.stack([i, j, k], axis=-1).reshape(-1, 3)).reshape(*volume.shape, 3)


@given(volumes())
def test_undoing_the_canonical_order_is_exact(volume):
    turned, order = canonical(volume)
    assert np.array_equal(order.undo(turned.array), volume.array)
    assert np.array_equal(order.apply(order.undo(turned.array)), turned.array)


@given(volumes())
def test_every_voxel_keeps_its_place_in_the_patient(volume):
    turned, _ = canonical(volume)
    before = positions_of(volume).reshape(-1, 3)[np.argsort(volume.array.ravel())]
    after = positions_of(turned).reshape(-1, 3)[np.argsort(turned.array.ravel())]
    np.testing.assert_allclose(after, before, atol=1e-9)


@given(volumes())
def test_canonical_of_a_canonical_volume_changes_nothing(volume):
    once, _ = canonical(volume)
    twice, order = canonical(once)
    assert order.axes == (0, 1, 2) and order.flips == (False, False, False)
    assert np.array_equal(twice.ijk_to_ras, once.ijk_to_ras)


@given(volumes(), st.permutations([0, 1, 2]), st.tuples(*[st.booleans()] * 3))
def test_the_canonical_frame_does_not_depend_on_how_the_file_stores_its_axes(volume, axes, flips):
    """Ties of spacing aside, the same voxels stored in another order give the same canonical volume."""
    spacing = np.sort(volume.spacing_mm)
    stored = np.flip(volume.array.transpose(axes), [axis for axis in range(3) if flips[axis]])
    matrix = np.eye(4)
    matrix[:3, 3] = volume.ijk_to_ras[:3, 3]
    for place in range(3):
        axis = axes[place]
        column = volume.ijk_to_ras[:3, 2 - axis]
        if flips[place]:
            matrix[:3, 3] += column * (volume.shape[axis] - 1)
            column = -column
        matrix[:3, 2 - place] = column
    one, _ = canonical(volume)
    other, _ = canonical(Volume(stored, matrix))
    if abs(spacing[2] - 1.1 * spacing[1]) > 1e-6:
        assert np.array_equal(one.array, other.array)
        np.testing.assert_allclose(one.ijk_to_ras, other.ijk_to_ras, atol=1e-9)


@given(volumes(max_angle=10.0))
def test_canonical_slices_run_to_the_head_left_and_back_when_they_are_axial(volume):
    turned, order = canonical(volume)
    columns = turned.ijk_to_ras[:3, :3] / turned.spacing_mm
    if np.argmax(np.abs(columns[:, 2])) == 2:
        assert columns[2, 2] > 0.9 and columns[1, 1] < -0.9 and columns[0, 0] < -0.9
    coarse = np.sort(volume.spacing_mm)
    if coarse[2] > 1.1 * coarse[1]:
        assert turned.spacing_mm[2] == pytest.approx(coarse[2])


@given(volumes(), st.data())
def test_a_canonical_slice_is_found_again_in_the_source(volume, data):
    turned, order = canonical(volume)
    index = data.draw(st.integers(0, turned.shape[0] - 1))
    axis, original = order.original_slice(index, volume.shape)
    assert set(np.take(volume.array, original, axis=axis).ravel()) == set(turned.array[index].ravel())


@given(volumes())
def test_simpleitk_and_back_keeps_voxels_and_places(volume):
    back = Volume.from_sitk(volume.to_sitk())
    assert np.array_equal(back.array, volume.array)
    assert same_grid(back, volume, tolerance_mm=1e-9)


@given(volumes())
def test_simpleitk_sees_the_voxel_at_the_mirrored_ras_position(volume):
    image = volume.to_sitk()
    ijk = np.array(image.GetSize()) - 1
    lps = image.TransformIndexToPhysicalPoint([int(value) for value in ijk])
    np.testing.assert_allclose(np.array(lps) * [-1, -1, 1], volume.ras_of(ijk[None])[0], atol=1e-9)


@settings(max_examples=30)
@given(volumes(), st.floats(0.01, 5))
def test_grids_are_the_same_only_while_every_voxel_is_in_place(volume, shift):
    moved = volume.ijk_to_ras.copy()
    moved[0, 3] += shift
    assert same_grid(volume, volume)
    assert not same_grid(volume, Volume(volume.array, moved))
    assert not same_grid(volume, Volume(volume.array[:-1], volume.ijk_to_ras))


@pytest.mark.parametrize("spacing", [[1, 1, 1], [1, 1, 3], [1, 3, 1], [0.7, 0.9, 2]])
@pytest.mark.parametrize("angles", [(45, 0, 0), (0, 45, 0), (0, 0, -45), (45, 45, 45), (135, 30, 45), (90, 45, 180)])
def test_axes_at_45_degrees_are_ordered_alike_whichever_way_they_are_stored(angles, spacing):
    columns = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() * spacing
    array = np.arange(30).reshape(2, 3, 5)
    found = []
    for axes in permutations(range(3)):
        matrix = np.eye(4)
        matrix[:3, :3] = np.stack([columns[:, 2 - axis] for axis in axes[::-1]], axis=1)
        turned, _ = canonical(Volume(array.transpose(axes), matrix))
        again, order = canonical(turned)
        assert order.axes == (0, 1, 2) and order.flips == (False, False, False)
        found.append(turned.array)
    assert all(np.array_equal(other, found[0]) for other in found)


def test_a_sagittal_scan_keeps_its_acquisition_axis():
    matrix = np.array([[0, 0, 5.0, 0], [-1.0, 0, 0, 0], [0, -1.0, 0, 0], [0, 0, 0, 1]])
    turned, _ = canonical(Volume(np.zeros((4, 6, 7)), matrix))
    assert turned.shape == (4, 6, 7)
    assert turned.spacing_mm.tolist() == [1.0, 1.0, 5.0]


@pytest.mark.parametrize(
    "matrix",
    [np.zeros((4, 4)), np.eye(3), np.full((4, 4), np.nan), np.diag([1.0, 1, 0, 1]), np.diag([1.0, 1, 1, 2]), np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])],
    ids=["zeros", "three by three", "not numbers", "flat", "projective", "parallel axes"],
)
def test_a_damaged_matrix_is_refused(matrix):
    with pytest.raises(GeometryError, match="ijk_to_ras"):
        Volume(np.zeros((2, 3, 4)), matrix)


def test_a_grid_of_micrometres_is_not_mistaken_for_a_damaged_one():
    assert Volume(np.zeros((2, 3, 4)), np.diag([5e-4, 5e-4, 5e-4, 1])).spacing_mm[0] == 5e-4


def test_an_array_of_two_axes_is_refused():
    with pytest.raises(GeometryError, match="three axes"):
        Volume(np.zeros((3, 4)), np.eye(4))


def test_another_shape_does_not_fit_the_grid():
    with pytest.raises(GeometryError, match="does not fit"):
        Volume(np.zeros((2, 3, 4)), np.eye(4)).with_array(np.zeros((2, 4, 3)))


def test_a_colour_image_is_not_a_volume():
    with pytest.raises(GeometryError, match="one value a voxel"):
        Volume.from_sitk(sitk.Image([4, 5, 6], sitk.sitkVectorUInt8, 3))
