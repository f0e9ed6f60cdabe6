"""Whatever is wrong with the input: one sentence that says what and what to do, an exit code, and nothing left behind."""

import errno
import shutil
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from command_line import base, lines, run, write_dicom
from dicom_files import FRAME, write_rtstruct
from p2sam.files.images import read_volume, write_volume
from p2sam.files.segmentations import read_segmentation, write_segmentation
from p2sam.segmentation import Segmentation
from p2sam.volume import Volume

CASES = {}
"""What is wrong -> (function of (arguments by option, folder, phantom) that brings it about, exit code, words of the sentence)."""


def case(code, *words):
    def add(function):
        CASES[function.__name__.replace("_", " ")] = (function, code, words)
        return function

    return add


def changed(source, path, change, dtype=None):
    """A copy of a volume file with other voxels."""
    volume = read_volume(source)
    array = volume.array.astype(dtype or volume.array.dtype, copy=True)
    write_volume(volume.with_array(change(array)), path)
    return path


@case(2, "no file or folder", "check the path")
def a_missing_prior(given, folder, phantom):
    given["--prior"] = folder / "nowhere.nrrd"


@case(2, "no file or folder", "second.nrrd")
def a_missing_second_follow_up(given, folder, phantom):
    given["--followup"] = [phantom["followup1_ct"], folder / "second.nrrd"]


@case(2, "no file or folder", "seg.nrrd")
def a_missing_segmentation(given, folder, phantom):
    given["--segmentation"] = folder / "no.seg.nrrd"


@case(2, "is empty (0 bytes)")
def an_empty_file(given, folder, phantom):
    given["--followup"] = folder / "empty.nrrd"
    given["--followup"].touch()


@case(2, "text.nii.gz")
def a_text_file_named_as_an_image(given, folder, phantom):
    given["--followup"] = folder / "text.nii.gz"
    given["--followup"].write_text("not an image")


@case(2, "cut.nrrd")
def a_file_that_is_cut_short(given, folder, phantom):
    given["--prior"] = folder / "cut.nrrd"
    content = phantom["prior_ct"].read_bytes()
    given["--prior"].write_bytes(content[: len(content) // 2])


@case(2, "is not an image file that is read here", ".nrrd")
def a_picture_instead_of_a_scan(given, folder, phantom):
    given["--followup"] = folder / "scan.png"
    sitk.WriteImage(sitk.Image(8, 8, sitk.sitkUInt8), str(given["--followup"]))


@case(2, "too narrow for Hounsfield units")
def a_normalised_image_as_ct(given, folder, phantom):
    given["--followup"] = changed(phantom["followup1_ct"], folder / "unit.nrrd", lambda hu: (hu + 1024) / 4095, np.float32)


@case(2, "not Hounsfield units", "rescale")
def stored_values_without_their_intercept(given, folder, phantom):
    given["--prior"] = changed(phantom["prior_ct"], folder / "raw.nrrd", lambda hu: hu + 2024)


@case(2, "is a segmentation, not a CT")
def a_segmentation_as_ct(given, folder, phantom):
    given["--followup"] = phantom["prior_segmentation"]


@case(2, "is MR, not CT")
def an_mr_series_as_ct(given, folder, phantom):
    given["--followup"] = write_dicom(folder / "mr", phantom["prior_ct"], Modality="MR")


@case(2, "label map", "CT given as the segmentation")
def a_ct_as_segmentation(given, folder, phantom):
    given["--segmentation"] = phantom["prior_ct"]


@case(2, "voxels that are NaN", "replace them")
def not_a_number(given, folder, phantom):
    def hole(hu):
        hu[1, 2, 3] = np.nan
        return hu

    given["--followup"] = changed(phantom["followup1_ct"], folder / "nan.nrrd", hole, np.float32)


@case(2, "has one slice only")
def one_slice_only(given, folder, phantom):
    volume = read_volume(phantom["followup1_ct"])
    given["--followup"] = folder / "flat.nrrd"
    write_volume(Volume(volume.array[5:6], volume.ijk_to_ras), given["--followup"])


@case(2, "no structure 'Liver'", "it has: GTV, Heart")
def an_absent_structure(given, folder, phantom):
    given["--structure"] = "Liver"


@case(2, "'GTV' is empty", "leave it out")
def an_empty_structure(given, folder, phantom):
    drawn = read_segmentation(phantom["prior_segmentation"], read_volume(phantom["prior_ct"]))
    emptied = tuple(one.with_mask(one.mask & (one.name != "GTV")) for one in drawn.segments)
    given["--structure"] = ["Heart", "GTV"]
    given["--segmentation"] = folder / "emptied.seg.nrrd"
    write_segmentation(Segmentation(emptied, drawn.ijk_to_ras, drawn.shape), given["--segmentation"])


@case(2, "has no structure", "every voxel is 0")
def a_segmentation_without_a_structure(given, folder, phantom):
    given["--segmentation"] = changed(phantom["prior_ct"], folder / "nothing.nrrd", np.zeros_like, np.uint8)


@case(2, "outside the CT", "same visit")
def a_segmentation_of_another_place(given, folder, phantom):
    drawn = read_segmentation(phantom["prior_segmentation"], read_volume(phantom["prior_ct"]))
    matrix = drawn.ijk_to_ras.copy()
    matrix[:3, 3] += 3000.0
    given["--segmentation"] = folder / "elsewhere.seg.nrrd"
    write_segmentation(replace(drawn, ijk_to_ras=matrix), given["--segmentation"])


@case(2, "frame of reference 9.9.9")
def contours_in_another_frame_of_reference(given, folder, phantom):
    given["--prior"] = write_dicom(folder / "ct", phantom["prior_ct"])
    square = [[-80, -30, 0], [-60, -30, 0], [-60, -10, 0], [-80, -10, 0]]
    given["--segmentation"] = write_rtstruct(folder / "contours.dcm", {"GTV": [square]}, frame="9.9.9")


@case(2, "different frames of reference", "--alignment rigid")
def scans_in_two_frames_that_are_not_aligned(given, folder, phantom):
    given["--prior"] = write_dicom(folder / "ct", phantom["prior_ct"])
    given["--followup"] = write_dicom(folder / "later", phantom["prior_ct"], FrameOfReferenceUID=f"{FRAME}.7", SeriesInstanceUID="1.2.3.9")


@case(2, "is of patient 'B'", "--allow-different-patient")
def another_patient(given, folder, phantom):
    given["--prior"] = write_dicom(folder / "ct", phantom["prior_ct"], PatientID="A")
    given["--followup"] = write_dicom(folder / "later", phantom["prior_ct"], PatientID="B", SeriesInstanceUID="1.2.3.9")


@case(2, "share", "same region of the same patient")
def no_overlap_after_alignment(given, folder, phantom):
    volume = read_volume(phantom["followup1_ct"])
    matrix = volume.ijk_to_ras.copy()
    matrix[2, 3] += 2000.0
    given["--followup"] = folder / "far.nrrd"
    write_volume(Volume(volume.array, matrix), given["--followup"])


@case(2, "no preset 'fast'", "clinical")
def an_unknown_preset(given, folder, phantom):
    given["--preset"] = "fast"


@case(2, "Unknown setting: speed")
def an_unknown_setting(given, folder, phantom):
    given["--set"] = "speed=3"


@case(2, "--set reach_mm=far is not a number", "reach_mm=15")
def a_setting_that_is_no_number(given, folder, phantom):
    given["--set"] = "reach_mm=far"


@case(2, "reach_mm is -4", "between 0 and 200")
def a_setting_out_of_its_range(given, folder, phantom):
    given["--set"] = "reach_mm=-4"


@case(2, "--set seed has no value")
def a_setting_without_a_value(given, folder, phantom):
    given["--set"] = "seed"


@case(2, "alignment is 'magic'", "deformable")
def an_unknown_alignment(given, folder, phantom):
    given["--alignment"] = "magic"


@case(2, "exclude each other")
def an_alignment_and_a_transform(given, folder, phantom):
    given["--transform"] = folder / "any.h5"


@case(2, "no transform file")
def a_missing_transform(given, folder, phantom):
    del given["--alignment"]
    given["--transform"] = folder / "any.h5"


@case(2, "cannot be read as an ITK transform")
def a_damaged_transform(given, folder, phantom):
    del given["--alignment"]
    given["--transform"] = folder / "any.tfm"
    given["--transform"].write_text("nothing")


@case(2, "no model 'sam_vit_z'", "graph")
def an_unknown_model(given, folder, phantom):
    given["--model"] = "sam_vit_z"


@case(2, "given twice", "--alignment")
def an_alignment_given_twice(given, folder, phantom):
    given["--set"] = "alignment=rigid"


@case(2, "two finite values")
def a_window_without_an_end(given, folder, phantom):
    given["--set"] = "window_hu=-910,inf"


@case(2, "x 1.5 mm large", "spacings in millimetres")
def a_scan_that_is_counted_in_other_units(given, folder, phantom):
    volume = read_volume(phantom["followup1_ct"])
    small = volume.ijk_to_ras @ np.diag([0.01, 0.01, 0.01, 1])
    write_volume(Volume(volume.array, small), folder / "metres.nrrd")
    given["--followup"] = folder / "metres.nrrd"


@case(2, "values a voxel", "one whole number")
def a_colour_picture_as_segmentation(given, folder, phantom):
    volume = read_volume(phantom["prior_ct"])
    picture = sitk.Compose([sitk.Cast(volume.to_sitk() * 0 + value, sitk.sitkUInt8) for value in (3, 90, 200)])
    sitk.WriteImage(picture, str(folder / "picture.nrrd"))
    given["--segmentation"] = folder / "picture.nrrd"


@case(2, "254 different values", "Was an image given")
def a_grey_picture_as_segmentation(given, folder, phantom):
    given["--segmentation"] = changed(phantom["prior_ct"], folder / "grey.nrrd", lambda hu: (np.arange(hu.size) % 255).astype(np.uint8).reshape(hu.shape))


@case(2, "none of the structures GTV", "Lung")
def a_truth_name_of_no_structure(given, folder, phantom):
    given["--truth"], given["--truth-name"] = phantom["followup1_truth"], "Lung=GTV"


@case(2, "--truth-name", "--truth")
def a_truth_name_without_a_truth(given, folder, phantom):
    given["--truth-name"] = "GTV=Tumour"


@case(3, "sam_vit_b_01ec64.pth has 5 bytes")
def damaged_weights_in_the_cache(given, folder, phantom):
    from p2sam.models import registry, weights

    file = weights.path(registry.find("sam_vit_b"))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"short")
    given["--model"] = "sam_vit_b"


@case(2, "no weights file", "mine.pth")
def a_missing_weights_file(given, folder, phantom):
    given["--model"] = folder / "mine.pth"


@case(3, "weights of SAM ViT-B are not on this machine", "p2sam models download sam_vit_b", "375 MB")
def weights_that_were_not_downloaded(given, folder, phantom):
    given["--model"] = "sam_vit_b"


@case(3, "mine.pth")
def damaged_weights(given, folder, phantom):
    pytest.importorskip("torch", reason="weights are opened by torch, which is not installed")
    given["--model"] = folder / "mine.pth"
    given["--model"].write_bytes(b"PK\x03\x04 not a checkpoint")


@case(4, "'tpu' is not a device", "cuda:N")
def an_unknown_device(given, folder, phantom):
    given["--device"] = "tpu"


@case(4, "cuda:99 cannot be used", "--device cpu")
def an_absent_device(given, folder, phantom):
    pytest.importorskip("torch", reason="devices are torch's, which is not installed")
    given["--model"], given["--device"] = folder / "mine.pth", "cuda:99"
    given["--model"].write_bytes(b"PK\x03\x04 not a checkpoint")


@case(2, "1 follow-ups and 2 truths", "--truth once for each")
def one_truth_too_many(given, folder, phantom):
    given["--truth"] = [phantom["followup1_truth"], phantom["followup2_truth"]]


@case(2, "no structure 'Tumour'")
def a_truth_without_the_structure(given, folder, phantom):
    given["--truth"], given["--truth-name"] = phantom["followup1_truth"], "GTV=Tumour"


@case(2, "does not name two structures")
def a_truth_name_without_its_other_name(given, folder, phantom):
    given["--truth-name"] = "GTV"


@case(5, "exists and is not a folder")
def a_file_where_the_result_should_go(given, folder, phantom):
    given["--output"].mkdir()
    (given["--output"] / "followup1_ct").write_text("mine")


@case(5, "is a file", "choose another folder")
def an_output_below_a_file(given, folder, phantom):
    (folder / "file").write_text("mine")
    given["--output"] = folder / "file" / "out"


@case(5, "P2SAMSlicer did not write")
def an_output_folder_with_somebody_s_files(given, folder, phantom):
    (given["--output"] / "followup1_ct").mkdir(parents=True)
    (given["--output"] / "followup1_ct" / "thesis.txt").write_text("mine")


def listing(folder):
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*"))


@pytest.mark.parametrize("wrong", CASES)
def test_bad_input_ends_in_one_sentence_and_leaves_nothing(wrong, phantom, tmp_path, capfd, monkeypatch):
    bring_about, expected, words = CASES[wrong]
    monkeypatch.setenv("P2SAM_HOME", str(tmp_path / "home"))
    arguments = base(phantom, tmp_path / "out")
    given = dict(zip(arguments[1::2], arguments[2::2])) | {"--alignment": "none"}
    bring_about(given, tmp_path, phantom)
    before = [name for name in listing(tmp_path) if not name.startswith("home")]
    command = ["propagate"]
    for option, value in given.items():
        for one in value if isinstance(value, list) else [value]:
            command += [option, one]
    code, out, err = run(command, capfd)
    assert code == expected, err
    assert out == "" and len(lines(err)) == 1 and err.startswith("Error: ") and err.rstrip().endswith((".", "?"))
    for word in words:
        assert word in err
    assert [name for name in listing(tmp_path) if not name.startswith("home")] == before


def test_a_full_disk_is_found_before_anything_is_computed(phantom, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000))
    code, out, err = run([*base(phantom, tmp_path / "out"), "--alignment", "none"], capfd)
    assert code == 5 and out == "" and len(lines(err)) == 1 and "is full" in err and not (tmp_path / "out").exists()


def test_a_disk_that_fills_while_the_result_is_written_leaves_nothing(phantom, tmp_path, capfd, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("p2sam.files.output.write_slices", full)
    code, out, err = run([*base(phantom, tmp_path / "out"), "--alignment", "none"], capfd)
    assert code == 5 and out == "" and len(lines(err)) == 1 and "No space left on device" in err
    assert listing(tmp_path) == []


def test_a_command_that_is_typed_wrongly_shows_how_it_is_used(capfd):
    code, out, err = run(["propagate", "--prior"], capfd)
    assert code == 2 and out == "" and "requires an argument" in err and "Traceback" not in err


@pytest.mark.parametrize("arguments", [["propagate", "--help"], ["--version"], ["--help"], ["models", "--help"]])
def test_help_and_version_end_well(arguments, capfd):
    code, out, err = run(arguments, capfd)
    assert code == 0 and out and err == ""
