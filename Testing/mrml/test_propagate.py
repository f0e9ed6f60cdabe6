"""From nodes of the scene to nodes of the scene, through a real worker with the built-in model."""

import numpy as np
import pytest
import slicer
from P2SAMSlicerLib import MRMLPrompts, MRMLReview
from P2SAMSlicerLib.MRMLSegmentations import statusOf
from P2SAMSlicerLib.Run import RunError
from p2sam.case import Case
from p2sam.errors import InputError
from p2sam.metrics import dice
from p2sam.models.loading import load
from p2sam.segmentation import Segment, Segmentation
from p2sam.settings import Settings
from p2sam.volume import Volume
from segment_scene import add_warp
from visit_scene import (
    FOLLOWUP_GRID, FOLLOWUP_SHAPE, PRIOR_GRID, PRIOR_SHAPE, SETTINGS, SHIFT, STRUCTURES, Patient, Watcher, drive, masksOf, nodeNames, scan, structure,
)  # fmt: skip


@pytest.fixture
def patient(scene):
    return Patient(scene)


@pytest.fixture
def undone():
    return []


@pytest.fixture
def logic(worker, scene, undone):
    return worker.logic(scene, lambda node: undone.append(node.GetName()))


def propagate(logic, patient, **options):
    return logic.propagate(patient.prior, patient.segmentation, patient.followups, settings=SETTINGS, **options)


def byTheEngine():
    """The same visit without Slicer and without a worker."""
    segments = tuple(Segment(name, structure(name, PRIOR_GRID, PRIOR_SHAPE), f"Segment_{number}") for number, name in enumerate(STRUCTURES, 1))
    prior = Volume(scan(PRIOR_GRID, PRIOR_SHAPE), PRIOR_GRID)
    followup = Volume(scan(FOLLOWUP_GRID, FOLLOWUP_SHAPE, SHIFT, 1), FOLLOWUP_GRID)
    case = Case.open(prior, Segmentation(segments, PRIOR_GRID, PRIOR_SHAPE), followup, load("graph"), Settings.from_dict(SETTINGS))
    return case.propagate()


@pytest.mark.parametrize("transformed", [False, True], ids=["in place", "under a transform"])
def test_the_result_equals_the_engines_voxel_for_voxel(logic, scene, transformed):
    (node,) = propagate(logic, Patient(scene, transformed=transformed))
    masks, expected = masksOf(logic, node), byTheEngine()
    for one in expected.structures:
        found, name = masks[one.segment.name], one.segment.name
        differing = np.count_nonzero(found != one.segment.mask)
        allowed = 3 + 0.01 * one.segment.mask.sum() if transformed else 0  # the product of two matrices rounds differently
        assert differing <= allowed, f"{differing} voxels of {name} differ"
        assert dice(found, structure(name, FOLLOWUP_GRID, FOLLOWUP_SHAPE, SHIFT)) > 0.7


def test_slices_appear_while_the_run_goes_on_and_each_follows_its_structure(logic, patient):
    watcher, seen = Watcher(), []
    watcher.onSlice = lambda visit, name, index: seen.append((visit, name, index, bool(MRMLReview.findAll(logic.scene))))
    propagate(logic, patient, observer=watcher)
    assert {name for _visit, name, _index, _there in seen} == set(STRUCTURES)
    assert all(visit == "visit1" and there for visit, _name, _index, there in seen)
    assert watcher.ends == [("done", "")] and len(watcher.visits) == 1
    stages = [stage for _visit, stage, *_rest in watcher.progress]
    assert {"align", "track", "slices"} <= set(stages) and all(done <= total for *_told, done, total, _left in watcher.progress)


def test_names_colours_terminology_geometry_and_place_come_from_the_prior_and_the_followup(logic, patient):
    segment = patient.segmentation.GetSegmentation().GetSegment("Segment_1")
    terminology = "Segmentation category and type~SCT^49755003^x~SCT^4147007^Mass~^^~Anatomic codes~^^~^^"
    segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), terminology)
    (node,) = propagate(logic, patient)
    result = MRMLReview.reference(node, "segmentation")
    found = result.GetSegmentation().GetSegment("Segment_1")
    tag = vtk_string(found, slicer.vtkSegment.GetTerminologyEntryTagName())
    assert result.GetName() == "visit1 P2SAM" and found.GetName() == "mass"
    assert found.GetColor() == segment.GetColor() and tag == terminology
    assert result.GetNodeReference(result.GetReferenceImageGeometryReferenceRole()) is patient.followup


def vtk_string(segment, name):
    from P2SAMSlicerLib.MRMLSegmentStatus import tagOf

    return tagOf(segment, name)


def test_the_review_knows_the_inputs_the_settings_and_every_slice(logic, patient):
    (node,) = propagate(logic, patient)
    review = logic.review(node)
    assert MRMLReview.reference(node, "priorVolume") is patient.prior and MRMLReview.reference(node, "priorSegmentation") is patient.segmentation
    assert review.complete and review.names == list(STRUCTURES) and Settings.from_dict(review.settings) == Settings.from_dict(SETTINGS)
    assert review.model["name"] == review.model["requested"] == "graph" and "sha256" in review.model
    masks = masksOf(logic, node)
    for one in review.structures:
        filled = set(np.flatnonzero(masks[one.name].any(axis=(1, 2))).tolist())
        assert filled <= set(one.slices)
        assert all(each.proposedCrc == each.seenCrc and each.status == "not reviewed" for each in one.slices.values())
        voxel = abs(np.linalg.det(FOLLOWUP_GRID[:3, :3]))
        assert one.volumeMl == pytest.approx(masks[one.name].sum() * voxel / 1000)
        assert one.centroidShiftMm is not None and one.priorCentroidRas is not None
        for index, each in one.slices.items():
            pixel = voxel / np.linalg.norm(FOLLOWUP_GRID[:3, 2])
            assert each.areaMm2 == pytest.approx(masks[one.name][index].sum() * pixel, rel=1e-3)


def test_points_lie_on_their_slices_and_are_locked(logic, patient):
    (node,) = propagate(logic, patient)
    review, lists = logic.review(node), MRMLReview.listsOf(node)
    assert set(lists) == set(STRUCTURES)
    for name, pair in lists.items():
        assert all(one.GetLocked() for one in pair)
        for index, one in review.structure(name).slices.items():
            found = MRMLPrompts.pointsOfSlice(pair, patient.followup, review.sliceAxis, index)
            assert len(found) == len(one.points)
            assert sorted(np.round(point["ras"], 3).tolist() for point in found) == sorted(np.round(point["ras"], 3).tolist() for point in one.points)


def test_one_press_is_one_step_of_undo_for_each_segmentation(logic, scene, undone):
    propagate(logic, Patient(scene, followups=2))
    assert undone == ["visit1 P2SAM", "visit2 P2SAM"]


def test_several_followups_come_one_after_the_other(logic, scene):
    patient, watcher = Patient(scene, followups=2), Watcher()
    nodes = propagate(logic, patient, observer=watcher)
    assert [logic.review(node).name for node in nodes] == ["visit1", "visit2"] and watcher.visits == nodes
    assert logic.visits() == nodes


def test_only_the_structures_that_were_chosen_are_drawn(logic, patient):
    (node,) = propagate(logic, patient, segments=["nodule"])
    assert logic.review(node).names == ["nodule"]
    assert MRMLReview.reference(node, "segmentation").GetSegmentation().GetNumberOfSegments() == 1


def test_into_a_chosen_segmentation_only_a_segment_is_added_and_locked_voxels_stay(logic, scene, patient):
    (first,) = propagate(logic, patient, segments=["mass"])
    chosen = MRMLReview.reference(first, "segmentation")
    before = masksOf(logic, first)["mass"]
    editor = scene.AddNode(slicer.vtkMRMLSegmentEditorNode())
    editor.SetOverwriteMode(editor.OverwriteNone)
    editor.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedOutsideAllSegments)
    (second,) = propagate(logic, patient, segments=["mass"], into=chosen)
    assert np.array_equal(masksOf(logic, first)["mass"], before), "a segment of somebody else was touched"
    assert chosen.GetSegmentation().GetNumberOfSegments() == 2
    assert not (masksOf(logic, second)["mass"] & before).any(), "the masking of the Segment Editor was not honoured"
    assert logic.review(second).structures[0].segmentId != logic.review(first).structures[0].segmentId
    assert logic.markEdited(second) == {}, "what masking took away is not an edit"


def test_without_waiting_nothing_blocks_and_flush_does_the_work(logic, patient):
    watcher = Watcher()
    run = propagate(logic, patient, wait=False, observer=watcher)
    assert logic.running and not MRMLReview.findAll(logic.scene)
    longest = drive(logic, budget=0.02)
    assert run.status == "done" and watcher.ends == [("done", "")] and not logic.running
    assert longest < 0.2, f"a step took {longest:.3f} s"


def test_cancelling_keeps_the_slices_that_were_drawn(logic, patient, undone):
    watcher = Watcher()
    run = propagate(logic, patient, wait=False, observer=watcher)
    drive(logic, until=lambda: len(watcher.slices) >= 3)
    logic.cancel()
    drive(logic, seconds=20)
    assert run.status == "cancelled" and watcher.ends[0][0] == "cancelled"
    (node,) = logic.visits()
    review = logic.review(node)
    masks = masksOf(logic, node)
    assert not review.complete and "cancelled" in " ".join(review.warnings).lower() or "stopped" in " ".join(review.warnings)
    for _visit, name, index in watcher.slices:
        assert index in review.structure(name).slices
        assert masks[name][index].any() or review.slice(name, index).areaMm2 == 0
    assert sum(mask.any() for mask in masks.values()) >= 1
    assert statusOf(MRMLReview.reference(node, "segmentation"), "Segment_1") in ("NotStarted", "InProgress")


def test_cancelling_before_the_first_slice_leaves_the_scene_as_it_was(logic, patient, scene):
    before = nodeNames(scene)
    run = propagate(logic, patient, wait=False)
    drive(logic, until=lambda: run.current is not None)
    logic.cancel()
    drive(logic, seconds=20)
    assert run.status == "cancelled" and nodeNames(scene) == before
    assert len(propagate(logic, patient)) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: {"priorVolume": None}, "No prior volume"),
        (lambda p: {"priorSegmentation": p.prior}, "prior segmentation is no vtkMRMLSegmentationNode"),
        (lambda p: {"followups": []}, "No follow-up"),
        (lambda p: {"followups": [p.prior]}, "prior and a follow-up"),
        (lambda p: {"followups": [p.followup, p.followup]}, "twice"),
        (lambda p: {"segments": ["liver"]}, "liver.*mass, nodule"),
        (lambda p: {"segments": []}, "No structure"),
        (lambda p: {"into": p.segmentation}, "cannot go into the prior"),
        (lambda p: {"settings": {"alignment": "magic"}}, "magic"),
    ],
)
def test_an_input_that_cannot_be_used_is_a_sentence_before_anything_is_done(logic, patient, scene, change, words):
    before = nodeNames(scene)
    options = {"priorVolume": patient.prior, "priorSegmentation": patient.segmentation, "followups": [patient.followup], **change(patient)}
    with pytest.raises(InputError, match=words):
        logic.propagate(options.pop("priorVolume"), options.pop("priorSegmentation"), options.pop("followups"), **options)
    assert nodeNames(scene) == before and not logic.running


def test_a_transform_that_bends_is_a_sentence(logic, patient, scene):
    patient.followup.SetAndObserveTransformNodeID(add_warp(scene).GetID())
    with pytest.raises(InputError, match="non-linear"):
        propagate(logic, patient)


def test_what_the_worker_refuses_is_told_with_the_visit_and_the_others_go_on(logic, scene):
    patient, watcher = Patient(scene, followups=2), Watcher()
    from vtk.util.numpy_support import vtk_to_numpy

    vtk_to_numpy(patient.followups[0].GetImageData().GetPointData().GetScalars())[:] = 7
    with pytest.raises(RunError, match="visit1: .*every voxel is 7") as caught:
        propagate(logic, patient, observer=watcher)
    assert [logic.review(node).name for node in caught.value.reviews] == ["visit2"] and "Traceback" in caught.value.details
    assert watcher.ends[0][0] == "failed" and not [name for name in nodeNames(scene) if "visit1 P2SAM" in name]


def test_a_second_run_waits_for_the_first(logic, patient):
    propagate(logic, patient, wait=False)
    with pytest.raises(InputError, match="already"):
        propagate(logic, patient)
    logic.cancel()
    drive(logic, seconds=20)


def test_the_slicer_side_never_imports_torch_or_the_pipeline():
    import subprocess
    import sys
    from pathlib import Path

    here = Path(__file__).parent
    script = (
        f"import sys; sys.path[:0] = [{str(here)!r}, {str(here.parents[1] / 'P2SAMSlicer')!r}]; import conftest, P2SAMSlicerLib.Logic;"
        "print(' '.join({'torch', 'sklearn', 'ot', 'SimpleITK', 'p2sam.case', 'p2sam.propagation'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "torch" not in done.stdout and "sklearn" not in done.stdout and "case" not in done.stdout
