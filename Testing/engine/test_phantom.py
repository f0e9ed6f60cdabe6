"""The phantom patient: the same every time, with the anatomy and the geometry that the tests and the demo rely on."""

import numpy as np
import pytest
from scipy import ndimage

from p2sam.errors import SettingsError
from p2sam.files.images import read_volume
from p2sam.phantom import STRUCTURES, phantom_patient, write_phantom
from p2sam.files.segmentations import read_segmentation

VISITS = ("prior", "followup1", "followup2")


@pytest.fixture(scope="module")
def patient():
    return phantom_patient()


@pytest.fixture(scope="module")
def small():
    return phantom_patient(scale=3)


def visit_of(patient, name):
    if name == "prior":
        return patient.prior, patient.prior_segmentation
    return next((volume, truth) for found, volume, truth in patient.followups if found == name)


def ml(volume, mask):
    return mask.sum() * np.prod(volume.spacing_mm) / 1000


def centroid_ras(volume, mask):
    return volume.ras_of(np.argwhere(mask)[:, ::-1].mean(axis=0, keepdims=True))[0]


def body_of(volume):
    labels, _ = ndimage.label(volume.array > -300)
    largest = labels == np.argmax(np.bincount(labels[labels > 0]))
    return np.stack([ndimage.binary_fill_holes(slice_mask) for slice_mask in largest])


# --- repeatable


def test_the_same_seed_gives_the_same_voxels_bit_for_bit(small):
    again = phantom_patient(scale=3)
    for name in VISITS:
        (first, truth), (second, other) = visit_of(small, name), visit_of(again, name)
        assert np.array_equal(first.array, second.array)
        assert all(np.array_equal(a.mask, b.mask) for a, b in zip(truth.segments, other.segments))


def test_another_seed_changes_noise_and_texture_but_not_the_truth(small):
    other = phantom_patient(seed=1, scale=3)
    assert not np.array_equal(small.prior.array, other.prior.array)
    for first, second in zip(small.prior_segmentation.segments, other.prior_segmentation.segments):
        assert np.array_equal(first.mask, second.mask)


def test_the_noise_of_two_visits_is_not_the_same(patient):
    first, second = (volume.array[:20, :20, :20] for _, volume, _ in patient.followups)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.1


@pytest.mark.parametrize("scale", [0.1, 5])
def test_a_scale_out_of_range_is_refused_with_the_range(scale):
    with pytest.raises(SettingsError, match=f"{scale}.*0.5 and 4"):
        phantom_patient(scale=scale)


# --- geometry


def test_every_visit_has_a_non_square_matrix_and_an_anisotropic_grid_of_its_own(patient):
    volumes = [visit_of(patient, name)[0] for name in VISITS]
    for volume in volumes:
        assert len(set(volume.array.shape)) == 3
        assert volume.spacing_mm[2] > 1.4 * volume.spacing_mm[0]
        assert 40 <= volume.array.shape[0] <= 60
    assert len({tuple(volume.spacing_mm.round(6)) for volume in volumes}) == 3


def test_the_last_followup_is_flipped_oblique_and_has_a_smaller_field_of_view(patient):
    volume, _ = visit_of(patient, "followup2")
    axes = volume.ijk_to_ras[:3, :3] / volume.spacing_mm
    assert axes[0, 0] > 0.9 and axes[2, 2] < -0.9  # i to the right, k to the feet
    assert np.abs(axes[1, 2]) > 0.1
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-12)
    field = [np.array(visit_of(patient, name)[0].array.shape[::-1]) * visit_of(patient, name)[0].spacing_mm for name in VISITS]
    assert (field[2][:2] < 0.9 * field[0][:2]).all()


def test_the_smaller_field_of_view_cuts_the_body_and_the_larger_does_not(patient):
    sides = {name: body_of(visit_of(patient, name)[0])[:, :, [0, -1]].any() for name in VISITS}
    assert sides == {"prior": False, "followup1": False, "followup2": True}


def test_a_coarser_phantom_is_the_same_patient(patient, small):
    for name in VISITS:
        (fine, truth), (coarse, other) = visit_of(patient, name), visit_of(small, name)
        np.testing.assert_allclose(coarse.spacing_mm, 3 * fine.spacing_mm)
        for segment in truth.segments:
            found = other.segment(segment.name).mask
            assert ml(coarse, found) == pytest.approx(ml(fine, segment.mask), rel=0.15)
            np.testing.assert_allclose(centroid_ras(coarse, found), centroid_ras(fine, segment.mask), atol=5)


# --- anatomy


@pytest.mark.parametrize("name", VISITS)
def test_volumes_are_those_of_a_person(patient, name):
    volume, truth = visit_of(patient, name)
    found = {segment.name: ml(volume, segment.mask) for segment in truth.segments}
    ranges = {"GTV": (30, 120), "Heart": (450, 750), "Spinal cord": (8, 25), "Lung left": (1200, 2500), "Lung right": (1400, 2800)}
    assert set(found) == set(ranges)
    assert not {key: value for key, value in found.items() if not ranges[key][0] < value < ranges[key][1]}


@pytest.mark.parametrize("name", VISITS)
def test_tissues_have_the_hounsfield_units_of_a_chest_ct(patient, name):
    volume, truth = visit_of(patient, name)
    core = {segment.name: volume.array[ndimage.binary_erosion(segment.mask)] for segment in truth.segments}
    ranges = {"GTV": (25, 45), "Heart": (35, 55), "Spinal cord": (30, 55), "Lung left": (-870, -720), "Lung right": (-870, -720)}
    assert not {key: core[key].mean() for key, (low, high) in ranges.items() if not low < core[key].mean() < high}
    assert 10 < core["Heart"].std() < 28
    assert np.percentile(volume.array, 99.8) > 500  # bone
    assert np.percentile(volume.array, 5) < -950  # air
    assert -115 < np.median(volume.array[body_of(volume) & (volume.array < -60) & (volume.array > -140)]) < -85  # fat


@pytest.mark.parametrize("name", VISITS)
def test_the_tumour_touches_heart_and_chest_wall_at_low_contrast(patient, name):
    volume, truth = visit_of(patient, name)
    gtv, heart = truth.segment("GTV").mask, truth.segment("Heart").mask
    lung = truth.segment("Lung left").mask
    rim = ndimage.binary_dilation(gtv) & ~gtv
    assert (rim & heart).sum() > 60
    wall = rim & ~heart & ~lung & (volume.array > -40) & (volume.array < 160)
    assert wall.sum() > 25
    core, muscle = volume.array[ndimage.binary_erosion(gtv, iterations=2)], volume.array[ndimage.binary_erosion(heart, iterations=2)]
    assert abs(core.mean() - muscle.mean()) < core.std()


def test_the_tumour_shrinks_from_visit_to_visit(patient):
    volumes = [ml(volume, truth.segment("GTV").mask) for volume, truth in (visit_of(patient, name) for name in VISITS)]
    assert 0.5 < volumes[1] / volumes[0] < 0.8
    assert 0.6 < volumes[2] / volumes[1] < 0.9


def test_the_tumour_moves_some_millimetres_against_the_heart(patient):
    offsets = []
    for name in VISITS:
        volume, truth = visit_of(patient, name)
        offsets.append(centroid_ras(volume, truth.segment("GTV").mask) - centroid_ras(volume, truth.segment("Heart").mask))
    for later in offsets[1:]:
        assert 2 < np.linalg.norm(later - offsets[0]) < 20


def test_the_patient_lies_somewhere_else_at_each_followup(patient):
    places = [centroid_ras(volume, truth.segment("Heart").mask) for volume, truth in (visit_of(patient, name) for name in VISITS)]
    assert all(8 < np.linalg.norm(place - places[0]) < 40 for place in places[1:])


@pytest.mark.parametrize("name", VISITS)
def test_left_is_left_in_patient_space_whatever_the_grid(patient, name):
    volume, truth = visit_of(patient, name)
    middle = centroid_ras(volume, truth.segment("Spinal cord").mask)
    side = {segment.name: (centroid_ras(volume, segment.mask) - middle)[0] for segment in truth.segments}
    assert side["Lung left"] < -40 and side["GTV"] < -40 and side["Heart"] < -5
    assert side["Lung right"] > 40
    assert (centroid_ras(volume, truth.segment("Heart").mask) - middle)[1] > 60  # in front of the spine


@pytest.mark.parametrize("name", VISITS)
def test_structures_lie_in_the_body_do_not_overlap_and_are_of_one_piece(patient, name):
    volume, truth = visit_of(patient, name)
    body = body_of(volume)
    assert sum(segment.mask.astype(int) for segment in truth.segments).max() == 1
    for segment in truth.segments:
        assert not (segment.mask & ~body).any(), segment.name
        pieces = np.bincount(ndimage.label(segment.mask, np.ones((3, 3, 3)))[0].ravel())[1:]
        assert pieces.max() > 0.995 * pieces.sum(), segment.name
    assert ndimage.label(truth.segment("GTV").mask)[1] == 1


def test_the_cord_runs_through_every_slice_and_the_tumour_does_not(patient):
    for name in VISITS:
        _, truth = visit_of(patient, name)
        assert truth.segment("Spinal cord").mask.any(axis=(1, 2)).all()
        tumour = truth.segment("GTV").mask.any(axis=(1, 2))
        assert 8 < tumour.sum() < 30 and not tumour[0] and not tumour[-1]


def test_part_of_the_lung_behind_the_tumour_has_clouded_over_at_the_last_visit(patient):
    shares = []
    for name in VISITS:
        volume, truth = visit_of(patient, name)
        near = ndimage.binary_dilation(truth.segment("GTV").mask, iterations=6) & truth.segment("Lung left").mask
        shares.append(np.mean((volume.array[near] > -650) & (volume.array[near] < -350)))
    assert shares[2] > 1.3 * max(shares[:2])


# --- what it says of itself


def test_segments_carry_colours_and_terminology_that_slicer_understands(small):
    for name in VISITS:
        _, truth = visit_of(small, name)
        assert truth.names == tuple(STRUCTURES) == ("GTV", "Heart", "Spinal cord", "Lung left", "Lung right")
        assert len({segment.id for segment in truth.segments}) == len({segment.color_rgb for segment in truth.segments}) == 5
        for segment in truth.segments:
            context, category, kind, modifier, *region = segment.terminology.split("~")
            assert context == "Segmentation category and type - 3D Slicer General Anatomy list"
            assert category.startswith("SCT^") and kind.startswith("SCT^") and len(kind.split("^")) == 3
            assert region == ["Anatomic codes - DICOM master list", "^^", "^^"]
        assert "SCT^7771000^Left" in truth.segment("Lung left").terminology


def test_the_visits_belong_to_one_patient_in_order_of_date_each_in_its_own_frame(small):
    meta = [visit_of(small, name)[0].meta for name in VISITS]
    assert {entry["patient_id"] for entry in meta} == {"PHANTOM"}
    assert {entry["modality"] for entry in meta} == {"CT"}
    dates = [entry["study_date"] for entry in meta]
    assert dates == sorted(set(dates))
    assert len({entry["frame_of_reference_uid"] for entry in meta}) == 3


def test_written_files_read_back_as_the_phantom(small, tmp_path):
    paths = write_phantom(tmp_path / "phantom", scale=3)
    assert set(paths) == {
        "prior_ct", "prior_segmentation", "followup1_ct", "followup1_truth", "followup2_ct", "followup2_truth",
    }  # fmt: skip
    volume, truth = visit_of(small, "followup2")
    read = read_volume(paths["followup2_ct"])
    assert np.array_equal(read.array, volume.array)
    np.testing.assert_allclose(read.ijk_to_ras, volume.ijk_to_ras, atol=1e-9)
    segmentation = read_segmentation(paths["followup2_truth"], read)
    for segment in truth.segments:
        found = segmentation.segment(segment.name)
        assert np.array_equal(found.mask, segment.mask)
        assert found.terminology == segment.terminology
        np.testing.assert_allclose(found.color_rgb, segment.color_rgb, atol=1e-3)
