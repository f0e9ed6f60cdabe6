"""`p2sam evaluate`: the figures of `p2sam.metrics`, from files on whatever grids they lie."""

import json

import numpy as np
import pytest
from command_line import lines, run
from dicom_files import phantom_hu, write_rtstruct, write_series
from p2sam.files.segmentations import write_segmentation
from p2sam.metrics import compute
from p2sam.segmentation import Segment, Segmentation

MATRIX = np.array([[0, 0, 2.0, -30], [-1.5, 0, 0, 40], [0, 1.0, 0, 5], [0, 0, 0, 1]])
SHAPE = (12, 20, 16)


def box(low, high, shape=SHAPE):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(a, b) for a, b in zip(low, high))] = True
    return mask


def written(path, masks, matrix=MATRIX):
    segments = tuple(Segment(name, mask, f"Segment_{n}") for n, (name, mask) in enumerate(masks.items(), start=1))
    write_segmentation(Segmentation(segments, matrix, segments[0].mask.shape), path)
    return path


TRUTH, RESULT = box((2, 3, 4), (9, 14, 12)), box((3, 3, 4), (10, 14, 11))


@pytest.fixture
def truth(tmp_path):
    return written(tmp_path / "truth.seg.nrrd", {"GTV": TRUTH, "Cord": box((0, 0, 0), (12, 3, 3))})


@pytest.fixture
def result(tmp_path):
    return written(tmp_path / "result.seg.nrrd", {"GTV": RESULT})


def test_the_figures_are_those_of_the_metrics(truth, result, capfd):
    code, out, _ = run(["evaluate", "--truth", truth, "--result", result, "--json"], capfd)
    rows = json.loads(out)["rows"]
    assert code == 0 and [row["structure"] for row in rows] == ["GTV"]
    assert rows[0] == {"structure": "GTV", **compute(TRUTH, RESULT, MATRIX).as_row()}


def test_a_person_sees_a_table(truth, result, capfd):
    code, out, err = run(["evaluate", "--truth", truth, "--result", result], capfd)
    assert code == 0 and err == "" and "HD95" in out and f"{compute(TRUTH, RESULT, MATRIX).dice:.3f}" in out


def test_a_file_that_was_saved_cropped_is_compared_whole(truth, tmp_path, capfd):
    low = (3, 3, 4)
    matrix = MATRIX.copy()
    matrix[:3, 3] = (MATRIX @ [low[2], low[1], low[0], 1])[:3]
    cropped = written(tmp_path / "cropped.seg.nrrd", {"GTV": RESULT[3:10, 3:14, 4:11]}, matrix)
    for pair in ((truth, cropped), (cropped, truth)):
        code, out, _ = run(["evaluate", "--truth", pair[0], "--result", pair[1], "--structure", "GTV", "--json"], capfd)
        row = json.loads(out)["rows"][0]
        assert code == 0 and row["dice"] == pytest.approx(compute(TRUTH, RESULT, MATRIX).dice)
        assert {round(row["truth_ml"], 6), round(row["result_ml"], 6)} == {round(mask.sum() * 3 / 1000, 6) for mask in (TRUTH, RESULT)}


def test_structures_may_have_other_names_in_the_truth(result, tmp_path, capfd):
    other = written(tmp_path / "other.seg.nrrd", {"Tumour": TRUTH})
    code, _, err = run(["evaluate", "--truth", other, "--result", result], capfd)
    assert code == 2 and "share no structure name (result: GTV; truth: Tumour)" in err
    code, out, _ = run(["evaluate", "--truth", other, "--result", result, "--truth-name", "GTV=Tumour", "--json"], capfd)
    assert code == 0 and json.loads(out)["rows"][0]["dice"] == compute(TRUTH, RESULT, MATRIX).dice


def test_contours_need_the_ct_they_were_drawn_on(tmp_path, capfd):
    write_series(tmp_path / "ct", phantom_hu((6, 20, 28)))
    square = [[-9, 34, -94], [4, 34, -94], [4, 46, -94], [-9, 46, -94]]
    drawn = write_rtstruct(tmp_path / "drawn.dcm", {"GTV": [square]})
    code, _, err = run(["evaluate", "--truth", drawn, "--result", drawn], capfd)
    assert code == 2 and len(lines(err)) == 1 and "--reference" in err
    code, out, err = run(["evaluate", "--truth", drawn, "--result", drawn, "--reference", tmp_path / "ct", "--json"], capfd)
    assert code == 0, err
    assert json.loads(out)["rows"][0]["dice"] == 1.0


def test_segmentations_of_two_places_are_refused(truth, tmp_path, capfd):
    matrix = MATRIX.copy()
    matrix[:3, 3] += 100_000.0
    far = written(tmp_path / "far.seg.nrrd", {"GTV": RESULT}, matrix)
    code, _, err = run(["evaluate", "--truth", truth, "--result", far], capfd)
    assert code == 2 and len(lines(err)) == 1 and "two segmentations of one CT" in err
