"""A case in a real worker, with the model `graph`: the same voxels as in one process, kept, cancelled, drawn again."""

import time

import numpy as np
import pytest
from p2sam.case import Case
from p2sam.models.loading import load
from p2sam.phantom import phantom_patient
from p2sam.propagation import propagate
from small_visit import dice, stored, tumour
from talk import case_parameters, masks_of, talking


@pytest.fixture(scope="module")
def open_worker(patient, tmp_path_factory):
    """(conversation, the answer to open_case, the first propagation's messages by event), shared by the tests that only look."""
    prior, segmentation, followup, settings = patient
    with talking(tmp_path_factory.mktemp("job")) as talk:
        talk.ask("load_model", model="graph")
        opened = talk.ask("open_case", **case_parameters(prior, segmentation, followup, talk.job, settings))
        number = talk.send("propagate", case="one")
        end = talk.end_of(number)
        assert end["event"] == "done"
        yield talk, opened, {"done": end["result"]["result"], "slice": talk.of(number, "slice"), "progress": talk.of(number, "progress")}


@pytest.fixture(scope="module")
def expected(patient):
    prior, segmentation, followup, settings = patient
    return propagate(prior, segmentation, followup, load("graph"), settings)


def test_the_result_is_the_engines_voxel_for_voxel(open_worker, expected):
    talk, opened, said = open_worker
    told = said["done"]
    assert opened["structures"] == [one["name"] for one in told["structures"]] == ["GTV", "Core"]
    for structure, mask in zip(expected.structures, masks_of(told, talk.job).values()):
        assert structure.segment.mask.any() and np.array_equal(structure.segment.mask, mask)
    for structure, one in zip(expected.structures, told["structures"]):
        assert np.array_equal(expected.aligned_masks[one["name"]], talk.job.load_array(one["aligned"], mask=True))
        assert one["volume_ml"] == pytest.approx(structure.volume_ml) and one["usual_distance"] == pytest.approx(structure.usual_distance)
        assert (one["id"], tuple(one["color_rgb"])) == (structure.segment.id, structure.segment.color_rgb)
        assert one["cut_by_field_of_view"] == structure.is_cut(expected.aligned_masks[one["name"]])
        assert [dict(code=flag.code, reason=flag.reason) for result in structure.slices for flag in result.flags] == [f for s in one["slices"] for f in s["flags"]]
        for result, slice_ in zip(structure.slices, one["slices"], strict=True):
            assert (slice_["index"], slice_["reference_index"], slice_["chosen"]) == (result.index, result.reference_index, result.chosen)
            assert slice_["distance"] == pytest.approx(result.distance) and slice_["area_mm2"] == pytest.approx(result.area_mm2)
            assert np.allclose(np.reshape([point["ras"] for point in slice_["points"]], (-1, 3)), result.prompts_ras)
            assert [point["label"] for point in slice_["points"]] == result.prompts.labels.tolist()
            assert [one["kind"] for one in slice_["candidates"]] == [one.kind for one in result.candidates]
    assert told["complete"] and told["alignment"]["used"] == opened["alignment"]["used"] == expected.alignment["used"]
    assert told["provenance"]["model"]["name"] == "graph" and told["provenance"]["settings"]["alignment"] == "rigid"


def test_each_slice_is_shown_as_it_is_drawn(open_worker, expected, patient):
    talk, opened, said = open_worker
    shown = {(one["structure"], one["index"]): talk.job.load_array(one["file"], mask=True) for one in said["slice"]}
    assert {index for name, index in shown if name == "GTV"} == {result.index for result in expected.structures[0].slices}
    assert [one["case"] for one in said["slice"]] == ["one"] * len(shown)
    for structure in expected.structures:
        for index in np.flatnonzero(np.moveaxis(structure.segment.mask, opened["slice_axis"], 0).any(axis=(1, 2))):
            final = np.take(structure.segment.mask, index, axis=opened["slice_axis"])
            assert dice(shown[structure.segment.name, index], final) > 0.8
    done = [one["done"] for one in said["progress"] if one["stage"] == "slices"]
    assert done == sorted(done) and done[-1] == said["progress"][-1]["total"] and said["progress"][-1]["seconds_left"] == 0
    assert {one["visit"] for one in said["progress"][1:]} == {"visit2"}


def test_a_slice_is_drawn_again_from_moved_points_as_the_engine_does_it(open_worker, patient):
    talk, _, said = open_worker
    prior, segmentation, followup, settings = patient
    case = Case.open(prior, segmentation, followup, load("graph"), settings)
    case.propagate()
    slice_ = next(one for one in said["done"]["structures"][0]["slices"] if len(one["points"]) > 1)
    points = np.array([point["ras"] for point in slice_["points"]]) + [3.0, -2.0, 0.0]
    labels, parts = [point["label"] for point in slice_["points"]], [point["part"] for point in slice_["points"]]
    parts[-1] = -1
    given = {"case": "one", "structure": "GTV", "index": slice_["index"], "points_ras": points.tolist(), "labels": labels, "parts": parts}
    redrawn = talk.ask("redraw", **given)
    expected = case.redraw("GTV", slice_["index"], points, np.array(labels), np.array(parts))
    assert np.array_equal(talk.job.take_array(redrawn["mask"], mask=True), expected.mask)
    assert redrawn["slice"]["kind"] == "corrected" and redrawn["slice"]["area_mm2"] == pytest.approx(expected.slice.area_mm2)
    assert [point["part"] for point in redrawn["slice"]["points"]] == parts
    without = talk.ask("redraw", **{**given, "points_ras": [], "labels": [], "parts": []})
    assert without["slice"]["points"] == []


def test_a_redraw_takes_less_than_300_ms_once_the_slice_is_known(open_worker):
    talk, _, said = open_worker
    slice_ = said["done"]["structures"][0]["slices"][3]
    given = {"case": "one", "structure": "GTV", "index": slice_["index"], "points_ras": [p["ras"] for p in slice_["points"]],
             "labels": [p["label"] for p in slice_["points"]], "parts": [p["part"] for p in slice_["points"]]}  # fmt: skip
    times = []
    for _ in range(5):
        began = time.monotonic()
        talk.ask("redraw", **given)
        times.append(time.monotonic() - began)
    assert min(times) < 0.3


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"structure": "Liver"}, "no structure 'Liver' in this case; it has: GTV, Core"),
        ({"index": 99}, "There is no slice 99"),
        ({"case": "two"}, "case 'two' is not open"),
        ({"labels": []}, "1 points, 0 labels and 1 parts"),
        ({"labels": [2]}, "labels that are 1"),
        ({"points_ras": [["a", 2, 3]]}, "three millimetres for each point; it got [['a', 2, 3]]"),
        ({"parts": [0.5]}, "'parts' as whole numbers"),
    ],
)
def test_a_wrong_redraw_is_a_sentence(open_worker, changes, told):
    talk = open_worker[0]
    given = {"case": "one", "structure": "GTV", "index": 8, "points_ras": [[0.0, 0.0, 20.0]], "labels": [1], "parts": [0]}
    assert told in talk.error_of("redraw", **{**given, **changes})["message"]


def test_accepted_slices_stay_bit_for_bit_and_a_range_leaves_the_rest(worker, patient):
    prior, segmentation, followup, settings = patient
    worker.ask("load_model", model="graph")
    axis = worker.ask("open_case", **case_parameters(prior, segmentation, followup, worker.job, settings))["slice_axis"]
    first = masks_of(worker.ask("propagate", case="one")["result"], worker.job)["GTV"]
    there = np.flatnonzero(np.moveaxis(first, axis, 0).any(axis=(1, 2)))
    middle, last = int(there[len(there) // 2]), int(there[-1])
    accepted = np.random.default_rng(0).random((2, *np.take(first, middle, axis=axis).shape)) > 0.7
    anchors = {"GTV": {"indices": [last, middle], "masks": worker.job.save_array(accepted.astype(np.uint8))}}
    again = worker.ask("propagate", case="one", anchors=anchors, slices=[middle + 1, last])["result"]
    second = masks_of(again, worker.job)["GTV"]
    assert np.array_equal(np.take(second, middle, axis=axis), accepted[1]) and np.array_equal(np.take(second, last, axis=axis), accepted[0])
    kinds = {one["index"]: one["kind"] for one in again["structures"][0]["slices"]}
    assert kinds[middle] == kinds[last] == "accepted"
    for index in there[there < middle - 1]:
        assert np.array_equal(np.take(second, index, axis=axis), np.take(first, index, axis=axis))


@pytest.mark.parametrize(
    ("anchors", "told"),
    [
        ({"GTV": {"indices": [5, 5]}}, "each slice once"),
        ({"GTV": {"indices": [5, 6, 7]}}, "2 masks for the slices"),
        ({"GTV": [5]}, "send an object"),
        ({"GTV": {"indices": [500, 501]}}, "does not fit the follow-up"),
    ],
)
def test_anchors_that_do_not_fit_are_a_sentence(open_worker, patient, anchors, told):
    talk, opened, _ = open_worker
    for one in anchors.values():
        if isinstance(one, dict):
            plane = tuple(np.delete(patient[2].shape, opened["slice_axis"]))
            one["masks"] = talk.job.save_array(np.zeros((2, *plane), np.uint8))
    assert told in talk.error_of("propagate", case="one", anchors=anchors)["message"]


def test_a_cancel_between_slices_gives_what_is_drawn_and_the_next_run_is_whole(worker):
    patient = phantom_patient(scale=3)
    _, followup, _ = patient.followups[0]
    worker.ask("load_model", model="graph")
    given = case_parameters(patient.prior, patient.prior_segmentation, followup, worker.job)
    given |= {"settings": {"alignment": "none"}, "structures": ["GTV", "Lung left"]}
    axis = worker.ask("open_case", **given)["slice_axis"]
    number = worker.send("propagate", case="one")
    worker.wait(lambda one: one["event"] == "slice" and len(worker.of(number, "slice")) > 4)
    began = time.monotonic()
    worker.send_bytes(b'{"v": 1, "verb": "cancel"}\n')
    end = worker.end_of(number)
    assert time.monotonic() - began < 3 and end["event"] == "cancelled"
    result = end["result"]["result"]
    assert result["complete"] is False and any("stopped" in line for line in result["warnings"])
    drawn = {one["index"] for one in worker.of(number, "slice")}
    for mask in masks_of(result, worker.job).values():
        assert set(np.flatnonzero(np.moveaxis(mask, axis, 0).any(axis=(1, 2)))) <= drawn
    whole = worker.ask("propagate", case="one")["result"]
    assert whole["complete"] and not any("stopped" in line for line in whole["warnings"])


def test_a_cancel_during_alignment_ends_soon_with_nothing_and_the_worker_goes_on(worker):
    patient = phantom_patient(scale=2)
    given = case_parameters(patient.prior, patient.prior_segmentation, patient.followups[0][1], worker.job)
    worker.ask("load_model", model="graph")
    number = worker.send("open_case", **given)
    worker.wait(lambda one: one["event"] == "progress" and one["stage"] == "align" and one["done"] > 0)
    began = time.monotonic()
    worker.send_bytes(b'{"v": 1, "verb": "cancel"}\n')
    end = worker.end_of(number)
    assert end["event"] == "cancelled" and end["result"] is None and time.monotonic() - began < 3
    assert worker.error_of("propagate", case="one")["kind"] == "CaseNotOpen"


def test_slices_along_any_axis_come_back_in_the_followups_own_order(worker, patient):
    prior, segmentation, followup, settings = patient
    turned, = stored(followup, (2, 0, 1), (True, False, True))
    worker.ask("load_model", model="graph")
    opened = worker.ask("open_case", **case_parameters(prior, segmentation, turned, worker.job, settings))
    assert opened["slice_axis"] == 1
    number = worker.send("propagate", case="one")
    result = worker.end_of(number)["result"]["result"]
    mask = masks_of(result, worker.job)["GTV"]
    assert mask.shape == turned.shape and dice(mask, tumour(turned, shift=(2.0, -1.5, 1.0))) > 0.85
    for message in worker.of(number, "slice"):
        assert worker.job.load_array(message["file"]).shape == tuple(np.delete(turned.shape, 1))


def test_a_transform_is_used_instead_of_an_alignment(worker, patient):
    import SimpleITK as sitk

    prior, segmentation, followup, settings = patient
    sitk.WriteTransform(sitk.TranslationTransform(3, (2.0, -1.5, -1.0)), str(worker.job.path / "given.h5"))
    worker.ask("load_model", model="graph")
    parameters = case_parameters(prior, segmentation, followup, worker.job, settings, transform="given.h5", structures=["Core"])
    opened = worker.ask("open_case", **parameters)
    assert opened["alignment"]["used"] == "file" and opened["structures"] == ["Core"]


def test_the_case_used_longest_ago_is_closed_for_a_fifth(worker, patient):
    prior, segmentation, followup, settings = patient
    worker.ask("load_model", model="graph")
    given = {"structures": ["Core"], "settings": {**settings.to_dict(), "alignment": "none"}}
    for name in "abcde":
        worker.ask("open_case", **{**case_parameters(prior, segmentation, followup, worker.job), **given, "case": name})
    assert worker.error_of("propagate", case="a")["kind"] == "CaseNotOpen"
    assert worker.ask("close_case", case="b") == {"closed": True} and worker.ask("close_case", case="b") == {"closed": False}
    assert worker.ask("load_model", model="graph")["device"] == "cpu"
    assert worker.ask("close_case", case="c") == {"closed": True}, "loading the same model again closes nothing"
    worker.ask("load_model", model="graph", device="cpu")
    assert worker.ask("close_case", case="d") == {"closed": False}, "another one does"


def test_an_estimate_is_within_a_factor_of_what_it_takes_and_learns_from_it(worker, patient):
    prior, segmentation, followup, settings = patient
    worker.ask("load_model", model="graph")
    worker.ask("open_case", **case_parameters(prior, segmentation, followup, worker.job, settings))
    before = worker.ask("estimate", case="one")["seconds"]
    began = time.monotonic()
    worker.ask("propagate", case="one")
    took = time.monotonic() - began
    after = worker.ask("estimate", case="one")["seconds"]
    assert took / 5 < before + 0.1 and before < 5 * took + 0.1
    assert took / 3 < after + 0.1 and after < 2 * took + 0.1
    unseen = worker.ask("estimate", shape=[40, 256, 240], structures=["GTV", "Heart"], settings={"alignment": "deformable"})
    assert unseen["seconds"] == pytest.approx(unseen["before_s"] + unseen["draw_s"], abs=0.1) and unseen["draw_s"] > 0.5
    assert "three whole numbers" in worker.error_of("estimate", shape=[3, 4], structures=1)["message"]
