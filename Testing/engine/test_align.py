"""Alignment as a whole: what is asked for, what is used, how well it fits, and when it gives up."""

import json

import numpy as np
import p2sam.align as align_module
import pytest
import SimpleITK as sitk
import simulated_thorax as thorax
from p2sam.align import align
from p2sam.coarse import coarse_scan
from p2sam.errors import Cancelled, GeometryError, InputError, SettingsError
from p2sam.volume import Volume

POSE = thorax.rigid((3, -4, 5), (12, -9, 14))


@pytest.fixture(scope="module")
def prior():
    return thorax.scan()


@pytest.fixture(scope="module")
def moved():
    """A follow-up in another pose, on another table, on the grid of the prior."""
    return thorax.scan(to_prior=POSE, seed=2, table_a=-75.0)


@pytest.fixture(scope="module")
def aligned(prior, moved):
    return align(prior, moved, "rigid")


def breathing(points):
    """A smooth warp after a pose: the belly rises by 10 mm, the chest turns a little."""
    lift = 10 * np.exp(-(((points[..., 2] + 45) / 55) ** 2)) * np.exp(-((points[..., 0] / 70) ** 2))
    sway = 6 * np.sin(points[..., 2] / 45)
    warped = points + np.stack([sway, np.zeros_like(lift), lift], axis=-1)
    return thorax.rigid((2, 0, -3), (5, -6, 4))(warped)


@pytest.fixture(scope="module")
def breathed():
    return thorax.scan(to_prior=breathing, seed=3)


@pytest.fixture(scope="module")
def deformed(prior, breathed):
    return align(prior, breathed, "deformable")


OBLIQUE = thorax.rotation((7, -5, 11)) @ thorax.AXIAL
GRIDS = {
    "flipped and anisotropic": ((48, 76, 84), (2.9, 3.1, 5.0), np.diag([1.0, 1.0, -1.0])),
    "oblique": ((54, 64, 80), (3.2, 3.6, 4.1), OBLIQUE),
    "sagittal": ((66, 62, 60), (3.2, 3.5, 3.6), np.array([[0.0, 0, -1], [-1, 0, 0], [0, -1, 0]])),
}


@pytest.mark.parametrize("name", GRIDS)
def test_a_known_pose_is_recovered_to_a_millimetre_on_any_grid(prior, name):
    shape, spacing, direction = GRIDS[name]
    followup = thorax.scan(thorax.grid(shape, spacing, direction, centre=(-5, 10, 12)), shape, POSE, seed=4)
    alignment = align(prior, followup, "rigid")
    error = thorax.error_mm(alignment, followup, POSE)
    assert alignment.used == "rigid" and alignment.warnings == ()
    assert error.mean() < 1 and np.quantile(error, 0.95) < 1.5


def test_a_table_at_another_place_does_not_pull_the_body_along(prior):
    pose = thorax.rigid((0, 0, 2), (4, 25, 3))
    followup = thorax.scan(to_prior=pose, seed=5, table_a=-125.0)
    alignment = align(prior, followup, "rigid")
    assert alignment.used == "rigid"
    assert thorax.error_mm(alignment, followup, pose).mean() < 1


def test_a_small_field_of_view_far_away_along_the_body_is_found(prior):
    pose = thorax.rigid((-2, 3, 4), (-12, 8, 50))
    shape = (26, 40, 42)
    followup = thorax.scan(thorax.grid(shape, (3.0, 3.0, 4.0), centre=(45, 0, -40)), shape, pose, seed=6)
    alignment = align(prior, followup, "rigid")
    assert alignment.used == "rigid"
    assert thorax.error_mm(alignment, followup, pose).mean() < 1.5


def test_a_follow_up_of_noise_is_left_in_place_with_a_warning(prior):
    noise = np.random.default_rng(0).normal(0, 300, prior.shape).astype(np.int16)
    alignment = align(prior, prior.with_array(noise), "deformable")
    assert alignment.requested == "deformable" and alignment.used == "none"
    assert alignment.transform.TransformPoint((10.0, 20.0, 30.0)) == (10.0, 20.0, 30.0)
    assert alignment.quality < 0.25
    assert any("Rigid alignment" in line for line in alignment.warnings) and any("Deformable" in line for line in alignment.warnings)


def test_a_follow_up_without_any_contrast_is_left_in_place_with_a_warning(prior):
    alignment = align(prior, prior.with_array(np.zeros(prior.shape, dtype=np.int16)), "rigid")
    assert alignment.used == "none" and "Rigid alignment failed (quality 0.00" in alignment.warnings[0]


@pytest.mark.parametrize("degrees, shift", [((0, 0, 0), (0, 0, 0)), ((8, -8, 8), (-30, 20, 40))])
def test_rigid_never_fits_worse_than_in_place(prior, degrees, shift):
    followup = thorax.scan(to_prior=thorax.rigid(degrees, shift), seed=7, noise_hu=60.0)
    alignment = align(prior, followup, "rigid")
    assert alignment.details["score"] >= align(prior, followup, "none").details["score"]


def test_rigid_that_fits_worse_is_dropped_with_a_warning(prior, moved, monkeypatch):
    wrong = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.2, 0.2, -0.2, (60.0, 0.0, 0.0))
    monkeypatch.setattr(align_module, "register_rigid", lambda one, other, step: [align_module.fit_of(one, other, wrong, "wrong")])
    alignment = align(prior, moved, "rigid")
    assert alignment.used == "none" and alignment.quality == alignment.details["in_place_quality"]
    assert "Rigid alignment" in alignment.warnings[0]


def test_deformable_follows_a_smooth_warp_that_rigid_cannot(prior, breathed, deformed):
    rigid = align(prior, breathed, "rigid")
    error = [thorax.error_mm(alignment, breathed, breathing).mean() for alignment in (rigid, deformed)]
    assert (rigid.used, deformed.used) == ("rigid", "deformable")
    assert deformed.quality > rigid.quality
    assert error[1] < 0.5 * error[0] and error[1] < 2
    assert deformed.details["least_jacobian"] > 0.1


def test_a_deformation_that_folds_is_rejected_for_rigid(prior, moved, aligned, monkeypatch):
    def folded(one, other, linear, step, stiffness):
        warp = sitk.BSplineTransform(3, 3)
        warp.SetTransformDomainOrigin([-200.0] * 3)
        warp.SetTransformDomainPhysicalDimensions([400.0] * 3)
        warp.SetTransformDomainMeshSize([8] * 3)
        warp.SetParameters((60 * np.random.default_rng(0).standard_normal(len(warp.GetParameters()))).tolist())
        return warp

    monkeypatch.setattr(align_module, "register_freeform", folded)
    alignment = align(prior, moved, "deformable")
    assert (alignment.requested, alignment.used) == ("deformable", "rigid")
    assert alignment.transform.GetParameters() == aligned.transform.GetParameters()
    assert "folded the body" in alignment.warnings[0]


def test_a_deformation_that_fits_no_better_is_rejected_for_rigid(prior, moved, monkeypatch):
    monkeypatch.setattr(align_module, "register_freeform", lambda one, other, linear, step, stiffness: sitk.TranslationTransform(3, (9.0, 0.0, 0.0)))
    alignment = align(prior, moved, "deformable")
    assert alignment.used == "rigid" and "no better" in alignment.warnings[0]


def test_two_runs_give_bit_identical_transforms(prior, breathed, deformed):
    again = align(prior, breathed, "deformable")
    parts = [[sitk.CompositeTransform(alignment.transform).GetNthTransform(n) for n in range(2)] for alignment in (deformed, again)]
    for one, other in zip(*parts):
        assert one.GetParameters() == other.GetParameters()
        assert one.GetFixedParameters() == other.GetFixedParameters()


def test_turning_and_flipping_the_stored_axes_changes_nothing(prior, moved, aligned):
    matrix = moved.ijk_to_ras[:, [1, 2, 0, 3]].copy()
    array = moved.array.transpose(2, 0, 1)[:, ::-1]  # now (i, k, j) in numpy order, so columns are j, k, i
    matrix[:3, 3] += matrix[:3, 1] * (array.shape[1] - 1)
    matrix[:3, 1] *= -1
    alignment = align(prior, Volume(array, matrix), "rigid")
    np.testing.assert_allclose(alignment.transform.GetParameters(), aligned.transform.GetParameters(), atol=1e-6)


def test_centre_pairs_slices_from_the_middle_as_the_authors_do(prior):
    followup = thorax.scan(thorax.grid((41, 60, 60), (3.0, 3.2, 3.8), centre=(30, -20, 50)), (41, 60, 60))
    alignment = align(prior, followup, "centre")
    middle = [[(60 - 1) / 2, (60 - 1) / 2, k] for k in (19, 20, 21)]
    found = alignment.to_prior(followup.ras_of(np.array(middle)))
    k = (np.column_stack([found, np.ones(3)]) @ prior.ras_to_ijk.T)[:, :3]
    np.testing.assert_allclose(k[:, 2], np.array([19, 20, 21]) - 41 // 2 + 64 // 2, atol=1e-6)
    np.testing.assert_allclose(k[:, :2], [[(72 - 1) / 2, (80 - 1) / 2]] * 3, atol=1e-6)


def test_a_transform_from_a_file_is_used_and_measured(prior, moved, aligned, tmp_path):
    for name in ("given.tfm", "given.h5", "given.txt"):
        sitk.WriteTransform(aligned.transform, str(tmp_path / name))
        given = align(prior, moved, "none", transform=tmp_path / name)
        assert (given.requested, given.used, given.warnings) == ("file", "file", ())
        assert given.quality == pytest.approx(aligned.quality, abs=1e-4)


def test_a_transform_given_the_wrong_way_round_is_used_but_told(prior, moved, aligned, tmp_path):
    sitk.WriteTransform(aligned.transform.GetInverse(), str(tmp_path / "inverse.tfm"))
    given = align(prior, moved, transform=tmp_path / "inverse.tfm")
    assert given.used == "file" and given.quality < aligned.quality
    assert any("other direction" in line for line in given.warnings)


@pytest.mark.parametrize("name, content", [("absent.tfm", None), ("notes.doc", "x"), ("damaged.tfm", "no transform")])
def test_a_transform_file_that_cannot_be_read_is_named(prior, moved, tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=name):
        align(prior, moved, transform=tmp_path / name)


def test_scans_that_share_no_part_of_the_body_are_refused(prior, moved, tmp_path):
    away = Volume(moved.array, thorax.grid(centre=(0, 0, 900)))
    with pytest.raises(GeometryError, match="share 0 %"):
        align(prior, away, "none")
    sitk.WriteTransform(sitk.TranslationTransform(3, (0.0, 0.0, 900.0)), str(tmp_path / "far.tfm"))
    with pytest.raises(GeometryError, match="share 0 %"):
        align(prior, moved, transform=tmp_path / "far.tfm")
    assert align(prior, away, "rigid").used == "rigid"


def test_an_unknown_method_is_refused_with_the_choices(prior, moved):
    with pytest.raises(SettingsError, match="'affine'.*none, centre, rigid, deformable"):
        align(prior, moved, "affine")


def test_cancelling_stops_between_steps(prior, moved):
    steps = []
    with pytest.raises(Cancelled):
        align(prior, moved, "deformable", progress=lambda step, done: steps.append((step, done)), cancelled=lambda: len(steps) > 4)
    assert len(steps) == 5


def test_progress_only_grows_and_ends_at_one(prior, moved):
    done = []
    align(prior, moved, "rigid", progress=lambda step, share: done.append(share))
    assert done == sorted(done) and done[0] == 0 and done[-1] == 1


def test_a_summary_is_json(aligned):
    told = json.loads(json.dumps(aligned.summary()))
    assert told["used"] == "rigid" and 0.4 < told["quality"] <= 1 and told["details"]["bone_dice"] > 0.5


def test_the_table_is_no_part_of_the_body(prior):
    scan = coarse_scan(prior)
    points = scan.points(scan.body) * [-1, -1, 1]
    assert points[:, 1].min() > -78
    truth = thorax.body(thorax.points_of(prior.shape, prior.ijk_to_ras)) < 0
    assert scan.body.sum() * 64 == pytest.approx(truth.sum() * np.prod(prior.spacing_mm), rel=0.05)


@pytest.mark.parametrize("slices", [2, 3, 4])
def test_a_scan_thinner_than_a_cube_of_the_coarse_grid_is_aligned(slices):
    scan = thorax.scan()
    middle = len(scan.array) // 2
    matrix = scan.ijk_to_ras.copy()
    matrix[:3, 2] /= np.linalg.norm(matrix[:3, 2])
    thin = Volume(scan.array[middle : middle + slices], matrix)
    assert align(thin, thin, "rigid").requested == "rigid"
