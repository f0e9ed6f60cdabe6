"""Settings follow the model as they do on the command line, so that equal choices give equal results."""

import importlib
import sys
from types import SimpleNamespace
from unittest.mock import MagicMock

import P2SAMSlicerLib
import pytest
from fake_process import FakeProcess
from p2sam.command.options import for_model, settings_of
from p2sam.settings import PRESETS, Settings
from P2SAMSlicerLib.Logic import Logic
from P2SAMSlicerLib.SettingsText import showSettings
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


@pytest.mark.parametrize("typed, counts", [([], ((1, 2, 3), (5,))), (["n_negative=7"], ((1, 2, 3), (7,)))])
def test_counts_that_a_checkpoint_brings_are_those_of_the_run_unless_somebody_changed_them(scene, typed, counts):
    ranges = {"ct": {"positive": [1, 3], "negative": [5, 5]}}
    process = FakeProcess()
    logic, patient = Logic(scene, lambda: process), Patient(scene)
    asked = settings_of("clinical", None, typed)
    run = logic.propagate(patient.prior, patient.segmentation, patient.followup, wait=False, model="lung.pth", settings=for_model(asked, "lung.pth", typed))
    run.flush()
    process.tell("hello", id=None, pid=1, protocol=1, versions={})
    sent = {}
    while "open_case" not in sent:
        run.flush()
        sent = {request["verb"]: request for request in process.requests}
        if "load_model" in sent and "open_case" not in sent:
            process.tell("done", id=sent["load_model"]["id"], result={"name": "lung", "device": "cpu", "ranges": ranges})
    told = Settings.from_dict(sent["open_case"]["settings"])
    assert (told.n_positive, told.n_negative) == counts and told == for_model(asked, "lung.pth", typed, ranges)
    process.tell("error", id=sent["open_case"]["id"], kind="InputError", message="Enough.", traceback="")
    while not run.flush():
        pass
    logic.worker.end()


@pytest.fixture
def panel(scene, monkeypatch):
    """The settings' panel over widgets that take anything, and its parameter node."""
    monkeypatch.setitem(sys.modules, "qt", MagicMock())
    for name in ("ComboChoice", "SettingsPanel"):  # imported anew over that, and forgotten again when the test ends
        monkeypatch.setattr(P2SAMSlicerLib, name, None, raising=False)
        monkeypatch.setitem(sys.modules, f"P2SAMSlicerLib.{name}", None)
        del sys.modules[f"P2SAMSlicerLib.{name}"]
    module = importlib.import_module("P2SAMSlicerLib.SettingsPanel")
    node = SimpleNamespace(model="graph", modelFile="", priorVolume=None)
    showSettings(node, Settings())
    panel = module.SettingsPanel(MagicMock(), SimpleNamespace(scene=scene))
    panel.setParameterNode(node)
    return panel, node


def test_the_panel_shows_the_counts_of_the_model_that_is_chosen_unless_they_were_changed(panel):
    panel, node = panel
    node.model = "sam_vit_b"
    panel.refresh()
    assert (node.positiveCounts, node.negativeCounts) == ("1,2", "45") and panel.settings() == for_model(Settings(), "sam_vit_b", ())
    node.positiveCounts = "1,4"
    panel.refresh()
    node.model = "graph"
    panel.refresh()
    assert (node.positiveCounts, node.negativeCounts) == ("1,4", "2")
    panel.reset()
    assert panel.settings() == Settings()


def test_counts_that_a_scene_brings_stay_as_they_are(panel, scene):
    panel, node = panel
    scene.StartState(scene.BatchProcessState)
    node.model = "sam_vit_b"
    panel.refresh()
    scene.EndState(scene.BatchProcessState)
    panel.refresh()
    assert node.negativeCounts == "2"


def test_reset_takes_the_counts_of_the_model(panel):
    panel, node = panel
    node.model, node.negativeCounts = "sam_vit_b", "7"
    panel.refresh()
    panel.reset()
    assert node.negativeCounts == "45"


def test_nothing_of_the_stand_in_is_left():
    assert not isinstance(sys.modules.get("qt"), MagicMock)
    assert not any(isinstance(getattr(module, "qt", None), MagicMock) for name, module in sys.modules.items() if name.startswith("P2SAMSlicerLib"))
