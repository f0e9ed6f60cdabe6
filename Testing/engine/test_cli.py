"""`p2sam propagate` as a person or a program runs it: what comes out, and how it ends."""

import csv
import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from command_line import DICOM_FRAME, base, lines, run, write_dicom
from p2sam.files.images import read_volume
from p2sam.files.segmentations import read_segmentation, write_segmentation
from p2sam.models.registry import GRAPH

FILES = {
    "segmentation.seg.nrrd", "positive_prompts.mrk.json", "negative_prompts.mrk.json",
    "slices.csv", "provenance.json", "report.html", "transform.h5",
}  # fmt: skip


@pytest.fixture(scope="module")
def two_visits(phantom, tmp_path_factory):
    """(exit code, stdout, stderr, output folder) of one run over both follow-ups, with truths, as a program runs it."""
    output = tmp_path_factory.mktemp("two") / "out"
    command = [sys.executable, "-m", "p2sam", *base(phantom, output), "--alignment", "rigid", "--json", "--structure", "Spinal cord"]
    command += ["--followup", phantom["followup2_ct"], "--truth", phantom["followup1_truth"], "--truth", phantom["followup2_truth"]]
    done = subprocess.run([str(one) for one in command], capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout, done.stderr, output


def test_each_follow_up_gets_its_own_folder_with_every_file(two_visits):
    code, _, stderr, output = two_visits
    assert code == 0, stderr
    assert {folder.name for folder in output.iterdir()} == {"followup1_ct", "followup2_ct"}
    for folder in output.iterdir():
        assert {file.name for file in folder.iterdir()} == FILES | {"metrics.csv"}


def test_json_is_the_only_thing_on_stdout_and_tells_of_every_visit(two_visits):
    _, stdout, _, output = two_visits
    told = json.loads(stdout)
    assert told["exit_code"] == 0 and told["error"] is None and told["model"] == {"name": "graph", "sha256": None}
    assert [visit["visit"] for visit in told["visits"]] == ["followup1_ct", "followup2_ct"]
    first = told["visits"][0]
    assert first["complete"] is True and first["folder"] == str(output / "followup1_ct") and first["alignment"]["used"] == "rigid"
    assert [structure["name"] for structure in first["structures"]] == ["GTV", "Spinal cord"]
    assert all(structure["volume_ml"] > 0 and structure["slices"] > 0 for structure in first["structures"])


def test_metrics_compare_the_result_with_the_prior_in_place_and_aligned(two_visits, phantom):
    *_, output = two_visits
    with open(output / "followup1_ct" / "metrics.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:4] == ["visit", "structure", "method", "dice"]
    methods = ["P2SAM", "prior in place", "prior aligned (rigid)"]
    assert [(row["structure"], row["method"]) for row in rows] == [(name, method) for name in ("GTV", "Spinal cord") for method in methods]
    followup = read_volume(phantom["followup1_ct"])
    truth = read_segmentation(phantom["followup1_truth"], followup).segment("GTV").mask
    result = read_segmentation(output / "followup1_ct" / "segmentation.seg.nrrd", followup).segment("GTV").mask
    assert float(rows[0]["dice"]) == pytest.approx(2 * (truth & result).sum() / (truth.sum() + result.sum()), abs=1e-5)
    assert float(rows[0]["dice"]) > float(rows[1]["dice"]), "the result is no better than the prior left in place"


def test_the_provenance_names_model_settings_prior_and_inputs(two_visits, phantom):
    *_, output = two_visits
    told = json.loads((output / "followup2_ct" / "provenance.json").read_text(encoding="utf-8"))
    assert told["model"]["name"] == "graph" and told["model"]["title"] == GRAPH.title and told["model"]["sha256"] is None
    assert told["preset"] == "clinical" and told["settings"]["alignment"] == "rigid" and told["settings"]["window_hu"] == [-910.0, 590.0]
    assert told["prior"]["source"] == str(phantom["prior_ct"])
    assert set(told["inputs"]) == {"prior_ct", "prior_segmentation", "followup_ct", "truth"}
    assert told["inputs"]["followup_ct"]["path"] == str(phantom["followup2_ct"])
    assert datetime.fromisoformat(told["started"]).tzinfo is not None
    assert GRAPH.title in (output / "followup2_ct" / "report.html").read_text(encoding="utf-8")


def test_the_result_lies_on_the_follow_up_s_own_grid(two_visits, phantom):
    *_, output = two_visits
    followup = read_volume(phantom["followup2_ct"])
    result = read_segmentation(output / "followup2_ct" / "segmentation.seg.nrrd", followup)
    assert result.meta["warnings"] == () and result.names == ("GTV", "Spinal cord")


def test_a_person_sees_a_table_and_where_the_report_is(phantom, tmp_path, capfd):
    code, out, _ = run([*base(phantom, tmp_path / "out"), "--alignment", "none"], capfd)
    assert code == 0
    assert "GTV" in out and "Volume (ml)" in out and f"Report: {tmp_path / 'out' / 'followup1_ct' / 'report.html'}" in out


def test_a_run_with_the_built_in_model_never_imports_torch(phantom, tmp_path):
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed, so nothing could import it")
    script = "import sys; from p2sam.cli import main; code = main(sys.argv[1:]); sys.exit(code or 100 * ('torch' in sys.modules))"
    arguments = [str(one) for one in (*base(phantom, tmp_path / "out"), "--alignment", "none")]
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_an_earlier_result_is_refused_and_with_overwrite_replaced(phantom, tmp_path, capfd):
    arguments = [*base(phantom, tmp_path / "out"), "--alignment", "none"]
    assert run(arguments, capfd)[0] == 0
    report = tmp_path / "out" / "followup1_ct" / "report.html"
    before = report.stat().st_mtime_ns
    code, _, err = run(arguments, capfd)
    assert code == 5 and "overwrit" in err and report.stat().st_mtime_ns == before
    assert run([*arguments, "--overwrite"], capfd)[0] == 0
    assert report.stat().st_mtime_ns > before


def test_settings_are_set_by_name_and_recorded(phantom, tmp_path, capfd):
    changes = ["--set", "n_positive=1,2", "--set", "reach_mm=12.5", "--set", "prior_candidates=false", "--alignment", "none"]
    code, out, err = run([*base(phantom, tmp_path / "out"), *changes, "--json"], capfd)
    assert code == 0, err
    settings = json.loads(out)["settings"]
    assert settings["n_positive"] == [1, 2] and settings["reach_mm"] == 12.5 and settings["prior_candidates"] is False


def test_all_structures_are_propagated_where_none_is_named(phantom, tmp_path, capfd):
    arguments = [one for one in base(phantom, tmp_path / "out") if one not in ("--structure", "GTV")]
    code, out, err = run([*arguments, "--alignment", "none", "--json", "--set", "n_positive=1", "--set", "max_features=40"], capfd)
    assert code == 0, err
    assert len(json.loads(out)["visits"][0]["structures"]) == 5


def test_empty_structures_are_left_out_with_a_warning_and_ids_that_are_other_names_do_not_confuse(phantom, tmp_path, capfd):
    drawn = read_segmentation(phantom["prior_segmentation"], read_volume(phantom["prior_ct"]))
    gtv, heart, cord = drawn.segments[:3]
    swapped = (replace(gtv, name=cord.id), replace(heart, mask=np.zeros_like(heart.mask)), replace(cord, name=gtv.id))
    path = tmp_path / "swapped.seg.nrrd"
    write_segmentation(replace(drawn, segments=swapped), path)
    arguments = [one for one in base({**phantom, "prior_segmentation": path}, tmp_path / "out") if one not in ("--structure", "GTV")]
    code, out, err = run([*arguments, "--alignment", "none", "--json", "--set", "max_features=40"], capfd)
    assert code == 0, err
    assert "'Heart' is empty" in err
    found = {one["name"]: one["prior_volume_ml"] for one in json.loads(out)["visits"][0]["structures"]}
    voxel_ml = abs(np.linalg.det(drawn.ijk_to_ras[:3, :3])) / 1000
    assert found == {cord.id: pytest.approx(gtv.mask.sum() * voxel_ml, abs=0.01), gtv.id: pytest.approx(cord.mask.sum() * voxel_ml, abs=0.01)}


def test_a_transform_from_a_file_is_used_and_hashed(phantom, two_visits, tmp_path, capfd):
    transform = two_visits[-1] / "followup1_ct" / "transform.h5"
    code, out, err = run([*base(phantom, tmp_path / "out"), "--transform", transform, "--json"], capfd)
    assert code == 0, err
    assert json.loads(out)["visits"][0]["alignment"]["used"] == "file"
    told = json.loads((tmp_path / "out" / "followup1_ct" / "provenance.json").read_text(encoding="utf-8"))
    assert told["inputs"]["transform"]["path"] == str(transform)


def test_the_truth_may_call_a_structure_otherwise(phantom, tmp_path, capfd):
    arguments = [*base(phantom, tmp_path / "out"), "--alignment", "none", "--json", "--truth", phantom["followup1_truth"], "--truth-name", "GTV=Heart"]
    code, out, err = run(arguments, capfd)
    assert code == 0, err
    heart = read_segmentation(phantom["followup1_truth"], read_volume(phantom["followup1_ct"])).segment("Heart").mask
    told = json.loads(out)["visits"][0]["metrics"]
    matrix = read_volume(phantom["followup1_ct"]).ijk_to_ras[:3, :3]
    assert told[0]["truth_ml"] == pytest.approx(heart.sum() * abs(np.linalg.det(matrix)) / 1000)


def test_one_follow_up_that_does_not_fit_does_not_stop_the_others(phantom, far_away, tmp_path, capfd):
    arguments = [*base(phantom, tmp_path / "out"), "--followup", far_away, "--followup", phantom["followup2_ct"], "--alignment", "none", "--json"]
    code, out, err = run(arguments, capfd)
    told = json.loads(out)
    assert code == 2 and told["exit_code"] == 2 and told["error"]["kind"] == "GeometryError"
    assert "1 of 3" in told["error"]["message"] and "far" in told["error"]["message"]
    assert [visit["visit"] for visit in told["visits"]] == ["followup1_ct", "followup2_ct"]
    assert {folder.name for folder in (tmp_path / "out").iterdir()} == {"followup1_ct", "followup2_ct"}


def test_an_error_is_told_as_json_too(phantom, tmp_path, capfd):
    code, out, err = run([*base(phantom, tmp_path / "out"), "--json", "--structure", "Liver"], capfd)
    told = json.loads(out)
    assert code == told["exit_code"] == 2 and told["error"]["kind"] == "StructureError" and "Liver" in told["error"]["message"]
    assert len(lines(err)) == 1


def test_scans_out_of_order_are_a_warning_and_the_report_shows_it(phantom, tmp_path, capfd):
    prior = write_dicom(tmp_path / "prior", phantom["prior_ct"], StudyDate="20240301")
    followup = write_dicom(tmp_path / "later", phantom["prior_ct"], StudyDate="20240201", SeriesInstanceUID="1.2.3.9")
    arguments = base({**phantom, "prior_ct": prior, "followup1_ct": followup}, tmp_path / "out")
    code, _, err = run([*arguments, "--alignment", "none"], capfd)
    assert code == 0, err
    assert "was taken before the prior" in err
    assert "was taken before the prior" in (tmp_path / "out" / "later" / "report.html").read_text(encoding="utf-8")


def test_another_patient_is_refused_unless_allowed(phantom, tmp_path, capfd):
    prior = write_dicom(tmp_path / "prior", phantom["prior_ct"], PatientID="A")
    followup = write_dicom(tmp_path / "later", phantom["prior_ct"], PatientID="B", SeriesInstanceUID="1.2.3.9", FrameOfReferenceUID=DICOM_FRAME)
    arguments = [*base({**phantom, "prior_ct": prior, "followup1_ct": followup}, tmp_path / "out"), "--alignment", "none"]
    code, _, err = run(arguments, capfd)
    assert code == 2 and len(lines(err)) == 1 and "patient 'B'" in err and not (tmp_path / "out").exists()
    code, _, err = run([*arguments, "--allow-different-patient"], capfd)
    assert code == 0 and "The patients differ" in err


def test_debug_shows_the_traceback(phantom, tmp_path):
    arguments = [str(one) for one in (*base(phantom, tmp_path / "out"), "--structure", "Liver", "--debug")]
    done = subprocess.run([sys.executable, "-m", "p2sam", *arguments], capture_output=True, text=True, timeout=120, env={**os.environ})
    assert done.returncode != 0 and "Traceback" in done.stderr and "StructureError" in done.stderr


def test_an_unexpected_error_is_one_sentence_that_asks_for_a_report(phantom, tmp_path, capfd, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("p2sam.command.inputs.read_ct", broken)
    code, out, err = run(base(phantom, tmp_path / "out"), capfd)
    assert code == 1 and out == "" and len(lines(err)) == 1 and "ZeroDivisionError (a bug)" in err and "--debug" in err
