"""The measures against shapes with known answers, against SimpleITK, and against their own symmetries."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from scipy.spatial.transform import Rotation

from p2sam.errors import GeometryError
from p2sam.metrics import compute, dice, dice_of_slices
from p2sam.surface import cube_areas, cube_codes

SPACING_IJK = np.array([0.9, 1.4, 3.0])


def grid(spacing=SPACING_IJK, euler_deg=(0, 0, 0), flips=(1, 1, 1)):
    """An ijk_to_ras with any spacing, direction and handedness."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", euler_deg, degrees=True).as_matrix() * (np.asarray(spacing) * flips)
    matrix[:3, 3] = (-31.5, 12.0, 140.25)
    return matrix


OBLIQUE = grid(euler_deg=(11, -7, 23), flips=(-1, 1, -1))


def ball(shape_kji, centre_kji, radius_mm, spacing_ijk):
    axes = np.ogrid[tuple(slice(n) for n in shape_kji)]
    return sum(((axis - c) * s) ** 2 for axis, c, s in zip(axes, centre_kji, spacing_ijk[::-1])) <= radius_mm**2


def box(shape_kji, start_kji, size_kji):
    mask = np.zeros(shape_kji, dtype=bool)
    mask[tuple(slice(s, s + n) for s, n in zip(start_kji, size_kji))] = True
    return mask


def blobs(seed, shape=(14, 22, 27)):
    random = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(random.standard_normal(shape), 2.0)
    return smooth > 0.02, ndimage.gaussian_filter(smooth + 0.05 * random.standard_normal(shape), 1.0) > 0.02


def surface_area(mask, matrix):
    return cube_areas(matrix[:3, :3])[cube_codes(np.pad(mask, 1))].sum()


# --- known answers


def test_a_mask_agrees_with_itself_perfectly():
    truth, _ = blobs(1)
    found = compute(truth, truth.copy(), OBLIQUE)
    assert (found.dice, found.slice_dice, found.surface_dice) == (1.0, 1.0, 1.0)
    assert (found.hd95_mm, found.mean_surface_mm, found.centroid_mm) == (0.0, 0.0, 0.0)
    assert (found.volume_difference_ml, found.volume_difference_percent) == (0.0, 0.0)


@pytest.mark.parametrize("axis_kji, spacing_mm", [(0, 3.0), (1, 1.4), (2, 0.9)])
@pytest.mark.parametrize("matrix", [grid(), OBLIQUE], ids=["straight", "oblique and flipped"])
def test_a_box_shifted_by_two_voxels_is_two_spacings_away(axis_kji, spacing_mm, matrix):
    shape, start, size = (24, 30, 36), [7, 8, 9], (8, 10, 12)
    moved = list(start)
    moved[axis_kji] += 2
    found = compute(box(shape, start, size), box(shape, moved, size), matrix)
    assert found.hd95_mm == pytest.approx(2 * spacing_mm)
    assert found.centroid_mm == pytest.approx(2 * spacing_mm)
    assert found.dice == pytest.approx((size[axis_kji] - 2) / size[axis_kji])
    assert found.volume_difference_ml == 0


def test_a_surface_at_exactly_the_tolerance_agrees_on_any_oblique_grid():
    truth, moved = box((20, 20, 20), (6, 6, 6), (8, 8, 8)), box((20, 20, 20), (6, 6, 8), (8, 8, 8))
    for seed in range(20):
        matrix = grid(spacing=(1, 1, 1), euler_deg=np.random.default_rng(seed).uniform(-180, 180, 3))
        assert compute(truth, moved, matrix, tolerance_mm=2.0).surface_dice == 1.0
    assert compute(truth, moved, matrix, tolerance_mm=1.99).surface_dice < 0.85


def test_the_distances_between_two_concentric_balls_are_the_difference_of_their_radii():
    spacing = np.array([0.8, 0.8, 1.0])
    shape, centre = (51, 61, 61), (25, 30, 30)
    found = compute(ball(shape, centre, 15, spacing), ball(shape, centre, 20, spacing), grid(spacing))
    assert found.mean_surface_mm == pytest.approx(5, abs=0.15)
    assert found.hd95_mm == pytest.approx(5, abs=0.5)
    assert found.dice == pytest.approx(2 * 15**3 / (15**3 + 20**3), abs=0.01)
    assert found.truth_ml == pytest.approx(4 / 3 * np.pi * 15**3 / 1000, rel=0.01)
    assert found.volume_difference_percent == pytest.approx(100 * (20**3 / 15**3 - 1), rel=0.02)
    assert found.surface_dice == 0.0
    assert found.centroid_mm == pytest.approx(0, abs=1e-9)


def test_the_surface_of_a_flat_box_has_the_area_of_its_faces():
    size_mm = np.array([40 * 3.0, 60 * 1.4, 80 * 0.9])
    faces = 2 * (size_mm[0] * size_mm[1] + size_mm[1] * size_mm[2] + size_mm[0] * size_mm[2])
    area = surface_area(box((42, 62, 82), (1, 1, 1), (40, 60, 80)), OBLIQUE)
    assert area == pytest.approx(faces, rel=0.03)  # the edges of the box are cut off by half a voxel
    assert area < faces


def test_the_surface_of_a_ball_has_the_area_of_a_sphere_within_the_error_of_marching_cubes():
    area = surface_area(ball((61, 61, 61), (30, 30, 30), 25, np.ones(3)), grid((1, 1, 1)))
    assert area == pytest.approx(4 * np.pi * 25**2, rel=0.1)


def test_one_voxel_has_the_surface_of_an_octahedron():
    matrix = grid((2.0, 3.0, 5.0))
    a, b, c = 1.0, 1.5, 2.5  # half axes
    triangle = 0.5 * np.sqrt((a * b) ** 2 + (b * c) ** 2 + (a * c) ** 2)
    assert surface_area(box((1, 1, 1), (0, 0, 0), (1, 1, 1)), matrix) == pytest.approx(8 * triangle)


def test_two_single_voxels_are_as_far_apart_as_their_centres():
    truth, result = box((5, 9, 9), (1, 2, 2), (1, 1, 1)), box((5, 9, 9), (3, 6, 7), (1, 1, 1))
    found = compute(truth, result, OBLIQUE)
    apart = np.linalg.norm(np.array([5, 4, 2]) * SPACING_IJK)
    assert found.centroid_mm == pytest.approx(apart)
    assert found.dice == 0 and found.slice_dice == 0 and found.slices == 2
    assert 0.6 * apart < found.mean_surface_mm < apart


def test_the_95th_percentile_leaves_out_a_small_spike_but_the_larger_direction_counts():
    shape = (40, 40, 60)
    truth = box(shape, (5, 5, 5), (30, 30, 30))
    spike = truth | box(shape, (20, 20, 35), (1, 1, 20))
    assert compute(truth, spike, grid((1, 1, 1))).hd95_mm == 0
    plate = truth | box(shape, (5, 5, 45), (30, 30, 2))
    there, back = compute(truth, plate, grid((1, 1, 1))), compute(plate, truth, grid((1, 1, 1)))
    assert there.hd95_mm == back.hd95_mm >= 10


def test_a_mask_that_touches_the_border_measures_the_same_as_inside():
    truth, result = blobs(3)
    inside = compute(np.pad(truth, 5), np.pad(result, 5), OBLIQUE)
    assert compute(truth, result, OBLIQUE).as_row() == pytest.approx(inside.as_row())
    assert truth[0].any() and truth[:, :, -1].any()


# --- slices


def test_slice_dice_counts_a_slice_that_only_one_mask_reaches_as_zero():
    truth, result = box((9, 10, 12), (2, 2, 2), (3, 4, 5)), box((9, 10, 12), (3, 2, 2), (4, 4, 5))
    found = compute(truth, result, grid())
    assert found.slices == 5
    assert found.slice_dice == pytest.approx(2 / 5)
    each = dice_of_slices(truth, result)
    assert np.array_equal(each, [np.nan, np.nan, 0, 1, 1, 0, 0, np.nan, np.nan], equal_nan=True)


def test_slices_follow_the_acquisition_axis_wherever_it_is_stored():
    truth, result = blobs(5)
    straight = compute(truth, result, grid())
    turned = grid()[:, [2, 0, 1, 3]]  # i runs along the slices now
    stored = compute(truth.transpose(1, 2, 0), result.transpose(1, 2, 0), turned)
    assert stored.slice_dice == pytest.approx(straight.slice_dice)
    assert stored.slices == straight.slices


def test_dice_of_slices_weighs_small_slices_like_large_ones():
    truth = box((4, 20, 20), (0, 0, 0), (1, 20, 20)) | box((4, 20, 20), (1, 0, 0), (1, 1, 1))
    result = box((4, 20, 20), (0, 0, 0), (1, 20, 20))
    found = compute(truth, result, grid())
    assert found.slice_dice == 0.5
    assert found.dice > 0.99


# --- empty masks


def test_two_empty_masks_have_no_agreement_to_report():
    nothing = np.zeros((4, 5, 6), dtype=bool)
    found = compute(nothing, nothing, grid())
    assert {name for name, value in found.as_row().items() if value is None} == {
        "dice", "slice_dice", "surface_dice", "hd95_mm", "mean_surface_mm", "volume_difference_percent", "centroid_mm",
    }  # fmt: skip
    assert (found.slices, found.truth_ml, found.result_ml, found.volume_difference_ml) == (0, 0, 0, 0)


@pytest.mark.parametrize("missed", [True, False])
def test_one_empty_mask_gives_zero_agreement_and_no_distance(missed):
    nothing, some = np.zeros((6, 7, 8), dtype=bool), box((6, 7, 8), (1, 1, 1), (2, 3, 4))
    found = compute(some, nothing, OBLIQUE) if missed else compute(nothing, some, OBLIQUE)
    assert (found.dice, found.slice_dice, found.surface_dice) == (0, 0, 0)
    assert (found.hd95_mm, found.mean_surface_mm, found.centroid_mm) == (None, None, None)
    assert found.volume_difference_percent == (pytest.approx(-100) if missed else None)
    assert abs(found.volume_difference_ml) == pytest.approx(24 * np.prod(SPACING_IJK) / 1000)


def test_masks_of_different_size_are_refused_with_both_sizes():
    with pytest.raises(GeometryError, match=r"\(2, 3, 4\).*\(2, 3, 5\).*resample"):
        compute(np.zeros((2, 3, 4), bool), np.zeros((2, 3, 5), bool), grid())


def test_labels_of_any_value_count_as_inside():
    truth, result = blobs(8)
    assert compute(truth * np.int16(7), result * 2.0, grid()) == compute(truth, result, grid())


# --- against SimpleITK


def as_image(mask):
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing(SPACING_IJK.tolist())
    return image


@pytest.mark.parametrize("seed", range(3))
def test_overlap_equals_that_of_simpleitk(seed):
    truth, result = blobs(seed)
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(as_image(truth), as_image(result))
    found = compute(truth, result, grid())
    assert found.dice == pytest.approx(overlap.GetDiceCoefficient(1))
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(as_image(truth))
    assert found.truth_ml == pytest.approx(shape.GetPhysicalSize(1) / 1000)


@pytest.mark.parametrize("seed", range(3))
def test_centroids_equal_those_of_simpleitk(seed):
    truth, result = blobs(seed)
    centres = []
    for mask in (truth, result):
        shape = sitk.LabelShapeStatisticsImageFilter()
        shape.Execute(as_image(mask))
        centres.append(np.array(shape.GetCentroid(1)))
    assert compute(truth, result, OBLIQUE).centroid_mm == pytest.approx(np.linalg.norm(centres[0] - centres[1]))


def test_surface_distances_lie_within_half_a_voxel_of_those_of_simpleitk():
    """SimpleITK measures between voxel centres of the masks' rims, unweighted; on a smooth shape that is the same to half a voxel."""
    spacing = SPACING_IJK
    shape = (40, 70, 90)
    truth, result = ball(shape, (20, 34, 44), 24, spacing), ball(shape, (21, 37, 40), 21, spacing)
    found = compute(truth, result, grid(spacing))
    rims = [mask & ~ndimage.binary_erosion(mask) for mask in (truth, result)]
    maps = [
        sitk.GetArrayFromImage(sitk.Abs(sitk.SignedMaurerDistanceMap(as_image(rim), squaredDistance=False, useImageSpacing=True)))
        for rim in rims
    ]
    there, back = maps[1][rims[0]], maps[0][rims[1]]
    assert found.hd95_mm == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)), abs=1.5)
    assert found.mean_surface_mm == pytest.approx(np.concatenate([there, back]).mean(), abs=0.5)
    whole = sitk.HausdorffDistanceImageFilter()
    whole.Execute(as_image(truth), as_image(result))
    assert found.mean_surface_mm < found.hd95_mm <= whole.GetHausdorffDistance() + 1.5


# --- symmetries

small_masks = arrays(bool, (4, 5, 6))
matrices = st.tuples(
    st.tuples(*[st.floats(0.4, 5)] * 3), st.tuples(*[st.floats(-40, 40)] * 3), st.tuples(*[st.sampled_from((-1, 1))] * 3)
).map(lambda parts: grid(*parts))


def same(first, second):
    left, right = first.as_row(), second.as_row()
    assert [name for name in left if left[name] is None] == [name for name in right if right[name] is None]
    numbers = [name for name in left if left[name] is not None]
    assert [left[name] for name in numbers] == pytest.approx([right[name] for name in numbers], rel=1e-6, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(small_masks, small_masks, matrices)
def test_truth_and_result_may_change_places(truth, result, matrix):
    there, back = compute(truth, result, matrix), compute(result, truth, matrix)
    for name in ("dice", "slice_dice", "slices", "surface_dice", "hd95_mm", "mean_surface_mm", "centroid_mm"):
        assert getattr(there, name) == pytest.approx(getattr(back, name))
    assert there.volume_difference_ml == pytest.approx(-back.volume_difference_ml)


@settings(max_examples=40, deadline=None)
@given(small_masks, small_masks, matrices, st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_storing_the_same_patient_flipped_changes_nothing(truth, result, matrix, flips):
    turn = tuple(slice(None, None, -1 if flip else 1) for flip in flips)
    columns = np.array([-1 if flip else 1 for flip in flips[::-1]] + [1])
    same(compute(truth, result, matrix), compute(truth[turn], result[turn], matrix * columns))


@settings(max_examples=40, deadline=None)
@given(small_masks, small_masks, st.permutations(range(3)), st.tuples(*[st.floats(-30, 30)] * 3))
def test_storing_the_same_patient_with_other_axes_first_changes_nothing(truth, result, order, euler_deg):
    matrix = grid(euler_deg=euler_deg)
    columns = [2 - axis for axis in order][::-1]
    stored = matrix[:, [*columns, 3]]
    same(compute(truth, result, matrix), compute(truth.transpose(order), result.transpose(order), stored))


@settings(max_examples=40, deadline=None)
@given(small_masks, small_masks, matrices)
def test_the_measures_keep_to_their_ranges_and_to_each_other(truth, result, matrix):
    found = compute(truth, result, matrix)
    assert found.dice == dice(truth, result)
    for share in (found.dice, found.slice_dice, found.surface_dice):
        assert share is None or 0 <= share <= 1
    if found.hd95_mm is not None:
        assert found.mean_surface_mm >= 0 and found.hd95_mm >= 0
        assert compute(truth, result, matrix, tolerance_mm=found.hd95_mm).surface_dice >= 0.95 - 1e-9
    assert (found.dice == 1) == (truth.any() and np.array_equal(truth, result))
