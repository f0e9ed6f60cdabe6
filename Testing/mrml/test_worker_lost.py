"""Whatever happens to the worker, the scene keeps its nodes and a person's edits, there is a sentence, and the next run works."""

import random
import time
from collections import Counter

import numpy as np
import pytest
from P2SAMSlicerLib import MRMLReview
from P2SAMSlicerLib.Run import RunError
from p2sam.errors import P2SAMError
from visit_scene import SETTINGS, Patient, Watcher, drive, makeLogic, masksOf, nodeNames, paint, painted

MOMENTS = 20


@pytest.fixture
def patient(scene):
    return Patient(scene)


@pytest.fixture
def logic(scene):
    logic = makeLogic(scene)
    yield logic
    logic.shutdown()


def begin(logic, patient, **options):
    return logic.propagate(patient.prior, patient.segmentation, patient.followups, settings=SETTINGS, wait=False, **options)


def finish(logic):
    drive(logic, seconds=60)


def test_killing_the_worker_at_any_moment_loses_no_node_and_no_edit(logic, patient, scene):
    """Twenty runs on one scene, in which a person has accepted one slice and painted another, are killed at random."""
    begin(logic, patient)
    began = time.monotonic()
    finish(logic)
    usual = time.monotonic() - began
    (node,) = logic.visits()
    logic.acceptSlice(node, "mass", 9)
    paint(logic, node, "mass", 11, painted())
    accepted = masksOf(logic, node)["mass"][9].copy()
    dice, statuses = random.Random(7), []
    for number in range(MOMENTS):
        before, other = nodeNames(scene), masksOf(logic, node)["nodule"].copy()
        run, moment = logic.propagateAgain(node, wait=False), time.monotonic() + dice.uniform(0.0, usual)
        drive(logic, until=lambda: time.monotonic() > moment)
        if number % 2:
            paint(logic, node, "nodule", 2, painted(seed=number))
            other = None
        if logic.worker.client is not None:
            logic.worker.client.process.kill((logic.worker.client.hello or {}).get("pid"))
        finish(logic)
        statuses.append(run.status)
        masks, review = masksOf(logic, node), logic.review(node)
        came, went = Counter(nodeNames(scene)) - Counter(before), Counter(before) - Counter(nodeNames(scene))
        assert not went and all("PlotSeries" in name for name in came), f"nodes came or went in round {number}: {came}, {went}"
        assert np.array_equal(masks["mass"][9], accepted) and review.slice("mass", 9).status == "accepted"
        assert np.array_equal(masks["mass"][11], painted())
        if other is None:
            assert np.array_equal(masks["nodule"][2], painted(seed=number))
        assert run.status == "done" or run.message
        if run.status == "failed":
            assert "ended" in run.message and isinstance(run.error, P2SAMError)
    assert statuses.count("failed") >= MOMENTS // 2
    logic.propagateAgain(node)
    assert logic.review(node).complete and np.array_equal(masksOf(logic, node)["mass"][11], painted())


@pytest.mark.parametrize("slices", [0, 1, 4])
def test_a_death_in_a_first_run_keeps_what_was_drawn_and_says_so(logic, patient, scene, slices):
    watcher, before = Watcher(), nodeNames(scene)
    run = begin(logic, patient, observer=watcher)
    drive(logic, until=lambda: len(watcher.slices) >= slices if slices else logic.worker.modelFacts)
    logic.worker.client.process.kill(logic.worker.client.hello["pid"])
    finish(logic)
    assert run.status == "failed" and "visit1" in run.message and watcher.ends[0][0] == "failed"
    if not slices:
        assert nodeNames(scene) == before and logic.visits() == []
    else:
        (node,) = logic.visits()
        review, masks = logic.review(node), masksOf(logic, node)
        assert not review.complete and any("ended" in text for text in review.warnings)
        for _visit, name, index in watcher.slices:
            assert index in review.structure(name).slices
        assert slices < 4 or any(mask.any() for mask in masks.values()), "the first slices are trials beyond the ends, and may be empty"
        logic.propagateAgain(node)
        assert logic.review(node).complete and not logic.review(node).warnings
    assert len(logic.propagate(patient.prior, patient.segmentation, patient.followups, settings=SETTINGS)) == 1


def test_the_worker_leaves_no_process_and_no_folder(logic, patient):
    begin(logic, patient)
    finish(logic)
    folders, pids = [logic.worker.folder.path], [logic.worker.client.hello["pid"]]
    begin(logic, patient)
    drive(logic, until=lambda: logic.task.current is not None)
    logic.worker.client.process.kill(logic.worker.client.hello["pid"])
    finish(logic)
    logic.devices()
    folders.append(logic.worker.folder.path)
    pids.append(logic.worker.client.hello["pid"])
    logic.shutdown()
    assert len(set(folders)) == 2 and not any(folder.exists() for folder in folders)
    assert not any(alive(pid) for pid in pids)


def alive(pid):
    import os

    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in open(f"/proc/{pid}/stat").read().split(")")[-1].split()[0]


def test_a_vanished_job_folder_is_a_sentence_and_the_next_run_makes_a_new_one(logic, patient, scene):
    begin(logic, patient)
    finish(logic)
    before, starts = nodeNames(scene), logic.worker.starts
    (node,) = logic.visits()
    watcher = Watcher()
    run = logic.propagateAgain(node, wait=False, observer=watcher)
    drive(logic, until=lambda: len(watcher.slices) >= 1)
    logic.worker.folder.remove()
    finish(logic)
    assert run.status == "failed" and ("vanished" in run.message or "job folder" in run.message), run.message
    assert nodeNames(scene) == before
    logic.propagateAgain(node)
    assert logic.review(node).complete and logic.worker.starts == starts + 1


def test_a_full_disk_on_our_side_is_a_sentence_and_a_scene_as_it_was(logic, patient, scene, monkeypatch):
    import errno

    from P2SAMSlicerLib import Exports

    class Full:
        def __init__(self, file):
            self._file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self._file.close()

        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    before = nodeNames(scene)
    monkeypatch.setattr(Exports, "open", lambda *told: Full(open(*told)), raising=False)
    run = begin(logic, patient)
    finish(logic)
    assert run.status == "failed" and "No space left" in run.message and nodeNames(scene) == before
    monkeypatch.undo()
    begin(logic, patient)
    finish(logic)
    assert len(logic.visits()) == 1


def test_a_worker_that_hangs_is_ended_and_the_next_run_works(logic, patient, scene):
    import os
    import signal

    before = nodeNames(scene)
    run = begin(logic, patient)
    run.hangSeconds = 1.5
    drive(logic, until=lambda: logic.worker.modelFacts)
    os.kill(logic.worker.client.hello["pid"], signal.SIGSTOP)
    finish(logic)
    assert run.status == "failed" and "no sign" in run.message
    assert nodeNames(scene) == before or logic.visits()
    begin(logic, patient)
    finish(logic)
    assert logic.review(logic.visits()[-1]).complete


def test_cancelling_a_worker_that_does_not_listen_takes_less_than_a_second(logic, patient):
    import os
    import signal

    watcher = Watcher()
    run = begin(logic, patient, observer=watcher)
    drive(logic, until=lambda: len(watcher.slices) >= 2)
    os.kill(logic.worker.client.hello["pid"], signal.SIGSTOP)
    began = time.monotonic()
    logic.cancel()
    finish(logic)
    assert time.monotonic() - began < 1.5 and run.status == "cancelled"
    (node,) = logic.visits()
    assert not logic.review(node).complete and len(watcher.slices) >= 2


def test_garbage_on_the_line_is_told_once_and_does_not_stop_a_run(logic, patient):
    run = begin(logic, patient)
    drive(logic, until=lambda: logic.worker.modelFacts)
    for _ in range(3):
        logic.worker.client._onOutput(b"a library says hello\n")
    finish(logic)
    assert run.status == "done" and len(logic.notices) == 1 and "a library says hello" in logic.worker.client.log


def test_a_followup_that_is_deleted_ends_its_visit_with_a_sentence_and_the_next_goes_on(scene, logic):
    patient, watcher = Patient(scene, followups=2), Watcher()
    run = begin(logic, patient, observer=watcher)
    drive(logic, until=lambda: len(watcher.slices) >= 2)
    scene.RemoveNode(patient.followups[0])
    finish(logic)
    assert run.status == "failed" and "'visit1' was removed" in run.message
    assert [logic.review(node).name for node in logic.visits() if logic.review(node).complete] == ["visit2"]


@pytest.mark.parametrize("what", ["segmentation", "review"])
def test_a_result_that_is_deleted_while_it_is_drawn_ends_the_run_with_a_sentence(logic, patient, scene, what):
    watcher = Watcher()
    run = begin(logic, patient, observer=watcher)
    drive(logic, until=lambda: len(watcher.slices) >= 2)
    (node,) = logic.visits()
    scene.RemoveNode(MRMLReview.reference(node, "segmentation") if what == "segmentation" else node)
    finish(logic)
    assert run.status == "failed" and "removed" in run.message
    assert patient.segmentation.GetSegmentation().GetNumberOfSegments() == 2


def test_closing_the_scene_ends_the_run_with_a_sentence(logic, patient, scene):
    watcher = Watcher()
    run = begin(logic, patient, observer=watcher)
    drive(logic, until=lambda: len(watcher.slices) >= 1)
    scene.Clear(False)
    finish(logic)
    assert run.status == "failed" and "removed from the scene" in run.message and logic.visits() == []
    again = Patient(scene)
    begin(logic, again)
    finish(logic)
    assert len(logic.visits()) == 1


def test_a_program_that_is_no_worker_is_a_sentence(scene, patient):
    logic = makeLogic(scene, arguments=["-c", "print('hello'); raise SystemExit(3)"])
    with pytest.raises(P2SAMError, match="exit code 3"):
        logic.propagate(patient.prior, patient.segmentation, patient.followups, settings=SETTINGS)
    assert logic.visits() == [] and not logic.running
    answers = []
    logic.devices(answers.append)
    while not answers:
        logic.worker.client.process.pump(0.02)
    assert "exit code 3" in answers[0]["error"] and answers[0]["devices"] == []
    logic.shutdown()


def test_shutting_down_in_the_middle_of_a_run_leaves_a_scene_that_can_be_used(logic, patient):
    watcher = Watcher()
    run = begin(logic, patient, observer=watcher)
    drive(logic, until=lambda: len(watcher.slices) >= 2)
    logic.shutdown()
    assert not logic.running and run.finished
    (node,) = logic.visits()
    assert not logic.review(node).complete
    logic.propagateAgain(node)
    assert logic.review(node).complete


def test_the_observers_fault_does_not_stop_the_worker_for_good(logic, patient):
    class Faulty:
        def onSlice(self, *told):
            raise ZeroDivisionError("a fault of the panel")

    with pytest.raises(ZeroDivisionError):
        logic.propagate(patient.prior, patient.segmentation, patient.followups, settings=SETTINGS, observer=Faulty())
    assert not logic.running
    nodes = logic.propagate(patient.prior, patient.segmentation, patient.followups, settings=SETTINGS)
    assert logic.review(nodes[0]).complete


def test_an_interrupt_at_the_console_keeps_what_was_drawn(logic, patient):
    (node,) = logic.propagate(patient.prior, patient.segmentation, patient.followups, settings=SETTINGS)
    seen = []

    class Impatient:
        def onSlice(self, *told):
            seen.append(told)
            if len(seen) == 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        logic.propagateAgain(node, observer=Impatient())
    assert not logic.running and not logic.review(node).complete
    assert logic.markEdited(node) == {}, "slices that the method drew count as edited"
    logic.propagateAgain(node)
    assert logic.review(node).complete


def test_two_deaths_end_a_run_of_many_visits(scene, logic, monkeypatch):
    patient = Patient(scene, followups=3)
    run = begin(logic, patient)
    opened = []

    def killWhereTracked(visit, message):
        if message.get("stage") == "track" and visit not in opened:
            opened.append(visit)
            logic.worker.client.process.kill(logic.worker.client.hello["pid"])

    monkeypatch.setattr(run, "tellProgress", killWhereTracked)
    finish(logic)
    assert isinstance(run.error, RunError) and run.error.reviews == [] and opened == ["visit1", "visit2"]
    assert "visit1" in run.message and "visit2" in run.message and "visit3" not in run.message
