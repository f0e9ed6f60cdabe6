"""Image files come in as volumes or end in one sentence; volumes go out whole or not at all."""

import errno
import os

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_files import phantom_hu, write_series
from hypothesis import HealthCheck, given, settings
from p2sam.errors import GeometryError, InputError, OutputError
from p2sam.files.images import check_ct, read_volume, write_volume
from p2sam.volume import Volume, same_grid
from scipy.spatial.transform import Rotation
from test_volume import volumes

OBLIQUE = np.eye(4)
OBLIQUE[:3, :3] = Rotation.from_euler("xyz", [10, -25, 40], degrees=True).as_matrix() @ np.diag([0.7, -1.3, 2.9])
OBLIQUE[:3, 3] = [-101.3, 17.77, 1003.1]


def ct(dtype=np.int16):
    return Volume(phantom_hu().astype(dtype), OBLIQUE)


@pytest.mark.parametrize("ending", [".nrrd", ".nii", ".nii.gz", ".mha"])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_a_volume_reads_back_as_it_was_written(tmp_path, ending, dtype):
    path = tmp_path / f"ct{ending}"
    write_volume(ct(dtype), path)
    back = read_volume(path)
    assert back.array.dtype == dtype
    assert np.array_equal(back.array, ct(dtype).array)
    assert same_grid(back, ct(), tolerance_mm=1e-3)
    assert back.meta == {"source": str(path)}
    assert os.listdir(tmp_path) == [path.name]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(volumes())
def test_nrrd_keeps_the_geometry_bit_for_bit_and_itk_reads_it_alike(tmp_path, volume):
    write_volume(volume, tmp_path / "any.nrrd")
    back = read_volume(tmp_path / "any.nrrd")
    assert np.array_equal(back.ijk_to_ras, volume.ijk_to_ras)
    assert np.array_equal(back.array, volume.array)
    assert same_grid(Volume.from_sitk(sitk.ReadImage(str(tmp_path / "any.nrrd"))), volume, tolerance_mm=1e-9)


def test_a_nrrd_in_another_space_is_placed_as_itk_places_it(tmp_path):
    path = tmp_path / "ras.nrrd"
    header = "NRRD0004\ntype: short\ndimension: 3\nspace: right-anterior-superior\nsizes: 4 3 2\nspace directions: (0,2,0) (-1.1,0,0) (0,0,3)\nkinds: domain domain domain\nendian: little\nencoding: raw\nspace origin: (5,6,7)\n\n"
    path.write_bytes(header.encode() + np.arange(24, dtype="<i2").tobytes())
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.ijk_to_ras[:3], [[0, -1.1, 0, 5], [2, 0, 0, 6], [0, 0, 3, 7]])
    assert same_grid(volume, Volume.from_sitk(sitk.ReadImage(str(path))), 1e-9)


def test_wide_integers_that_fit_come_in_as_int16_and_doubles_as_float32(tmp_path):
    sitk.WriteImage(ct(np.int32).to_sitk(), str(tmp_path / "wide.nii"))
    sitk.WriteImage(ct(np.float64).to_sitk(), str(tmp_path / "double.mha"))
    assert read_volume(tmp_path / "wide.nii").array.dtype == np.int16
    assert read_volume(tmp_path / "double.mha").array.dtype == np.float32


def test_a_fourth_axis_of_one_is_dropped_and_a_longer_one_refused(tmp_path):
    image = ct(np.float32).to_sitk()
    sitk.WriteImage(sitk.JoinSeries([image]), str(tmp_path / "one.nii"))
    sitk.WriteImage(sitk.JoinSeries([image, image]), str(tmp_path / "two.nii"))
    assert np.array_equal(read_volume(tmp_path / "one.nii").array, ct(np.float32).array)
    with pytest.raises(GeometryError, match="4 axes"):
        read_volume(tmp_path / "two.nii")


def test_dicom_is_known_by_its_content(tmp_path):
    paths = write_series(tmp_path, phantom_hu())
    bare = paths[0].rename(paths[0].with_suffix(""))
    assert np.array_equal(read_volume(bare).array, phantom_hu())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_counted_and_refused(tmp_path, value):
    array = phantom_hu().astype(np.float32)
    array[1, 2, 3:5] = value
    sitk.WriteImage(Volume(array, OBLIQUE).to_sitk(), str(tmp_path / "ct.nrrd"))
    with pytest.raises(InputError, match=r"ct\.nrrd' has 2 voxels that are NaN or infinite"):
        read_volume(tmp_path / "ct.nrrd")


def test_one_slice_only_is_refused(tmp_path):
    sitk.WriteImage(Volume(phantom_hu()[:1], OBLIQUE).to_sitk(), str(tmp_path / "ct.nrrd"))
    with pytest.raises(GeometryError, match=r"one slice only \(14 x 10 x 1 voxels\)"):
        read_volume(tmp_path / "ct.nrrd")


def test_a_sheared_grid_is_refused(tmp_path):
    matrix = OBLIQUE.copy()
    matrix[:3, 2] += 0.2 * matrix[:3, 1]
    write_volume(Volume(phantom_hu(), matrix), tmp_path / "tilted.nrrd")
    with pytest.raises(GeometryError, match="not perpendicular"):
        read_volume(tmp_path / "tilted.nrrd")


def test_colours_are_refused(tmp_path):
    sitk.WriteImage(sitk.Image([4, 5, 6], sitk.sitkVectorUInt8, 3), str(tmp_path / "rgb.nrrd"))
    with pytest.raises(InputError, match="3 values a voxel"):
        read_volume(tmp_path / "rgb.nrrd")


def test_a_segmentation_is_not_taken_for_a_ct(tmp_path):
    image = ct().to_sitk()
    image.SetMetaData("Segment0_ID", "Segment_1")
    sitk.WriteImage(image, str(tmp_path / "liver.seg.nrrd"))
    with pytest.raises(InputError, match="is a segmentation, not a CT"):
        read_volume(tmp_path / "liver.seg.nrrd")


def test_a_path_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(InputError, match="no file or folder"):
        read_volume(tmp_path / "absent.nrrd")


def test_an_empty_folder_and_an_empty_file_are_said_so(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.nii").touch()
    with pytest.raises(InputError, match="folder .* is empty"):
        read_volume(tmp_path / "empty")
    with pytest.raises(InputError, match="0 bytes"):
        read_volume(tmp_path / "empty.nii")


@pytest.mark.parametrize("ending", [".nrrd", ".nii.gz", ".mha", ".txt", ".dcm"])
def test_a_file_that_is_no_image_is_refused_in_one_sentence(tmp_path, ending):
    path = tmp_path / f"ct{ending}"
    path.write_text("not an image at all, only words " * 20)
    with pytest.raises(InputError) as caught:
        read_volume(path)
    assert path.name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("part", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("ending", [".nrrd", ".nii", ".nii.gz", ".mha"])
def test_a_file_that_is_cut_short_is_refused(tmp_path, ending, part, compressed):
    path = tmp_path / f"ct{ending}"
    sitk.WriteImage(ct().to_sitk(), str(path), useCompression=compressed)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(InputError, match=path.name):
        read_volume(path)


@pytest.mark.parametrize("ending", [".nrrd", ".nii.gz", ".mha"])
def test_damage_inside_compressed_voxels_is_found(tmp_path, ending):
    path = tmp_path / f"ct{ending}"
    write_volume(ct(), path)
    data = bytearray(path.read_bytes())
    data[len(data) * 3 // 4] ^= 0x55
    path.write_bytes(data)
    with pytest.raises(InputError, match=path.name):
        read_volume(path)


def test_a_failing_disk_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "ct.nrrd"
    path.write_text("the older result")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device.*Free some space"):
        write_volume(ct(), path)
    assert path.read_text() == "the older result"
    assert os.listdir(tmp_path) == ["ct.nrrd"]


@pytest.mark.parametrize("ending", [".nrrd", ".nii", ".mha"])
def test_a_file_that_outgrows_the_disk_is_an_error_and_leaves_nothing(tmp_path, ending):
    resource = pytest.importorskip("resource", reason="file size limits are a POSIX thing")
    noise = Volume(np.random.default_rng(0).integers(-1000, 1000, (20, 40, 50)).astype(np.int16), OBLIQUE)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OutputError, match=r"Free some space|free some space"):
            write_volume(noise, tmp_path / f"ct{ending}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="choose another output folder"):
        write_volume(ct(), tmp_path / "absent" / "ct.nrrd")


def test_an_ending_that_is_not_written_is_refused(tmp_path):
    with pytest.raises(OutputError, match="choose .nrrd"):
        write_volume(ct(), tmp_path / "ct.png")


HU = phantom_hu().astype(np.float32)


@pytest.mark.parametrize(
    ("array", "meta", "reason"),
    [
        (HU, {"modality": "MR"}, "is MR, not CT"),
        (HU * 0 + 3, {}, "every voxel is 3"),
        (HU + 1024, {}, "no air and no fat"),
        (np.abs(HU), {}, "no air and no fat"),
        ((HU + 1000) / 1000, {}, "too narrow"),
        (HU * 0.01 - 900, {}, "only air"),
        ((HU > 0) * 200.0, {}, "no air and no fat"),
    ],
    ids=["MR", "constant", "no intercept", "absolute", "normalised", "air", "label map"],
)
def test_what_cannot_be_hounsfield_units_is_refused(array, meta, reason):
    with pytest.raises(InputError, match=reason):
        check_ct(Volume(array, OBLIQUE, meta))


def test_a_small_field_of_view_without_air_is_accepted():
    tissue = np.random.default_rng(0).normal(40, 25, (8, 20, 24)).astype(np.int16)
    tissue[:, :4] = -95
    check_ct(Volume(tissue, OBLIQUE))
    check_ct(Volume(HU, OBLIQUE, {"modality": "CT"}))


@pytest.mark.real
@pytest.mark.parametrize(
    "name",
    ["slicerio-ctchest/CTChest4.nrrd", "totalseg-example/example_ct.nii.gz", "nsclc-phantom-pat2", "dcmqi-liver3/ct-3slice", "lung1-001-followups/visit3_ct.nrrd"],
)
def test_real_ct_is_accepted(shared_data, name):
    volume = read_volume(shared_data / name)
    check_ct(volume)
    assert volume.array.dtype == np.int16


@pytest.mark.real
@pytest.mark.parametrize("name", ["slicerio-ctchest/Segmentation.seg.nrrd", "lung1-001-followups/visit2_truth.nrrd", "dcmqi-liver3/liver.dcm", "lung1-001/rtstruct"])
def test_a_real_segmentation_is_not_accepted_as_ct(shared_data, name):
    with pytest.raises(InputError):
        check_ct(read_volume(shared_data / name))
