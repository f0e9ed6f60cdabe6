"""The aligned prior follows its surroundings; textures of known displacement on a grid of 3 x 1.7 x 1.3 mm."""

import numpy as np
import p2sam.tracking.fusion as fusion
import pytest
from p2sam.tracking import track
from p2sam.tracking.fusion import fused
from p2sam.tracking.motion import moved, resized
from p2sam.tracking.patches import offsets, shifted
from p2sam.tracking.search import region
from p2sam.tracking.settling import settled
from scipy import ndimage
from small_visit import dice, textured

SHAPE, SPACING = (22, 52, 60), np.array([3.0, 1.7, 1.3])
REACH = 24.0


def places():
    return np.stack(np.meshgrid(*[(np.arange(n) - n / 2) * s for n, s in zip(SHAPE, SPACING)], indexing="ij"))


def ellipsoid(centre=(0, 0, 0), radii=(12, 13, 15)):
    return (((places() - np.reshape(centre, (3, 1, 1, 1))) / np.reshape(radii, (3, 1, 1, 1))) ** 2).sum(axis=0) < 1


@pytest.fixture(scope="module")
def prior():
    """Tissue with texture of some 8 mm; the structure is brighter."""
    return 90 * textured(SHAPE, SPACING, 4.0) + 130 * ellipsoid()


@pytest.fixture(scope="module")
def motion():
    """(3, K, H, W) mm: about 7 mm, smoothly less towards one side."""
    fade = 1 - 0.3 * places()[2] / 40
    return np.stack([3.5 * fade, 5.0 * fade, -4.0 * np.ones(SHAPE)])


@pytest.fixture(scope="module")
def followup(prior, motion):
    noise = np.random.default_rng(8).normal(0, 12, SHAPE)
    return ndimage.map_coordinates(prior, np.indices(SHAPE) + motion / SPACING[:, None, None, None], order=1, mode="nearest") + noise


@pytest.fixture(scope="module")
def truth(motion):
    inside = ellipsoid().astype(float)
    return ndimage.map_coordinates(inside, np.indices(SHAPE) + motion / SPACING[:, None, None, None], order=1) >= 0.5


@pytest.fixture(scope="module")
def tracked(followup, prior):
    return track(followup, prior, ellipsoid().astype(np.float32), SPACING, REACH)


def test_a_smooth_displacement_is_recovered_on_an_anisotropic_grid(tracked, truth):
    assert dice(ellipsoid(), truth) < 0.7
    assert dice(tracked >= 0.5, truth) > 0.93
    assert tracked.dtype == np.float32 and tracked.min() >= 0 and tracked.max() <= 1


def test_where_nothing_moved_the_contour_stays(prior):
    inside = ellipsoid()
    noisy = prior + np.random.default_rng(3).normal(0, 12, SHAPE)
    assert dice(track(noisy, prior, inside.astype(np.float32), SPACING, REACH) >= 0.5, inside) > 0.97


def test_a_reach_of_zero_gives_back_what_came_in(followup, prior):
    probability = np.random.default_rng(0).random(SHAPE).astype(np.float32)
    np.testing.assert_array_equal(track(followup, prior, probability, SPACING, 0.0), probability)


def test_an_empty_mask_stays_empty(followup, prior):
    assert not track(followup, prior, np.zeros(SHAPE, np.float32), SPACING, REACH).any()


@pytest.mark.parametrize("reach", [1.5, 4.0])
def test_a_short_reach_follows_no_farther_than_that_to_settle_and_again_to_fuse(followup, prior, truth, reach):
    near = track(followup, prior, ellipsoid().astype(np.float32), SPACING, reach) >= 0.5
    assert reach > 2 or dice(near, truth) < dice(ellipsoid(), truth) + 0.25
    away = ndimage.distance_transform_edt(~ellipsoid(), sampling=SPACING)
    assert away[near].max() <= 2 * reach + SPACING.max()


def test_what_is_left_below_a_voxel_settles(prior):
    """All lies a third of a voxel off. Twenty iterations go a part of the way, in the right direction."""
    left = np.array([0.9, 0.6, -0.4])
    motion = np.ones((3, *SHAPE), np.float32) * left[:, None, None, None].astype(np.float32)
    expected = moved(prior.astype(np.float32), motion, SPACING)
    found = settled(expected, prior.astype(np.float32), SPACING, 4.0)
    middle = tuple(slice(n // 4, -(n // 4)) for n in SHAPE)
    went = np.median(found[(slice(None), *middle)], axis=(1, 2, 3))
    assert 0.3 < went @ left / (left @ left) < 1.1
    assert went @ left / np.linalg.norm(went) / np.linalg.norm(left) > 0.98
    cut = settled(expected, prior.astype(np.float32), SPACING, 0.5)
    assert np.linalg.norm(cut, axis=0).max() <= 0.5 + 1e-4


def test_new_tissue_beside_the_structure_neither_joins_it_nor_moves_its_border():
    """Lung around a ball; on the follow-up half of the lung has become as dense as the ball."""
    away = np.sqrt(sum(((i - n / 2) * s) ** 2 for i, n, s in zip(np.indices(SHAPE), SHAPE, SPACING)))
    ball = away < 14
    noise = [np.random.default_rng(seed).normal(0, 15, SHAPE) for seed in (0, 1)]
    prior = np.where(ball, 30.0, -800.0)
    followup = np.where((np.indices(SHAPE)[2] > SHAPE[2] / 2) & (away < 24), 30.0, prior)
    found = fused(*(a.astype(np.float32) for a in (followup + noise[0], prior + noise[1], ball)), SPACING, 4.0) >= 0.5
    assert dice(found, ball) > 0.99


def beside_new_tissue(reach, radii, tell=lambda reason: None):
    """A mass in aerated lung; on the follow-up the lung beside it has collapsed. (mass, collapse, found)"""
    grain = 40 * textured(SHAPE, SPACING, 3.0, seed=2)
    inside, collapsed = ellipsoid(), ellipsoid((0, 0, 12 + radii[2]), radii) & ~ellipsoid()
    noise = np.random.default_rng(5).normal(0, 12, SHAPE)
    prior, followup = (np.where(dense, 40.0, -800.0) + grain for dense in (inside, inside | collapsed))
    return inside, collapsed, track(followup + noise, prior, inside.astype(np.float32), SPACING, reach, tell) >= 0.5


@pytest.mark.parametrize("reach, radii", [(4.0, (14, 16, 12)), (4.0, (30, 40, 18)), (24.0, (10, 10, 8))])
def test_tissue_that_newly_appears_beside_the_structure_is_not_taken_in(reach, radii):
    inside, collapsed, found = beside_new_tissue(reach, radii)
    assert (found & collapsed).sum() < 0.1 * inside.sum() and dice(found, inside) > 0.95


@pytest.mark.parametrize("radii", [(14, 16, 12), (30, 40, 18)])
def test_a_large_collapse_beside_the_structure_is_not_taken_in_with_a_long_reach_either_and_that_is_told(radii):
    told = []
    inside, collapsed, found = beside_new_tissue(24.0, radii, told.append)
    assert (found & collapsed).sum() < 0.2 * inside.sum()
    assert len(told) == 1 and "given up" in told[0]


def test_a_structure_at_the_border_is_followed_into_the_volume(prior, followup, motion):
    corner = ellipsoid((-30, 20, -35), (12, 15, 14))
    assert corner[0].any() and corner[:, :, 0].any()
    truth = ndimage.map_coordinates(
        corner.astype(float), np.indices(SHAPE) + motion / SPACING[:, None, None, None], order=1, mode="nearest"
    ) >= 0.5
    found = track(followup, prior, corner.astype(np.float32), SPACING, REACH) >= 0.5
    assert dice(found, truth) > max(0.75, dice(corner, truth))


@pytest.mark.parametrize("kji", [(11, 26, 30), (0, 0, 0), (21, 51, 59)])
def test_one_voxel_is_followed_without_a_crash(followup, prior, kji):
    one = np.zeros(SHAPE, np.float32)
    one[kji] = 1
    found = track(followup, prior, one, SPACING, 8.0)
    assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1
    away = ndimage.distance_transform_edt(one == 0, sampling=SPACING)
    assert away[found > 0.01].max(initial=0) <= 8.0 + 2 * SPACING.max()


def test_a_volume_of_few_slices_is_tracked(prior, followup):
    thin = slice(10, 12)
    inside = ellipsoid()[thin]
    found = track(followup[thin], prior[thin], inside.astype(np.float32), SPACING, REACH)
    assert found.shape == inside.shape and 0.5 < found.sum() / inside.sum() < 1.5


def test_a_large_structure_is_fused_on_a_coarser_grid_with_about_the_same_result(prior, followup, truth, tracked, monkeypatch):
    monkeypatch.setattr(fusion, "MAX_VOXELS", 9_000)
    sizes = []
    costs = fusion.fit_costs
    monkeypatch.setattr(fusion, "fit_costs", lambda target, *rest: sizes.append(target.size) or costs(target, *rest))
    coarse = track(followup, prior, ellipsoid().astype(np.float32), SPACING, REACH)
    assert sizes[-1] < 10_500 < np.prod(SHAPE)
    assert coarse.shape == SHAPE and dice(coarse >= 0.5, truth) > 0.85
    assert dice(coarse >= 0.5, tracked >= 0.5) > 0.87


def test_the_search_takes_every_whole_voxel_step_within_reach_and_no_other():
    found = offsets(4.0, SPACING)
    assert [0, 0, 0] in found.tolist() and len({tuple(o) for o in found.tolist()}) == len(found)
    lengths = np.linalg.norm(found * SPACING, axis=1)
    assert lengths.max() <= 4.0 and [1, 1, 1] in found.tolist() and [1, 2, 0] not in found.tolist()
    every = [(k, j, i) for k in range(-2, 3) for j in range(-3, 4) for i in range(-4, 5) if np.hypot(np.hypot(3 * k, 1.7 * j), 1.3 * i) <= 4]
    assert len(every) == len(found)


def test_shifting_by_whole_voxels_repeats_the_border():
    array = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    there = shifted(array, np.array([1, 0, -2]))
    np.testing.assert_array_equal(there[0, :, 2:], array[1, :, :2])
    np.testing.assert_array_equal(there[1], there[0])
    np.testing.assert_array_equal(there[0, :, 0], array[1, :, 0])


def test_motion_is_in_millimetres_along_each_axis():
    ramp = np.indices(SHAPE)[1] * SPACING[1]
    motion = np.zeros((3, *SHAPE), np.float32)
    motion[1] = 2.0
    np.testing.assert_allclose(moved(ramp, motion, SPACING)[:, :-2], ramp[:, :-2] + 2.0, atol=1e-4)


def test_resizing_keeps_places_and_means():
    ramp = np.broadcast_to((np.arange(60) + 0.5) * 1.3, SHAPE).astype(np.float32)
    small = resized(ramp, (11, 26, 20))
    np.testing.assert_allclose(small[0, 0], (np.arange(20) + 0.5) * 3.9, atol=1e-3)
    assert resized(ramp, SHAPE) is ramp


def test_the_region_is_the_box_with_its_margin_in_millimetres_inside_the_grid():
    inside = np.zeros(SHAPE, bool)
    inside[10, 20:25, 3:6] = True
    assert region(inside, 6.0, SPACING) == (slice(8, 13), slice(16, 29), slice(0, 11))
