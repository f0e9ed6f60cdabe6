"""What is typed, before any file is read."""

from pathlib import Path

import pytest
from p2sam.command.options import check_device, for_model, renamed, settings_of, stem_of, value_of, visit_names
from p2sam.errors import DeviceError, InputError, SettingsError
from p2sam.models.registry import settings_for
from p2sam.settings import PRESETS


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("seed", "7", 7), ("reach_mm", "7", 7.0), ("use_prior", "No", False), ("n_negative", "0,2", (0, 2)), ("window_hu", "-160,240", (-160.0, 240.0)), ("cost", "cosine", "cosine")],
)  # fmt: skip
def test_a_value_takes_the_type_of_its_setting(name, text, value):
    read = value_of(name, text)
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize("assignment", ["use_prior=maybe", "n_positive=1;2", "seed=1.5", "reach_mm=", "window_hu=1", "n_positive=1,1"])
def test_a_value_that_does_not_fit_is_named(assignment):
    with pytest.raises(SettingsError, match=assignment.split("=")[0]):
        settings_of("clinical", None, [assignment])


def test_a_preset_keeps_what_is_not_set():
    settings = settings_of("paper", "rigid", ["seed=3"])
    assert settings.alignment == "rigid" and settings.seed == 3
    assert {**settings.to_dict(), "alignment": "centre", "seed": 0} == PRESETS["paper"].to_dict()


def test_a_learned_model_takes_its_published_counts_and_the_whole_cascade_unless_they_are_set():
    found = for_model(settings_of("clinical", None, ["n_positive=4"]), "SAM-ViT-b", ["n_positive=4"])
    assert (found.n_positive, found.n_negative, found.cascade_steps) == ((4,), (45,), 3)
    assert for_model(PRESETS["clinical"], "graph", ()) == PRESETS["clinical"] and for_model(PRESETS["paper"], "weights.pth", ()) == PRESETS["paper"]


def test_counts_that_a_checkpoint_brings_go_before_the_published_ones_and_after_those_that_are_set():
    own = {"ct": {"positive": [2, 4], "negative": [3, 3]}}
    found = settings_for(PRESETS["clinical"], "lung.pth", ranges=own)
    assert (found.n_positive, found.n_negative, found.cascade_steps) == ((2, 3, 4), (3,), 3)
    assert settings_for(PRESETS["clinical"], "lung.pth", {"n_negative"}, own).n_negative == PRESETS["clinical"].n_negative


def test_the_preset_is_not_changed_by_a_setting():
    with pytest.raises(SettingsError, match="--preset"):
        settings_of("clinical", None, ["preset=paper"])


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a.nrrd", "a"), ("a.nii.gz", "a"), ("a.SEG.NRRD", "a"), ("visit 2 (late).mha", "visit_2_late"), ("1-1.dcm", "1-1"), ("v1.2", "v1.2"), ("???.nrrd", "followup")],
)  # fmt: skip
def test_a_follow_up_is_named_after_its_file(name, stem):
    assert stem_of(Path("somewhere") / name) == stem


def test_equal_names_are_told_apart_by_their_folder_then_by_a_number():
    paths = [Path("x/visit1/ct"), Path("x/visit2/ct"), Path("x/pet.nrrd"), Path("y/visit2/CT")]
    assert visit_names(paths) == ["visit1-ct", "visit2-ct", "pet", "visit2-CT-2"]


@pytest.mark.parametrize("name", ["auto", "cpu", "mps", "cuda", "cuda:3"])
def test_a_device_is_known(name):
    assert check_device(name) == name


@pytest.mark.parametrize("name", ["gpu", "cuda:", "CPU", ""])
def test_another_device_is_refused(name):
    with pytest.raises(DeviceError, match="cuda:N"):
        check_device(name)


def test_names_in_the_truth_may_hold_an_equals_sign():
    assert renamed(["GTV=1=label 1", "Heart=H"]) == {"GTV=1": "label 1", "Heart": "H"}
    with pytest.raises(InputError, match="--truth-name =x"):
        renamed(["=x"])
