"""What a person does with a result: accept, flag, paint, move points, draw again, propagate again, take as the next prior."""

import numpy as np
import pytest
from P2SAMSlicerLib import MRMLPrompts, MRMLReview
from P2SAMSlicerLib.MRMLSegmentations import statusOf
from P2SAMSlicerLib.Run import RunError
from P2SAMSlicerLib.Task import Task
from p2sam.errors import InputError, P2SAMError
from p2sam.metrics import dice
from p2sam.volume import Volume
from review_case import addSegmentation
from visit_scene import (
    FOLLOWUP_GRID, FOLLOWUP_SHAPE, RIGHT_HANDED_GRID, SETTINGS, SHIFT, Patient, drive, makeLogic, masksOf, nodeNames, paint, painted, structure,
)  # fmt: skip

MIDDLE = 9
"""A slice on which both structures are large."""


@pytest.fixture
def undone():
    return []


@pytest.fixture
def logic(worker, scene, undone):
    return worker.logic(scene, lambda node: undone.append(node.GetName()))


@pytest.fixture
def patient(scene):
    return Patient(scene)


@pytest.fixture
def visit(logic, patient, undone):
    (node,) = logic.propagate(patient.prior, patient.segmentation, [patient.followup], settings=SETTINGS)
    undone.clear()
    return node


def segmentation(node):
    return MRMLReview.reference(node, "segmentation")


def movePoint(node, name, index, by):
    """Move the first positive point of a slice, as with the mouse."""
    review, pair = MRMLReview.load(node), MRMLReview.listsOf(node)[name]
    followup = MRMLReview.reference(node, "followup")
    (point, *_rest) = [one for one in MRMLPrompts.pointsOfSlice(pair, followup, review.sliceAxis, index) if one["label"] == 1]
    for row in range(pair[0].GetNumberOfControlPoints()):
        place = np.array(pair[0].GetNthControlPointPositionWorld(row))
        if np.allclose(place, point["ras"], atol=1e-4):
            pair[0].SetNthControlPointPositionWorld(row, *(place + by))
    return np.array(point["ras"]) + by


def test_the_statuses_of_the_segments_follow_the_slices(logic, visit):
    review = logic.review(visit)
    assert statusOf(segmentation(visit), "Segment_1") == "NotStarted"
    first, *rest = review.structure("mass").slices
    logic.acceptSlice(visit, "mass", first, reviewer="Dr. A", note="fine")
    assert statusOf(segmentation(visit), "Segment_1") == "InProgress"
    one = logic.review(visit).slice("mass", first)
    assert (one.status, one.reviewer, one.note) == ("accepted", "Dr. A", "fine") and one.time
    logic.flagSlice(visit, "mass", rest[0])
    assert statusOf(segmentation(visit), "Segment_1") == "Flagged"
    assert logic.acceptVisit(visit, reviewer="Dr. A") == [("mass", rest[0])]
    logic.acceptSlice(visit, "mass", rest[0])
    assert statusOf(segmentation(visit), "Segment_1") == statusOf(segmentation(visit), "Segment_2") == "Completed"
    logic.clearStatus(visit, "mass", first)
    assert logic.review(visit).slice("mass", first).status == "not reviewed"


def test_accepted_and_painted_slices_are_kept_bit_for_bit_and_the_rest_is_drawn_again(logic, visit, undone):
    before = masksOf(logic, visit)
    logic.acceptSlice(visit, "mass", MIDDLE)
    paint(logic, visit, "mass", MIDDLE + 2, painted())
    undone.clear()
    assert logic.propagateAgain(visit) is visit
    after, review = masksOf(logic, visit), logic.review(visit)
    assert np.array_equal(after["mass"][MIDDLE], before["mass"][MIDDLE])
    assert np.array_equal(after["mass"][MIDDLE + 2], painted())
    assert review.slice("mass", MIDDLE).status == "accepted" and review.slice("mass", MIDDLE + 2).status == "edited"
    assert not np.array_equal(after["mass"], before["mass"]), "the painted slice did not guide its neighbours"
    assert undone == ["visit1 P2SAM"]
    assert len(logic.visits()) == 1


def test_a_slice_that_was_edited_after_it_was_accepted_is_edited_and_kept(logic, visit):
    logic.acceptSlice(visit, "mass", MIDDLE)
    paint(logic, visit, "mass", MIDDLE, painted())
    assert logic.markEdited(visit) == {"mass": [MIDDLE]}
    assert logic.review(visit).slice("mass", MIDDLE).status == "edited"
    logic.propagateAgain(visit)
    assert np.array_equal(masksOf(logic, visit)["mass"][MIDDLE], painted())


def test_undoing_an_edit_by_hand_makes_the_slice_what_it_was(logic, visit):
    before = masksOf(logic, visit)["mass"][MIDDLE]
    paint(logic, visit, "mass", MIDDLE, painted())
    logic.markEdited(visit)
    paint(logic, visit, "mass", MIDDLE, before)
    assert logic.markEdited(visit) == {"mass": [MIDDLE]}
    assert logic.review(visit).slice("mass", MIDDLE).status == "not reviewed"


def test_a_slice_painted_where_nothing_was_drawn_is_kept_too(logic, visit):
    outside = max(logic.review(visit).structure("mass").slices) + 2
    paint(logic, visit, "mass", outside, painted())
    logic.propagateAgain(visit)
    assert np.array_equal(masksOf(logic, visit)["mass"][outside], painted())
    assert logic.review(visit).slice("mass", outside).status == "edited"


def test_a_slice_that_a_person_emptied_stays_empty(logic, visit):
    paint(logic, visit, "mass", MIDDLE, np.zeros(FOLLOWUP_SHAPE[1:], bool))
    logic.propagateAgain(visit)
    assert not masksOf(logic, visit)["mass"][MIDDLE].any()
    assert logic.review(visit).slice("mass", MIDDLE).status == "edited"


def test_edits_made_while_the_run_goes_on_are_kept_and_marked(logic, visit):
    seen = []
    run = logic.propagateAgain(visit, wait=False, observer=type("Watch", (), {"onSlice": lambda self, *told: seen.append(told)})())
    drive(logic, until=lambda: len(seen) >= 2)
    _visit, name, index = seen[0]
    paint(logic, visit, name, index, painted())
    drive(logic)
    assert run.status == "done"
    assert np.array_equal(masksOf(logic, visit)[name][index], painted())
    assert logic.review(visit).slice(name, index).status == "edited"


def test_a_slice_accepted_while_the_run_goes_on_stays_accepted(logic, visit):
    seen = []
    run = logic.propagateAgain(visit, wait=False, observer=type("Watch", (), {"onSlice": lambda self, *told: seen.append(told)})())
    drive(logic, until=lambda: len(seen) >= 2)
    _visit, name, index = seen[0]
    now = masksOf(logic, visit)[name][index].copy()
    logic.acceptSlice(visit, name, index, reviewer="Dr. B")
    drive(logic)
    one = logic.review(visit).slice(name, index)
    assert run.status == "done" and (one.status, one.reviewer) == ("accepted", "Dr. B")
    assert np.array_equal(masksOf(logic, visit)[name][index], now)


def test_only_the_range_that_was_asked_for_changes(logic, visit):
    before = masksOf(logic, visit)
    paint(logic, visit, "mass", 8, painted())
    logic.propagateAgain(visit, slices=(9, 11))
    after = masksOf(logic, visit)
    for name in before:
        unchanged = [index for index in range(FOLLOWUP_SHAPE[0]) if index not in (8, 9, 10, 11)]
        assert np.array_equal(after[name][unchanged], before[name][unchanged])
    assert np.array_equal(after["mass"][8], painted())
    review = logic.review(visit)
    voxel = abs(np.linalg.det(FOLLOWUP_GRID[:3, :3]))
    assert review.structure("mass").volumeMl == pytest.approx(after["mass"].sum() * voxel / 1000)
    with pytest.raises(InputError, match="lower number first"):
        logic.propagateAgain(visit, slices=(11, 9))


def test_a_flagged_slice_is_drawn_again_and_stays_flagged(logic, visit):
    logic.flagSlice(visit, "mass", MIDDLE, reviewer="Dr. A", note="vessel?")
    paint(logic, visit, "mass", MIDDLE + 1, painted())
    logic.propagateAgain(visit)
    one = logic.review(visit).slice("mass", MIDDLE)
    assert (one.status, one.reviewer, one.note) == ("flagged", "Dr. A", "vessel?")


@pytest.mark.parametrize("decision, status", [("flagSlice", "flagged"), ("clearStatus", "not reviewed")])
def test_what_a_person_drew_is_kept_whatever_was_decided_of_it(logic, visit, decision, status):
    paint(logic, visit, "mass", MIDDLE, painted())
    logic.markEdited(visit, reviewer="Dr. A")
    getattr(logic, decision)(visit, "mass", MIDDLE, reviewer="Dr. A", note="discuss")
    logic.propagateAgain(visit)
    one = logic.review(visit).slice("mass", MIDDLE)
    assert np.array_equal(masksOf(logic, visit)["mass"][MIDDLE], painted())
    assert (one.status, one.note, one.isEdited) == (status, "discuss" if status == "flagged" else "", True)


def test_an_accepted_slice_loses_no_voxel_to_its_neighbour(logic, scene, patient):
    chosen = addSegmentation(scene, patient.followup, "chosen")
    (visit,) = logic.propagate(patient.prior, patient.segmentation, [patient.followup], settings=SETTINGS, into=chosen)
    accepted = masksOf(logic, visit)["mass"]
    others = [index for index in np.flatnonzero(accepted.any(axis=(1, 2))) if index != MIDDLE]
    logic.acceptSlice(visit, "mass", MIDDLE, reviewer="Dr. A")
    writer = logic._access.writer(visit)
    everything = np.ones(FOLLOWUP_SHAPE[1:], bool)
    writer.correct("nodule", MIDDLE, everything, "edited")
    writer.correct("nodule", others[0], everything, "edited")
    after = masksOf(logic, visit)
    assert np.array_equal(after["mass"][MIDDLE], accepted[MIDDLE]) and not after["mass"][others[0]].any()
    assert np.array_equal(after["nodule"][MIDDLE], ~accepted[MIDDLE])


def test_an_edit_is_not_signed_with_the_name_of_who_looked_before(logic, visit):
    logic.acceptSlice(visit, "mass", MIDDLE, reviewer="Dr. A")
    paint(logic, visit, "mass", MIDDLE, painted())
    logic.markEdited(visit)
    assert (logic.review(visit).slice("mass", MIDDLE).status, logic.review(visit).slice("mass", MIDDLE).reviewer) == ("edited", "")


def test_a_visit_that_was_not_drawn_to_its_end_is_neither_completed_nor_a_prior(logic, visit):
    logic.acceptVisit(visit, reviewer="Dr. A")
    review = logic.review(visit)
    review.complete = False
    MRMLReview.save(logic.scene, visit, review)
    logic.acceptSlice(visit, "mass", MIDDLE, reviewer="Dr. A")
    assert statusOf(segmentation(visit), "Segment_1") == "InProgress"
    with pytest.raises(InputError, match="was not drawn to its end"):
        logic.useAsPrior(visit)


def test_a_moved_point_draws_its_slice_again_and_no_other(logic, visit, undone):
    before = masksOf(logic, visit)
    place = movePoint(visit, "mass", MIDDLE, FOLLOWUP_GRID[:3, 0] * 3)
    logic.redrawSlice(visit, "mass", MIDDLE)
    after, review = masksOf(logic, visit), logic.review(visit)
    others = [index for index in range(FOLLOWUP_SHAPE[0]) if index != MIDDLE]
    assert np.array_equal(after["mass"][others], before["mass"][others]) and np.array_equal(after["nodule"], before["nodule"])
    assert undone == ["visit1 P2SAM"]
    found = MRMLPrompts.pointsOfSlice(MRMLReview.listsOf(visit)["mass"], MRMLReview.reference(visit, "followup"), review.sliceAxis, MIDDLE)
    assert any(np.allclose(point["ras"], place, atol=1e-3) for point in found), "the moved point jumped back"
    one = review.slice("mass", MIDDLE)
    assert one.status == ("edited" if not np.array_equal(after["mass"][MIDDLE], before["mass"][MIDDLE]) else "not reviewed")
    pixel = abs(np.linalg.det(FOLLOWUP_GRID[:3, :3])) / np.linalg.norm(FOLLOWUP_GRID[:3, 2])
    assert one.areaMm2 == pytest.approx(after["mass"][MIDDLE].sum() * pixel)


def test_a_redrawn_slice_is_taken_back_to_what_was_proposed(logic, visit, undone):
    before, proposed = masksOf(logic, visit), logic.review(visit).slice("mass", MIDDLE)
    movePoint(visit, "mass", MIDDLE, FOLLOWUP_GRID[:3, 0] * 6)
    logic.redrawSlice(visit, "mass", MIDDLE)
    paint(logic, visit, "mass", MIDDLE, painted())
    undone.clear()
    logic.resetSlice(visit, "mass", MIDDLE)
    one = logic.review(visit).slice("mass", MIDDLE)
    assert np.array_equal(masksOf(logic, visit)["mass"], before["mass"]) and undone == ["visit1 P2SAM"]
    assert (one.status, one.distance, one.flags, one.candidates) == ("not reviewed", proposed.distance, proposed.flags, proposed.candidates)
    found = MRMLPrompts.pointsOfSlice(MRMLReview.listsOf(visit)["mass"], MRMLReview.reference(visit, "followup"), 0, MIDDLE)
    assert sorted(np.round(point["ras"], 3).tolist() for point in found) == sorted(np.round(point["ras"], 3).tolist() for point in proposed.points)


def test_a_slice_that_was_redrawn_is_kept_by_the_next_run(logic, visit):
    movePoint(visit, "mass", MIDDLE, FOLLOWUP_GRID[:3, 0] * 6)
    logic.redrawSlice(visit, "mass", MIDDLE)
    if logic.review(visit).slice("mass", MIDDLE).status != "edited":
        pytest.skip("the point changed nothing on this slice")
    drawn = masksOf(logic, visit)["mass"][MIDDLE].copy()
    logic.propagateAgain(visit)
    assert np.array_equal(masksOf(logic, visit)["mass"][MIDDLE], drawn)


def test_redraws_without_waiting_answer_by_themselves_and_the_last_one_counts(logic, visit):
    answers = []
    for step in (1, 2, 3):
        movePoint(visit, "mass", MIDDLE, FOLLOWUP_GRID[:3, 0])
        logic.redrawSlice(visit, "mass", MIDDLE, wait=False, done=answers.append)
    while logic.running:
        logic.worker.client.process.pump(0.02)
    assert answers and all(answer is None for answer in answers) and len(answers) < 4
    assert logic.review(visit).slice("mass", MIDDLE).before


def test_a_slice_is_redrawn_within_300_ms(logic, visit):
    import time

    logic.redrawSlice(visit, "mass", MIDDLE)
    began = time.monotonic()
    logic.redrawSlice(visit, "mass", MIDDLE)
    assert time.monotonic() - began < 0.3


def test_the_points_of_a_structure_that_are_gone_are_a_sentence(logic, visit, scene):
    for one in MRMLReview.listsOf(visit)["mass"]:
        scene.RemoveNode(one)
    with pytest.raises(InputError, match="points of 'mass' were removed"):
        logic.redrawSlice(visit, "mass", MIDDLE)
    logic.propagateAgain(visit)
    assert set(MRMLReview.listsOf(visit)) == {"mass", "nodule"}


def test_after_a_new_worker_the_case_is_opened_again_by_itself(logic, visit):
    before = masksOf(logic, visit)
    movePoint(visit, "mass", MIDDLE, FOLLOWUP_GRID[:3, 0] * 3)
    logic.redrawSlice(visit, "mass", MIDDLE)
    drawn = masksOf(logic, visit)["mass"][MIDDLE].copy()
    starts = logic.worker.starts
    logic.worker.end()
    logic.redrawSlice(visit, "mass", MIDDLE)
    assert logic.worker.starts == starts + 1
    assert np.array_equal(masksOf(logic, visit)["mass"][MIDDLE], drawn)
    assert np.array_equal(masksOf(logic, visit)["nodule"], before["nodule"])


def test_a_scene_that_was_saved_and_loaded_goes_on_where_it_was(logic, scene, makeScene, tmp_path):
    patient = Patient(scene, grid=RIGHT_HANDED_GRID)
    (visit,) = logic.propagate(patient.prior, patient.segmentation, [patient.followup], settings=SETTINGS)
    logic.acceptSlice(visit, "mass", MIDDLE, reviewer="Dr. A")
    paint(logic, visit, "nodule", MIDDLE + 3, painted())
    logic.markEdited(visit)
    review, masks = logic.review(visit), masksOf(logic, visit)
    path = save(scene, tmp_path)
    loaded = makeScene()
    loaded.SetURL(str(path))
    assert loaded.Import()
    other = makeLogic(loaded)
    try:
        (node,) = other.visits()
        assert other.review(node).toJson() == review.toJson()
        found = masksOf(other, node)
        assert {name: np.count_nonzero(found[name] != masks[name]) for name in masks} == dict.fromkeys(masks, 0)
        assert other.markEdited(node) == {}
        movePoint(node, "mass", MIDDLE + 1, FOLLOWUP_GRID[:3, 0] * 3)
        other.redrawSlice(node, "mass", MIDDLE + 1)
        other.propagateAgain(node)
        found = masksOf(other, node)
        assert np.array_equal(found["mass"][MIDDLE], masks["mass"][MIDDLE]) and np.array_equal(found["nodule"][MIDDLE + 3], painted())
    finally:
        other.shutdown()


def test_the_report_of_a_loaded_scene_is_that_of_the_review_that_was_saved(logic, scene, makeScene, tmp_path):
    """What was accepted guides the others, so that another run without it would say other things."""
    patient = Patient(scene, grid=RIGHT_HANDED_GRID)
    (visit,) = logic.propagate(patient.prior, patient.segmentation, [patient.followup], settings=SETTINGS)
    paint(logic, visit, "mass", MIDDLE, painted())
    logic.acceptSlice(visit, "mass", MIDDLE, reviewer="Dr. A")
    logic.propagateAgain(visit)
    logic.exportReport(visit, str(tmp_path / "before"))
    (tmp_path / "scene").mkdir()
    path = save(scene, tmp_path / "scene")
    loaded = makeScene()
    loaded.SetURL(str(path))
    assert loaded.Import()
    other = makeLogic(loaded)
    try:
        (node,) = other.visits()
        other.exportReport(node, str(tmp_path / "after"))
    finally:
        other.shutdown()
    before, after = (rowsOf(tmp_path / name / "slices.csv") for name in ("before", "after"))
    assert after == before and {row["status"] for row in after.values()} == {"accepted", "not reviewed"}
    pages = [(tmp_path / name / "report.html").read_text(encoding="utf-8") for name in ("before", "after")]
    assert all("&#x27;mass&#x27; was edited by hand on 1 slice." in page and page.count("edited by hand") == 1 for page in pages)


def save(scene, folder):
    """Save a scene with all its data as Slicer does, without its application."""
    for number in range(scene.GetNumberOfNodes()):
        node = scene.GetNthNode(number)
        if node is None or not node.IsA("vtkMRMLStorableNode") or not node.GetSaveWithScene():
            continue
        if node.GetStorageNode() is None and not node.AddDefaultStorageNode():
            continue
        storage = node.GetStorageNode()
        if storage is not None:
            storage.SetFileName(str(folder / f"{node.GetID()}.{storage.GetDefaultWriteFileExtension()}"))
            assert storage.WriteData(node), node.GetName()
    path = folder / "scene.mrml"
    scene.SetURL(str(path))
    scene.SetRootDirectory(str(folder))
    assert scene.Commit()
    return path


def test_an_accepted_visit_is_the_prior_of_the_next_one(logic, visit, scene, patient):
    with pytest.raises(InputError, match="were not looked at"):
        logic.useAsPrior(visit)
    logic.acceptVisit(visit)
    volume, contours = logic.useAsPrior(visit)
    assert volume is patient.followup and contours is segmentation(visit)
    later = Patient(scene, followups=2).followups[1]
    (node,) = logic.propagate(volume, contours, later, settings=SETTINGS)
    truth = structure("mass", FOLLOWUP_GRID, FOLLOWUP_SHAPE, SHIFT * 2)
    assert dice(masksOf(logic, node)["mass"], truth) > 0.6


def test_a_visit_whose_followup_is_gone_is_a_sentence(logic, visit, scene, patient):
    scene.RemoveNode(patient.followup)
    for verb in (logic.propagateAgain, logic.markEdited, logic.acceptVisit):
        with pytest.raises(InputError, match="not in the scene"):
            verb(visit)
    with pytest.raises(InputError, match="not in the scene"):
        logic.redrawSlice(visit, "mass", MIDDLE)


def test_a_visit_whose_segment_is_gone_is_a_sentence_and_nothing_is_lost(logic, visit, scene):
    segmentation(visit).GetSegmentation().RemoveSegment("Segment_2")
    before = nodeNames(scene)
    mass = segmentation(visit).GetSegmentation().GetSegment("Segment_1")
    with pytest.raises(RunError, match="'nodule' was removed"):
        logic.propagateAgain(visit)
    assert nodeNames(scene) == before and segmentation(visit).GetSegmentation().GetSegment("Segment_1") is mass


def test_the_report_is_the_folder_of_the_command_line_with_the_edits_in_it(logic, visit, tmp_path):
    paint(logic, visit, "mass", MIDDLE, painted())
    told = logic.exportReport(visit, str(tmp_path / "report"))
    names = {file.name for file in (tmp_path / "report").iterdir()}
    assert {"segmentation.seg.nrrd", "report.html", "slices.csv", "provenance.json", "positive_prompts.mrk.json", "transform.h5"} <= names
    assert told["report"].endswith("report.html")
    from p2sam.files.segmentations import read_segmentation

    grid = Volume(np.zeros(FOLLOWUP_SHAPE, np.int16), FOLLOWUP_GRID)
    found = read_segmentation(tmp_path / "report" / "segmentation.seg.nrrd", grid)
    assert np.array_equal(found.segment("mass").mask[MIDDLE], painted())
    with pytest.raises(P2SAMError, match="earlier result"):
        logic.exportReport(visit, str(tmp_path / "report"))
    logic.worker.end()
    logic.exportReport(visit, str(tmp_path / "report"), overwrite=True)
    found = read_segmentation(tmp_path / "report" / "segmentation.seg.nrrd", grid)
    assert np.array_equal(found.segment("mass").mask, masksOf(logic, visit)["mass"])


def test_a_report_of_a_saved_review_tells_of_that_and_of_no_other_run(logic, visit, tmp_path, monkeypatch):
    """After the worker is gone, as after a scene was loaded: what was stored is told, and nothing is drawn again."""
    paint(logic, visit, "mass", MIDDLE, painted())
    logic.acceptSlice(visit, "nodule", MIDDLE, reviewer="Dr. A")
    logic.exportReport(visit, str(tmp_path / "before"))
    logic.worker.end()
    logic.exportReport(visit, str(tmp_path / "after"))
    for name in ("slices.csv", "positive_prompts.mrk.json", "negative_prompts.mrk.json", "segmentation.seg.nrrd", "report.html"):
        assert (tmp_path / "before" / name).read_bytes() == (tmp_path / "after" / name).read_bytes(), name
    logic.worker.end()
    review = logic.review(visit)
    other = MIDDLE + 1
    one = review.slice("mass", other)
    one.distance, one.flags, one.candidates, one.chosen = 123.0, [("far", "As it was stored.")], [], None
    MRMLReview.save(logic.scene, visit, review)
    asked, ask = [], Task.ask
    monkeypatch.setattr(Task, "ask", lambda self, verb, *others, **parameters: asked.append(verb) or ask(self, verb, *others, **parameters))
    logic.exportReport(visit, str(tmp_path / "stored"))
    assert "export" in asked and "propagate" not in asked
    rows = rowsOf(tmp_path / "stored" / "slices.csv")
    assert (rows["mass", other]["distance"], rows["mass", other]["reasons"], rows["mass", other]["edited"]) == ("123", "As it was stored.", "0")
    assert rows["mass", other]["n_candidates"] == "1", "of the candidates only the chosen one is known"
    assert [key for key, row in rows.items() if row["edited"] == "1"] == [("mass", MIDDLE)]
    page = (tmp_path / "stored" / "report.html").read_text(encoding="utf-8")
    assert "&#x27;mass&#x27; was edited by hand on 1 slice." in page and page.count("edited by hand") == 1


def test_the_points_of_a_slice_drawn_again_are_those_that_a_person_left(logic, visit, tmp_path):
    proposed = [point["ras"] for point in logic.review(visit).slice("mass", MIDDLE).points]
    movePoint(visit, "mass", MIDDLE, [3.0, 0.0, 0.0])
    logic.redrawSlice(visit, "mass", MIDDLE)
    followup = MRMLReview.reference(visit, "followup")
    left = MRMLPrompts.pointsOfSlice(MRMLReview.listsOf(visit)["mass"], followup, logic.review(visit).sliceAxis, MIDDLE)
    logic.exportReport(visit, str(tmp_path / "report"))
    from p2sam.files.markups import read_prompts

    found = [point.position_ras for point in read_prompts(tmp_path / "report" / "positive_prompts.mrk.json") if point.structure == "mass" and point.slice_index == MIDDLE]
    assert np.allclose(sorted(map(tuple, found)), sorted(tuple(one["ras"]) for one in left if one["label"] == 1), atol=1e-3)
    assert not all(any(np.allclose(one, place, atol=1e-3) for place in proposed) for one in found), "the one that was moved"
    assert "edited by hand" not in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")


def rowsOf(path):
    import csv

    with path.open(encoding="utf-8") as file:
        return {(row["structure"], int(row["slice"])): row for row in csv.DictReader(file)}


def test_an_export_beside_a_named_reference_has_the_comparison(logic, visit, patient, scene, tmp_path):
    from segment_scene import add_shared

    reference = add_shared(scene, patient.followup, {"T1": structure("mass", FOLLOWUP_GRID, FOLLOWUP_SHAPE, SHIFT)}, "truth")
    logic.exportReport(visit, str(tmp_path / "plain"))
    assert not (tmp_path / "plain" / "metrics.csv").exists()
    logic.exportReport(visit, str(tmp_path / "compared"), reference=reference, pairs={"mass": "T1"})
    rows = (tmp_path / "compared" / "metrics.csv").read_text(encoding="utf-8").splitlines()
    (measured,) = logic.evaluate(visit, reference, {"mass": "T1"})
    header, first = (line.split(",") for line in rows[:2])
    told = dict(zip(header, first))
    assert (told["structure"], told["method"]) == ("mass", "P2SAM") and float(told["dice"]) == pytest.approx(measured["dice"], rel=1e-4)
    assert "Against the given truth" in (tmp_path / "compared" / "report.html").read_text(encoding="utf-8")


def test_measures_against_a_reference_are_those_of_the_engine(logic, visit, patient, scene):
    from segment_scene import add_shared

    truth = structure("mass", FOLLOWUP_GRID, FOLLOWUP_SHAPE, SHIFT)
    reference = add_shared(scene, patient.followup, {"T1": truth}, "truth")
    (row,) = logic.evaluate(visit, reference, {"mass": "T1"})
    assert row["structure"] == "mass" and row["dice"] == pytest.approx(dice(masksOf(logic, visit)["mass"], truth), abs=1e-3)
    with pytest.raises(InputError, match="no segment 'T9'"):
        logic.evaluate(visit, reference, {"mass": "T9"})


def test_structures_that_take_voxels_from_each_other_are_all_drawn(logic, scene, patient):
    """In a segmentation without overlap: what one lost to another of the run is not taken for a person's edit."""
    chosen = addSegmentation(scene, patient.followup, "chosen")
    (visit,) = logic.propagate(patient.prior, patient.segmentation, [patient.followup], settings=SETTINGS, into=chosen)
    writer = logic._access.writer(visit)
    rows, columns = FOLLOWUP_SHAPE[1:]
    large, small = np.zeros((rows, columns), bool), np.zeros((rows, columns), bool)
    large[4:20, 4:20], small[6:10, 6:10] = True, True
    writer.write("mass", {MIDDLE: large})
    for turned in (small, np.roll(small, 6, axis=1)):
        writer.write("nodule", {MIDDLE: turned})
        assert np.array_equal(masksOf(logic, visit)["nodule"][MIDDLE], turned)
        writer.write("mass", {MIDDLE: large & ~turned})
        assert np.array_equal(masksOf(logic, visit)["mass"][MIDDLE], large & ~turned)
    assert writer.kept == {"mass": set(), "nodule": set()}
    assert not any(logic.review(visit).slice(name, MIDDLE).status == "edited" for name in ("mass", "nodule"))
