"""Devices, packages, models, estimates and the sample patient: waited for, or told to a callback."""

import pytest
from p2sam.errors import P2SAMError
from visit_scene import SETTINGS, Patient, drive


@pytest.fixture
def logic(worker, scene):
    return worker.logic(scene)


def told(logic, ask):
    """What a verb tells its callback."""
    answers = []
    ask(answers.append)
    assert not answers, "the verb did not return at once"
    while not answers:
        logic.worker.client.process.pump(0.02)
    assert len(answers) == 1
    return answers[0]


def test_the_cpu_is_among_the_devices_that_work(logic):
    found = told(logic, logic.devices)
    assert any(one["id"] == "cpu" and one["works"] for one in found["devices"]) and "torch_error" in found


def test_packages_are_found_with_their_versions(logic):
    assert told(logic, logic.packages)["packages"]["numpy"]


def test_a_model_is_loaded_once_and_an_unknown_one_is_a_sentence(logic):
    assert logic.loadModel("graph")["name"] == "graph"
    with pytest.raises(P2SAMError, match="giraffe"):
        logic.loadModel("giraffe")
    assert "giraffe" in told(logic, lambda callback: logic.loadModel("giraffe", callback=callback))["error"]


def test_an_estimate_needs_no_open_case(logic, scene):
    assert logic.estimate(Patient(scene).followup, 2, SETTINGS)["seconds"] > 0


def test_a_verb_asked_for_during_a_run_waits_for_it_and_does_not_stop_it(logic, scene):
    patient, answers = Patient(scene), []
    run = logic.propagate(patient.prior, patient.segmentation, patient.followup, settings=SETTINGS, wait=False)
    drive(logic, until=lambda: run.current is not None)
    logic.packages(answers.append)
    drive(logic)
    while not answers:
        logic.worker.client.process.pump(0.02)
    assert run.status == "done" and "packages" in answers[0] and len(logic.visits()) == 1


def test_the_sample_patient_is_loaded_and_can_be_propagated(logic, tmp_path):
    nodes = logic.loadSample(folder=tmp_path / "sample", scale=3.0)
    assert nodes["priorSegmentation"].GetSegmentation().GetNumberOfSegments() == 5
    assert len(nodes["followups"]) == len(nodes["truths"]) == 2
    (node,) = logic.propagate(nodes["priorVolume"], nodes["priorSegmentation"], nodes["followups"][1], segments=["GTV"], settings={**SETTINGS, "alignment": "rigid"})
    assert logic.review(node).complete and logic.review(node).structures[0].volumeMl > 0


def test_the_sample_patient_is_told_to_a_callback(logic, tmp_path):
    nodes = told(logic, lambda callback: logic.loadSample(callback, tmp_path / "sample", 4.0))
    assert nodes["priorVolume"].GetImageData() is not None and len(nodes["followups"]) == 2


def test_a_sample_that_cannot_be_written_is_no_sample(logic, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert told(logic, lambda callback: logic.loadSample(callback, tmp_path / "file" / "sample"))["error"]
    assert "between 0.5 and 4" in told(logic, lambda callback: logic.loadSample(callback, tmp_path / "sample", 0.4))["error"]


def test_sample_files_that_are_gone_are_told_to_the_callback(logic, tmp_path):
    asked = lambda callback: logic.loadSample(callback, tmp_path / "sample", 4.0)  # noqa: E731
    logic._loadedNode, read = lambda path, role: read(path + ".gone", role), logic._loadedNode
    assert "could not be read" in told(logic, asked)["error"] and logic.visits() == []
