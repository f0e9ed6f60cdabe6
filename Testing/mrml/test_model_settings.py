"""Settings follow the model as they do on the command line, so that equal choices give equal results."""

import pytest
from fake_process import FakeProcess
from p2sam.command.options import for_model, settings_of
from p2sam.settings import PRESETS, Settings
from P2SAMSlicerLib.Logic import Logic
from visit_scene import Patient


@pytest.fixture
def used(scene):
    """The settings of a run that was begun."""
    logic, patient = Logic(scene, FakeProcess), Patient(scene)

    def begin(**options):
        run = logic.propagate(patient.prior, patient.segmentation, patient.followup, wait=False, **options)
        return run.jobs[0].case.settings

    yield begin
    logic.worker.end()


def test_without_settings_a_learned_model_gets_what_the_command_line_gives_it(used):
    assert used(model="sam_vit_b") == for_model(Settings(), "sam_vit_b", ()) != Settings()


def test_what_is_set_stays_and_the_rest_follows_the_model(used):
    typed = ["n_positive=4", "seed=3"]
    assert used(model="lung.pth", settings={"n_positive": [4], "seed": 3}) == for_model(settings_of("clinical", None, typed), "lung.pth", typed)


def test_complete_settings_are_taken_as_they_are(used):
    assert used(model="sam_vit_b", settings=PRESETS["clinical"]) == PRESETS["clinical"]


def test_graph_keeps_the_preset(used):
    assert used() == Settings()
