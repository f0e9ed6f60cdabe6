"""The folder that is written from Slicer is the one the command line writes, and what a person changed is in it."""

import csv
import json
import re

import numpy as np
import pytest
import SimpleITK as sitk
from p2sam.cli import main
from p2sam.files.images import read_volume
from p2sam.files.segmentations import read_segmentation
from p2sam.phantom import write_phantom
from talk import case_parameters, masks_of, talking

STRUCTURES = ["GTV", "Heart"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_phantom(tmp_path_factory.mktemp("phantom"), scale=3)


@pytest.fixture(scope="module")
def by_command(files, tmp_path_factory):
    """The folder that `p2sam propagate` writes."""
    output = tmp_path_factory.mktemp("command") / "out"
    chosen = [one for name in STRUCTURES for one in ("--structure", name)]
    arguments = ["propagate", "--prior", files["prior_ct"], "--segmentation", files["prior_segmentation"], "--followup", files["followup2_ct"], "--output", output]
    assert main([str(one) for one in (*arguments, *chosen)]) == 0
    return next(output.iterdir())


@pytest.fixture(scope="module")
def opened(files, tmp_path_factory):
    """(conversation, follow-up, VISIT) after a propagation of the same files."""
    prior, followup = read_volume(files["prior_ct"]), read_volume(files["followup2_ct"])
    segmentation = read_segmentation(files["prior_segmentation"], prior)
    with talking(tmp_path_factory.mktemp("job")) as talk:
        talk.ask("load_model", model="graph")
        parameters = case_parameters(prior, segmentation, followup, talk.job, structures=STRUCTURES, name="followup2_ct")
        assert "was not propagated" in export_error(talk, parameters)
        result = talk.ask("propagate", case="one")["result"]
        yield talk, followup, result


def export_error(talk, parameters):
    talk.ask("open_case", **parameters)
    return talk.error_of("export", case="one", folder="/nowhere", overwrite=False)["message"]


@pytest.fixture
def exported(opened, tmp_path):
    def export(**parameters):
        told = opened[0].ask("export", **{"case": "one", "folder": str(tmp_path / "visit"), **parameters})
        assert told == {"folder": str(tmp_path / "visit"), "report": str(tmp_path / "visit" / "report.html")}
        return tmp_path / "visit"

    return export


def read(folder):
    return json.loads((folder / "provenance.json").read_text(encoding="utf-8"))


def test_the_folder_is_the_command_lines_voxel_for_voxel(opened, by_command, exported, files):
    folder = exported()
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in by_command.iterdir())
    for name in ("segmentation.seg.nrrd", "slices.csv", "positive_prompts.mrk.json", "negative_prompts.mrk.json"):
        assert (folder / name).read_bytes() == (by_command / name).read_bytes(), name
    one, other = (sitk.ReadTransform(str(path / "transform.h5")) for path in (folder, by_command))
    assert one.TransformPoint((3.0, -40.0, 11.0)) == other.TransformPoint((3.0, -40.0, 11.0))
    told, expected = read(folder), read(by_command)
    passing = {"started", "seconds", "inputs", "files", "alignment"}
    assert set(told) == set(expected)
    assert {key: told[key] for key in told if key not in passing} == {key: expected[key] for key in expected if key not in passing}
    assert {key: value for key, value in told["alignment"].items() if key != "seconds"} == {key: value for key, value in expected["alignment"].items() if key != "seconds"}
    pages = [re.sub(r"[\d.]+ s\b|\d{4}-\d\d-\d\dT[\d:+]+", "", (path / "report.html").read_text(encoding="utf-8")) for path in (folder, by_command)]
    assert pages[0] == pages[1]
    assert set(told["inputs"]) == {"prior_ct", "followup_ct", "prior_segment GTV", "prior_segment Heart"}
    assert told["inputs"]["prior_ct"]["path"] == str(files["prior_ct"]) and len(told["inputs"]["prior_ct"]["voxels_sha256"]) == 64


def test_an_edited_contour_replaces_the_result_and_every_figure_follows(opened, exported):
    talk, followup, result = opened
    masks = masks_of(result, talk.job)
    axis, gtv = result["slice_axis"], masks["GTV"].copy()
    index = int(np.flatnonzero(np.moveaxis(gtv, axis, 0).any(axis=(1, 2)))[2])
    np.moveaxis(gtv, axis, 0)[index] = False
    folder = exported(masks={"GTV": talk.job.save_array(gtv.astype(np.uint8)), "Heart": talk.job.save_array(masks["Heart"])})
    written = read_segmentation(folder / "segmentation.seg.nrrd", followup)
    assert np.array_equal(written.segment("GTV").mask, gtv) and np.array_equal(written.segment("Heart").mask, masks["Heart"])
    told = read(folder)
    assert told["edited_slices"] == {"GTV": [index]} and told["warnings"][-1] == "'GTV' was edited by hand on 1 slice."
    rows = list(csv.DictReader((folder / "slices.csv").open(encoding="utf-8")))
    row = next(row for row in rows if row["structure"] == "GTV" and int(row["slice"]) == index)
    assert float(row["area_cm2"]) == 0 and sum(float(row["area_cm2"]) > 0 for row in rows if row["structure"] == "GTV") > 0
    assert talk.ask("export", case="one", folder=str(folder.parent / "again"))["folder"], "the case itself is unchanged"
    assert "edited_slices" not in read(folder.parent / "again")


def test_a_structure_erased_by_hand_is_said_to_be_empty(opened, exported):
    talk, followup, result = opened
    folder = exported(masks={"GTV": talk.job.save_array(np.zeros(followup.shape, bool))})
    assert "Nothing was found of &#x27;GTV&#x27;" in (page := (folder / "report.html").read_text(encoding="utf-8")) or "Nothing was found of 'GTV'" in page


def test_the_review_is_kept_and_shown_with_the_result(opened, exported):
    drawn = next(one for one in opened[2]["structures"] if one["name"] == "GTV")["slices"]
    told = {"structure": "GTV", "slice": drawn[0]["index"], "status": "accepted", "reviewer": "Dr. Ünal", "time": "2026-11-25T16:00:00", "note": "as the PET", "edited": False}
    review = {"counts": {"accepted": 1}, "slices": [told]}
    folder = exported(review=review)
    assert read(folder)["review"] == review
    rows = list(csv.DictReader((folder / "slices.csv").open(encoding="utf-8")))
    shown = next(row for row in rows if row["structure"] == "GTV" and int(row["slice"]) == told["slice"])
    assert (shown["status"], shown["reviewer"], shown["reviewed"], shown["note"]) == ("accepted", "Dr. Ünal", told["time"], "as the PET")
    assert {row["status"] for row in rows if row is not shown} == {"not reviewed"}
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Accepted by Dr. Ünal" in page and "as the PET" in page and "1 of " in page


def test_a_slice_that_only_a_person_drew_is_a_slice_of_the_result(opened, exported):
    talk, followup, result = opened
    axis, gtv = result["slice_axis"], masks_of(result, talk.job)["GTV"].copy()
    drawn = [one["index"] for one in next(one for one in result["structures"] if one["name"] == "GTV")["slices"]]
    index = max(drawn) + 2
    np.moveaxis(gtv, axis, 0)[index, 5:9, 5:10] = True
    review = {"slices": [{"structure": "GTV", "slice": index, "status": "edited", "reviewer": "Dr. Ünal", "time": "2026-11-25T16:00:00", "note": "", "edited": True}]}
    folder = exported(masks={"GTV": talk.job.save_array(gtv)}, review=review)
    rows = [row for row in csv.DictReader((folder / "slices.csv").open(encoding="utf-8")) if row["structure"] == "GTV"]
    row = next(row for row in rows if int(row["slice"]) == index)
    assert (row["status"], row["distance"], row["chosen"]) == ("edited", "", "") and float(row["area_cm2"]) > 0
    places = {int(one["slice"]): float(one["position_mm"]) for one in rows}
    assert places[index] - places[index - 2] == pytest.approx(2 * (places[index - 2] - places[index - 3]))


def test_a_folder_is_not_overwritten_unasked_and_not_lost(opened, exported, tmp_path):
    talk = opened[0]
    folder = exported()
    before = read(folder)
    assert "ask for overwriting" in talk.error_of("export", case="one", folder=str(folder))["message"]
    assert read(folder) == before
    exported(overwrite=True)
    (folder / "note.txt").write_text("mine")
    assert "work that would be lost (note.txt" in talk.error_of("export", case="one", folder=str(folder), overwrite=True)["message"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"case": "two"}, "is not open"),
        ({"folder": "relative/folder"}, "is not an absolute path"),
        ({"folder": None}, "needs 'folder' as text"),
        ({"masks": {"Liver": "x"}}, "has no array 'x'"),
        ({"overwrite": "yes"}, "needs 'overwrite' as true or false"),
    ],
)
def test_a_wrong_export_is_a_sentence(opened, changes, told, tmp_path):
    message = opened[0].error_of("export", **{"case": "one", "folder": str(tmp_path / "out"), **changes})
    assert told in message["message"] and not (tmp_path / "out").exists()


def test_a_structure_that_the_visit_does_not_have_is_named(opened, tmp_path):
    talk, followup, _ = opened
    masks = {"Liver": talk.job.save_array(np.zeros(followup.shape, bool))}
    assert "no structure 'Liver' in this visit; it has: GTV, Heart" in talk.error_of("export", case="one", folder=str(tmp_path / "out"), masks=masks)["message"]


def stored_of(result, **changes):
    """The result as a review keeps it."""
    kept = ("name", "usual_distance", "warnings", "slices")
    structures = [{key: one[key] for key in kept} for one in result["structures"]]
    return {key: result[key] for key in ("complete", "seconds", "alignment", "warnings", "provenance")} | {"structures": structures} | changes


def test_a_stored_result_is_written_as_it_was_told_and_equal_to_the_runs_own(opened, exported, tmp_path):
    talk, _, result = opened
    talk.ask("export", case="one", folder=str(tmp_path / "own"))
    masks = {name: talk.job.save_array(mask) for name, mask in masks_of(result, talk.job).items()}
    folder = exported(stored=stored_of(result), masks=masks)
    for name in ("slices.csv", "segmentation.seg.nrrd", "positive_prompts.mrk.json", "negative_prompts.mrk.json"):
        assert (folder / name).read_bytes() == (tmp_path / "own" / name).read_bytes(), name
    told, own = read(folder), read(tmp_path / "own")
    passing = {"files", "seconds"}
    assert {key: told[key] for key in told if key not in passing} == {key: own[key] for key in own if key not in passing}


def test_an_alignment_that_is_not_the_reviewed_one_is_told_of(opened, exported):
    talk, _, result = opened
    masks = {name: talk.job.save_array(mask) for name, mask in masks_of(result, talk.job).items()}
    folder = exported(stored=stored_of(result, alignment={**result["alignment"], "quality": 0.5}), masks=masks)
    assert "differs from the one that was reviewed" in read(folder)["warnings"][-1] and read(folder)["alignment"]["quality"] == 0.5


def test_a_stored_result_without_its_mask_is_a_sentence(opened, tmp_path):
    told = opened[0].error_of("export", case="one", folder=str(tmp_path / "out"), stored=stored_of(opened[2]))
    assert "'GTV' was sent without its mask" in told["message"] and not (tmp_path / "out").exists()
