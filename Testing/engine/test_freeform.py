"""The free-form deformation: its derivatives are right and its ITK transform is the same deformation."""

import numpy as np
import pytest
import SimpleITK as sitk
import simulated_thorax as thorax
from p2sam.agreement import agreement
from p2sam.coarse import coarse_scan
from p2sam.freeform import Lattice, Level, Objective, smallest_jacobian
from p2sam.matching import interpolated
from p2sam.mutual_information import MutualInformation
from p2sam.registration import masked_correlation, rotation

TURNED = sitk.Euler3DTransform((5.0, 10.0, -8.0), 0.05, -0.04, 0.06, (7.0, -4.0, 9.0))


@pytest.fixture(scope="module")
def scans():
    prior = thorax.scan(thorax.grid((30, 40, 50), (7.0, 7.0, 8.0)), (30, 40, 50))
    shape = (18, 24, 30)
    return coarse_scan(prior), coarse_scan(thorax.scan(thorax.grid(shape, (7.0, 6.0, 9.0), thorax.rotation((5, 5, 9)) @ thorax.AXIAL), shape, seed=2))


def slope(function, at, direction, step):
    return (function(at + step * direction)[0] - function(at - step * direction)[0]) / (2 * step)


def test_the_derivative_of_mutual_information_is_that_of_its_values():
    random = np.random.default_rng(0)
    fixed, moving = random.random(5000), random.random(5000) * 0.9
    used, direction = random.random(5000) > 0.2, random.standard_normal(5000)
    information = MutualInformation(fixed)
    _, change = information(moving, used)
    assert change @ direction == pytest.approx(slope(lambda m: information(m, used), moving, direction, 1e-6), rel=1e-3)


def test_mutual_information_is_highest_for_the_same_values_and_nothing_for_none():
    random = np.random.default_rng(1)
    fixed = random.random(20000)
    everywhere = np.ones(20000, dtype=bool)
    same, other = (MutualInformation(fixed)(values, everywhere)[0] for values in (fixed, random.random(20000)))
    assert same > 2 and other < 0.1
    assert MutualInformation(fixed)(fixed, ~everywhere)[0] == 0


def test_the_derivative_of_the_objective_is_that_of_its_values(scans):
    objective = Objective(*scans, TURNED, Level(60.0, 8.0, 1_000_000), 3000.0)
    random = np.random.default_rng(2)
    at = random.normal(0, 3, objective.lattice.coefficients_shape).ravel()
    direction = random.standard_normal(len(at))
    assert objective(at)[1] @ direction == pytest.approx(slope(objective, at, direction, 0.02), rel=0.02)


def test_interpolation_has_exact_values_and_slopes_on_a_trilinear_function():
    k, j, i = np.indices((6, 7, 8), dtype=np.float32)
    points = np.array([[1.25, 2.5, 3.75], [4.5, 0.25, 6.5], [-1.0, 3.0, 3.0]])
    values, slopes, inside = interpolated(2 * k - 3 * j + i + 0.5 * k * i, points)
    k, j, i = points[:2].T
    np.testing.assert_allclose(values[:2], 2 * k - 3 * j + i + 0.5 * k * i, rtol=1e-5)
    np.testing.assert_allclose(slopes[:2], np.stack([2 + 0.5 * i, -3 + 0 * j, 1 + 0.5 * k], axis=1), rtol=1e-4)
    assert inside.tolist() == [True, True, False] and not slopes[2].any()


def test_the_itk_transform_is_the_lattices_deformation(scans):
    followup = scans[1]
    lattice = Lattice(followup.shape, 50.0)
    coefficients = np.random.default_rng(3).normal(0, 5, lattice.coefficients_shape)
    transform = lattice.transform(coefficients, followup)
    places = np.zeros(followup.shape, dtype=bool)
    places[::9, ::10, ::11] = places[-1, -1, -1] = True
    points = followup.points(places)
    moved = np.array([transform.TransformPoint(point) for point in points.tolist()]) - points
    along = lattice.displacements(coefficients)[:, places].T
    np.testing.assert_allclose(moved, along[:, ::-1] @ followup.direction.T, atol=1e-3)


def test_a_finer_lattice_takes_over_a_coarser_ones_deformation(scans):
    coarse, fine = Lattice(scans[1].shape, 80.0), Lattice(scans[1].shape, 25.0)
    coefficients = np.random.default_rng(4).normal(0, 5, coarse.coefficients_shape)
    difference = fine.displacements(fine.refined(coefficients, coarse)) - coarse.displacements(coefficients)
    assert np.abs(difference).max() < 0.5


def test_bending_is_nothing_for_a_linear_deformation_and_has_the_right_derivative(scans):
    lattice = Lattice(scans[1].shape, 50.0)
    k, j, i = np.indices(lattice.coefficients_shape[1:], dtype=float)
    assert lattice.bending(np.stack([2 * k - j + 3, i + j, 0.5 * k]))[0] == pytest.approx(0, abs=1e-15)
    random = np.random.default_rng(5)
    at, direction = random.standard_normal((2, *lattice.coefficients_shape))
    assert (lattice.bending(at)[1] * direction).sum() == pytest.approx(slope(lattice.bending, at, direction, 1e-3), rel=1e-6)


def test_the_least_jacobian_tells_a_shrinkage_and_a_fold(scans):
    smaller, mirrored = sitk.AffineTransform(3), sitk.AffineTransform(3)
    smaller.Scale((0.5, 1.0, 0.8))
    mirrored.Scale((-1.0, 1.0, 1.0))
    assert smallest_jacobian(smaller, scans[1]) == pytest.approx(0.4, abs=1e-3)
    assert smallest_jacobian(mirrored, scans[1]) == pytest.approx(-1, abs=1e-3)


def test_masked_correlation_equals_its_definition_at_every_shift():
    random = np.random.default_rng(6)
    fixed, moving = random.random((3, 4, 5)), random.random((4, 3, 6))
    fixed_mask, moving_mask = (random.random(array.shape) > 0.2 for array in (fixed, moving))
    found, count = masked_correlation(fixed, fixed_mask.astype(float), moving, moving_mask.astype(float))
    for shift in [(0, 0, 0), (1, 0, 1), (-1, 1, 0), (1, -2, -2)]:
        pairs = []
        for index in np.argwhere(fixed_mask):
            other = index + shift
            if (other >= 0).all() and (other < moving.shape).all() and moving_mask[tuple(other)]:
                pairs.append((fixed[tuple(index)], moving[tuple(other)]))
        assert count[shift] == pytest.approx(len(pairs))
        assert found[shift] == pytest.approx(np.corrcoef(np.array(pairs).T)[0, 1], abs=1e-6)


def test_agreement_is_one_for_a_copy_and_falls_with_the_shift(scans):
    prior = scans[0]
    quality = [agreement(prior, prior, sitk.TranslationTransform(3, (float(shift), 0.0, 0.0))).quality for shift in (0, 4, 12, 30)]
    assert quality[0] > 0.95 and quality == sorted(quality, reverse=True) and quality[-1] < 0.4
    assert agreement(prior, prior, sitk.TranslationTransform(3, (5000.0, 0.0, 0.0))).score == 0


def test_rotation_is_itks_with_its_derivatives():
    angles = np.array([0.2, -0.3, 0.4])
    itk = sitk.Euler3DTransform()
    itk.SetRotation(*angles.tolist())
    matrix, slopes = rotation(angles)
    np.testing.assert_allclose(matrix.ravel(), itk.GetMatrix(), atol=1e-12)
    for axis, slope_by_angle in enumerate(slopes):
        step = 1e-6 * np.eye(3)[axis]
        np.testing.assert_allclose(slope_by_angle, (rotation(angles + step)[0] - rotation(angles - step)[0]) / 2e-6, atol=1e-8)
