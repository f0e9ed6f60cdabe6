"""A folder of slices is one regular stack, or an error that names the files."""

import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_files import FRAME, SERIES, new_dataset, phantom_hu, write_rtstruct, write_series
from p2sam.files.dicom_series import read_series
from p2sam.errors import GeometryError, InputError
from pydicom.uid import EnhancedCTImageStorage, SecondaryCaptureImageStorage
from scipy.spatial.transform import Rotation

OBLIQUE = Rotation.from_euler("xyz", [20, -15, 70], degrees=True).as_matrix()


def test_values_are_hounsfield_units_and_slices_run_along_the_normal(tmp_path):
    hu = phantom_hu()
    volume = read_series(write_series(tmp_path, hu)[0].parent)
    assert volume.array.dtype == np.int16
    assert np.array_equal(volume.array, hu)
    assert volume.spacing_mm.tolist() == [0.8, 1.25, 3.0]
    np.testing.assert_allclose(volume.ras_of(np.array([[0, 0, 0], [13, 9, 5]])), [[12.5, -30.25, -100], [12.5 - 13 * 0.8, -30.25 - 9 * 1.25, -85]])


@pytest.mark.parametrize("turn", [np.eye(3), OBLIQUE, OBLIQUE @ np.diag([1, -1, -1]), np.eye(3)[[1, 2, 0]]], ids=["axial", "oblique", "flipped", "sagittal"])
def test_geometry_agrees_with_itk_in_any_orientation(tmp_path, turn):
    paths = write_series(tmp_path, phantom_hu(), row=turn[:, 0], column=turn[:, 1])
    volume = read_series(tmp_path)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in paths])
    image = reader.Execute()
    assert np.array_equal(volume.array, sitk.GetArrayFromImage(image))
    corner = np.array(image.TransformIndexToPhysicalPoint([13, 9, 5])) * [-1, -1, 1]
    np.testing.assert_allclose(volume.ras_of(np.array([[13, 9, 5]]))[0], corner, atol=1e-4)


def test_rescale_with_a_fraction_keeps_the_fraction(tmp_path):
    hu = phantom_hu()
    volume = read_series(write_series(tmp_path, hu, RescaleSlope="0.5", RescaleIntercept="-512.25")[0].parent)
    assert volume.array.dtype == np.float32
    np.testing.assert_allclose(volume.array, (hu + 1024) * 0.5 - 512.25)


def test_what_is_known_of_the_scan_is_kept(tmp_path):
    paths = write_series(tmp_path, phantom_hu())
    meta = read_series(tmp_path).meta
    assert {key: meta[key] for key in ("patient_id", "study_date", "modality", "frame_of_reference_uid", "series_uid", "study_uid", "series_description", "source")} == {
        "patient_id": "P1", "study_date": "20240131", "modality": "CT", "frame_of_reference_uid": FRAME,
        "series_uid": SERIES, "study_uid": "1.2.3.4", "series_description": "thorax", "source": str(tmp_path),
    }  # fmt: skip
    uid_in_file = [sitk.ReadImage(str(path)).GetMetaData("0008|0018") for path in paths]
    assert list(meta["sop_instance_uids"]) == uid_in_file
    assert "warnings" not in meta


def test_other_objects_in_the_folder_are_left_aside(tmp_path):
    hu = phantom_hu()
    write_series(tmp_path, hu)
    write_rtstruct(tmp_path / "rs.dcm", {"GTV": []})
    (tmp_path / "readme.txt").write_text("not a slice")
    (tmp_path / "._ct000.dcm").write_bytes(b"\0\5\x16\7")
    capture = new_dataset(SecondaryCaptureImageStorage)
    capture.Modality, capture.Rows, capture.Columns, capture.SeriesInstanceUID = "CT", 8, 8, "9.9"
    capture.save_as(tmp_path / "capture.dcm", enforce_file_format=True)
    write_series(tmp_path, hu[:1], series="7.7", prefix="scout", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    volume = read_series(tmp_path)
    assert np.array_equal(volume.array, hu)
    assert any("capture.dcm" in text for text in volume.meta["warnings"])
    assert any("localizer 'scout000.dcm'" in text for text in volume.meta["warnings"])


def test_slices_in_sub_folders_are_found(tmp_path):
    hu = phantom_hu()
    write_series(tmp_path / "study" / "ct", hu)
    assert np.array_equal(read_series(tmp_path).array, hu)


def test_several_series_are_listed_and_one_can_be_chosen(tmp_path):
    write_series(tmp_path, phantom_hu(seed=1))
    other = phantom_hu(seed=2)[:4]
    paths = write_series(tmp_path, other, series="5.6.7", prefix="lung", SeriesDescription="lung kernel")
    with pytest.raises(InputError, match=r"2 image series.*'thorax', 6 files.*'lung kernel', 4 files.*UID 5\.6\.7.*one of its files"):
        read_series(tmp_path)
    assert np.array_equal(read_series(tmp_path, "5.6.7").array, other)
    assert np.array_equal(read_series(paths[2]).array, other)


def test_an_unknown_series_uid_is_refused(tmp_path):
    write_series(tmp_path, phantom_hu())
    with pytest.raises(InputError, match=r"no series '1\.1'.*'thorax'"):
        read_series(tmp_path, "1.1")


def test_a_ct_beside_an_mr_series_needs_no_choice_and_an_mr_alone_is_said_to_be_one(tmp_path):
    write_series(tmp_path / "mr", phantom_hu(), series="8.8", prefix="mr", Modality="MR")
    assert read_series(tmp_path / "mr").meta["modality"] == "MR"
    write_series(tmp_path / "mr", phantom_hu(seed=5))
    assert read_series(tmp_path / "mr").meta["modality"] == "CT"


def test_a_file_that_is_not_a_slice_is_refused(tmp_path):
    write_series(tmp_path, phantom_hu())
    path = write_rtstruct(tmp_path / "rs.dcm", {"GTV": []})
    with pytest.raises(InputError, match=r"rs\.dcm' is not a slice"):
        read_series(path)


def test_a_missing_slice_is_named_by_its_neighbours(tmp_path):
    paths = write_series(tmp_path, phantom_hu())
    paths[3].unlink()
    with pytest.raises(GeometryError, match=rf"missing: 6\.00 mm between '{paths[2].name}' and '{paths[4].name}'.*3\.00 mm apart"):
        read_series(tmp_path)


def test_two_slices_at_one_position_are_named(tmp_path):
    paths = write_series(tmp_path, phantom_hu())
    shutil.copy(paths[2], tmp_path / "zcopy.dcm")
    with pytest.raises(GeometryError, match=rf"same position: '{paths[2].name}' and 'zcopy.dcm' at -94\.00 mm"):
        read_series(tmp_path)


def test_uneven_spacing_is_refused_and_rounded_positions_are_not(tmp_path):
    def shifted(mm):
        def change(dataset, k):
            if k == 3:
                dataset.ImagePositionPatient = [-12.5, 30.25, -91.0 + mm]

        return change

    paths = write_series(tmp_path / "uneven", phantom_hu(), change=shifted(0.6))
    with pytest.raises(GeometryError, match=rf"not evenly spaced: '{paths[3].name}'"):
        read_series(tmp_path / "uneven")
    write_series(tmp_path / "rounded", phantom_hu(), change=shifted(0.05))
    assert read_series(tmp_path / "rounded").spacing_mm[2] == pytest.approx(3.0)


def test_gantry_tilt_is_refused_with_its_angle(tmp_path):
    def tilt(dataset, k):
        dataset.ImagePositionPatient = [-12.5, 30.25 + k * 3 * np.tan(np.radians(12)), -100.0 + 3 * k]

    paths = write_series(tmp_path, phantom_hu(), change=tilt)
    with pytest.raises(GeometryError, match=rf"'{paths[0].name}' to '{paths[-1].name}'.*gantry tilt of 12\.0 degrees"):
        read_series(tmp_path)


def test_one_slice_pushed_sideways_is_named(tmp_path):
    def push(dataset, k):
        if k == 2:
            dataset.ImagePositionPatient = [-10.5, 30.25, -94.0]

    paths = write_series(tmp_path, phantom_hu(), change=push)
    with pytest.raises(GeometryError, match=rf"'{paths[2].name}' lies 2\.00 mm beside"):
        read_series(tmp_path)


@pytest.mark.parametrize(
    ("what", "tags"),
    [
        ("pixel spacing", {"PixelSpacing": [1.25, 0.9]}),
        ("orientation", {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}),
        ("rescale slope and intercept", {"RescaleIntercept": 0}),
        ("size", {"Rows": 14, "Columns": 10}),
        ("frame of reference", {"FrameOfReferenceUID": "1.2.3"}),
        ("patient", {"PatientID": "P2"}),
    ],
)
def test_a_slice_that_differs_from_the_others_is_named(tmp_path, what, tags):
    def differ(dataset, k):
        for name, value in tags.items() if k == 4 else ():
            setattr(dataset, name, value)

    paths = write_series(tmp_path, phantom_hu(), change=differ)
    with pytest.raises(GeometryError, match=rf"do not have one {what}: '{paths[4].name}' has"):
        read_series(tmp_path)


def test_one_slice_alone_is_refused(tmp_path):
    write_series(tmp_path, phantom_hu()[:1])
    with pytest.raises(GeometryError, match="one slice only"):
        read_series(tmp_path)


def test_an_enhanced_ct_is_refused_with_a_way_out(tmp_path):
    frames = new_dataset(EnhancedCTImageStorage)
    frames.Modality, frames.Rows, frames.Columns, frames.NumberOfFrames, frames.SeriesInstanceUID = "CT", 8, 8, 5, "9.9"
    frames.save_as(tmp_path / "enhanced.dcm", enforce_file_format=True)
    with pytest.raises(InputError, match=r"enhanced\.dcm' is an enhanced.*\.nrrd"):
        read_series(tmp_path)


@pytest.mark.parametrize("kept", [0, 60, 140, 400, 700, -100])
def test_a_slice_that_is_cut_short_is_named_and_never_dropped(tmp_path, kept):
    paths = write_series(tmp_path, phantom_hu())
    paths[-1].write_bytes(paths[-1].read_bytes()[:kept])
    with pytest.raises(InputError, match=paths[-1].name):
        read_series(tmp_path)


def test_an_empty_file_without_an_ending_is_reported(tmp_path):
    write_series(tmp_path, phantom_hu())
    (tmp_path / "IM0007").touch()
    assert read_series(tmp_path).meta["warnings"] == ("the empty file 'IM0007' (0 bytes) was left out",)


def test_a_folder_without_slices_is_refused(tmp_path):
    write_rtstruct(tmp_path / "rs.dcm", {"GTV": []})
    with pytest.raises(InputError, match="no DICOM image slice"):
        read_series(tmp_path)


@pytest.mark.parametrize("tags", [{"PixelSpacing": [0, 1]}, {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, {"RescaleSlope": 0}])
def test_a_header_that_cannot_be_used_is_refused(tmp_path, tags):
    write_series(tmp_path, phantom_hu(), **tags)
    with pytest.raises(InputError, match="export (the series|it) again"):
        read_series(tmp_path)


@pytest.mark.real
def test_jpeg2000_slices_are_decoded(shared_data):
    volume = read_series(shared_data / "totalseg-example" / "example_ct_dicom")
    assert volume.shape == (20, 512, 512)
    assert volume.spacing_mm.tolist() == [0.9765625, 0.9765625, 2.0]
    assert -1100 < volume.array.min() < -900 and 1000 < volume.array.max() < 3100


@pytest.mark.real
def test_the_planning_ct_of_lung1_001_is_read_where_itk_reads_it(shared_data):
    folder = shared_data / "lung1-001" / "ct"
    volume = read_series(folder)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    assert np.array_equal(volume.array, sitk.GetArrayViewFromImage(image))
    assert volume.to_sitk().GetOrigin() == image.GetOrigin()
    assert volume.to_sitk().GetSpacing() == image.GetSpacing()
    assert len(set(volume.meta["sop_instance_uids"])) == 134
