"""The prior's voxels on the follow-up's grid: grey values in place, masks that keep their volume."""

import numpy as np
import pytest
import SimpleITK as sitk
import simulated_thorax as thorax
from p2sam.align import Alignment
from p2sam.errors import GeometryError
from p2sam.resampling import field_of, volume_keeping_threshold
from p2sam.volume import Volume

IDENTITY = sitk.Euler3DTransform()
TILTED = sitk.Euler3DTransform((5.0, 10.0, -8.0), 0.12, -0.1, 0.2, (7.0, -4.0, 9.0))


def alignment(transform):
    return Alignment("rigid", "rigid", transform, 1.0, {}, (), 0.0)


def volume(shape, spacing, direction=thorax.AXIAL, centre=(0, 0, 0)):
    return Volume(np.zeros(shape, dtype=np.int16), thorax.grid(shape, spacing, direction, centre))


def test_an_image_moves_as_its_transform_says_and_is_filled_beyond():
    prior = volume((20, 24, 28), (2.0, 3.0, 4.0))
    ramp = thorax.points_of(prior.shape, prior.ijk_to_ras) @ [1.0, 2.0, -3.0]
    prior = Volume(ramp.astype(np.float32), prior.ijk_to_ras)
    followup = volume((30, 22, 20), (2.5, 2.5, 2.5), thorax.rotation((10, 0, 20)) @ thorax.AXIAL)
    found = alignment(TILTED).resample_image(prior, followup, fill=np.nan)
    points = thorax.points_of(followup.shape, followup.ijk_to_ras).reshape(-1, 3)
    expected = (alignment(TILTED).to_prior(points) @ [1.0, 2.0, -3.0]).reshape(followup.shape)
    kji = (np.column_stack([alignment(TILTED).to_prior(points), np.ones(len(points))]) @ prior.ras_to_ijk.T)[:, 2::-1]
    inside = ((kji >= 0) & (kji <= np.array(prior.shape) - 1)).all(axis=1).reshape(followup.shape)
    beyond = ((kji < -0.6) | (kji > np.array(prior.shape) - 0.4)).any(axis=1).reshape(followup.shape)
    assert found.dtype == np.float32 and inside.sum() > 500 and beyond.sum() > 500
    np.testing.assert_allclose(found[inside], expected[inside], atol=0.01)
    assert np.isnan(found[beyond]).all()


def test_a_mask_on_its_own_grid_comes_back_exactly():
    grid = volume((9, 14, 17), (1.0, 1.2, 3.0), thorax.rotation((3, 4, 5)) @ thorax.AXIAL)
    mask = np.random.default_rng(0).random(grid.shape) > 0.6
    likely = alignment(IDENTITY).resample_mask(mask, grid, grid)
    assert likely.dtype == np.float32 and 0 <= likely.min() and likely.max() <= 1
    np.testing.assert_array_equal(likely >= 0.5, mask)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 2.5), (2.0, 2.0, 5.0), (3.5, 3.5, 3.5)])
def test_a_thin_cord_keeps_its_volume_on_a_tilted_and_coarser_grid(spacing):
    prior = volume((50, 60, 60), (1.0, 1.0, 3.0))
    points = thorax.points_of(prior.shape, prior.ijk_to_ras)
    mask = (np.hypot(points[..., 0] - 3, points[..., 1] + 2) < 4) & (np.abs(points[..., 2]) < 55)
    shape = tuple(int(size / step) for size, step in zip((200, 110, 110), spacing[::-1]))
    followup = volume(shape, spacing, thorax.rotation((0, 0, 25)) @ thorax.AXIAL)
    found = alignment(TILTED).resample_mask(mask, prior, followup) >= 0.5
    assert found.sum() * np.prod(spacing) == pytest.approx(mask.sum() * 3.0, rel=0.03)


def test_half_a_voxel_of_shift_neither_grows_nor_shrinks_a_box():
    prior = volume((12, 14, 16), (2.0, 2.0, 2.0))
    mask = np.zeros(prior.shape, dtype=bool)
    mask[4:7, 5:9, 6:11] = True
    shift = sitk.TranslationTransform(3, (1.0, 1.0, 1.0))
    assert (alignment(shift).resample_mask(mask, prior, prior) >= 0.5).sum() == pytest.approx(mask.sum(), rel=0.1)


def test_a_mask_that_falls_beside_the_follow_up_is_empty():
    prior, away = volume((10, 12, 14), (2.0, 2.0, 2.0)), volume((10, 12, 14), (2.0, 2.0, 2.0), centre=(0, 0, 300))
    mask = np.ones(prior.shape, dtype=bool)
    assert not alignment(IDENTITY).resample_mask(mask, prior, away).any()
    assert not alignment(IDENTITY).resample_mask(~mask, prior, prior).any()


def test_a_structure_cut_by_the_field_of_view_stays_whole_inside_it():
    prior = volume((30, 30, 30), (2.0, 2.0, 2.0))
    mask = np.linalg.norm(thorax.points_of(prior.shape, prior.ijk_to_ras), axis=-1) < 20
    followup = volume((30, 30, 15), (2.0, 2.0, 2.0), centre=(-15.0, 0, 0))
    found = alignment(IDENTITY).resample_mask(mask, prior, followup) >= 0.5
    np.testing.assert_array_equal(found, mask[:, :, 15:])


def test_a_mask_of_another_grid_is_refused():
    prior = volume((10, 12, 14), (2.0, 2.0, 2.0))
    with pytest.raises(GeometryError, match=r"\(3, 3, 3\)"):
        alignment(IDENTITY).resample_mask(np.ones((3, 3, 3), dtype=bool), prior, prior)


def test_the_threshold_keeps_the_sum_within_its_limits():
    assert volume_keeping_threshold(np.array([0.45, 0.45, 0.1])) == pytest.approx(0.45)
    assert volume_keeping_threshold(np.full(10, 0.1)) == 0.25
    assert volume_keeping_threshold(np.array([1.0, 1.0, 0.0])) == 0.5
    assert volume_keeping_threshold(np.zeros(4)) == 0.5


def test_a_deformation_is_resampled_from_a_field_within_a_tenth_of_a_millimetre():
    followup = volume((40, 60, 62), (2.0, 2.5, 3.0), thorax.rotation((8, 3, 12)) @ thorax.AXIAL)
    corner = followup.ras_of(np.full((1, 3), -1.0))[0] * [-1, -1, 1]
    warp = sitk.BSplineTransform(3, 3)
    warp.SetTransformDomainDirection(followup.to_sitk().GetDirection())
    warp.SetTransformDomainOrigin(corner.tolist())
    warp.SetTransformDomainPhysicalDimensions([130.0, 160.0, 130.0])
    warp.SetTransformDomainMeshSize([5, 6, 5])
    warp.SetParameters(np.random.default_rng(0).normal(0, 6, len(warp.GetParameters())).tolist())
    exact = sitk.CompositeTransform([TILTED, warp])
    field = field_of(exact, followup)
    points = thorax.points_of(followup.shape, followup.ijk_to_ras)[::6, ::7, ::8].reshape(-1, 3) * [-1, -1, 1]
    points = np.vstack([points, followup.ras_of(np.array([[61.0, 59.0, 39.0]])) * [-1, -1, 1]])
    apart = [np.subtract(field.TransformPoint(point), exact.TransformPoint(point)) for point in points.tolist()]
    assert np.linalg.norm(apart, axis=1).max() < 0.35 and np.linalg.norm(apart, axis=1).mean() < 0.1
    assert field_of(TILTED, followup) is TILTED
