"""Part counts as a person writes them, and the panel's fields as settings."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from P2SAMSlicerLib.SettingsText import FIELDS, countsOf, differsFromPreset, followModel, settingsOf, showSettings, textOf
from p2sam.command.options import for_model
from p2sam.errors import SettingsError
from p2sam.settings import PRESETS, Settings


@pytest.fixture
def panel():
    node = SimpleNamespace(model="graph", modelFile="")
    showSettings(node, Settings())
    return node


@pytest.mark.parametrize(
    ("text", "counts"),
    [("1-3", (1, 2, 3)), ("1,5-10", (1, 5, 6, 7, 8, 9, 10)), (" 2 , 4 ", (2, 4)), ("45", (45,)), ("1–2;7", (1, 2, 7)), ("3-3", (3,))],
)
def test_a_text_is_read_as_counts(text, counts):
    assert countsOf(text) == counts


def test_the_shortest_text_is_written():
    assert [textOf(counts) for counts in ((1, 2, 3), (1, 5, 6, 7, 8, 9, 10), (1, 2), (45,), (3, 1), ())] == ["1-3", "1,5-10", "1,2", "45", "3,1", ""]


@given(st.lists(st.integers(0, 100), min_size=1, max_size=30, unique=True))
def test_every_text_is_read_as_it_was_written(counts):
    assert countsOf(textOf(counts), lowest=0) == tuple(counts)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "No part counts are given"),
        ("  ", "No part counts are given"),
        ("1,,2", "'' in '1,,2' is no part count"),
        ("1-2-3", "'1-2-3' in"),
        ("a", "'a' in 'a' is no part count; write whole numbers"),
        ("1.5", "'1.5'"),
        ("-2", "'-2'"),
        ("²", "'²'"),
        ("0", "out of range; part counts run from 1 to 100"),
        ("1,5-101", "'5-101' in '1,5-101' is out of range"),
        ("1-99999999999999", "out of range"),
        ("5-2", "runs backwards"),
        ("1-3,2", "The part count 2 stands twice"),
    ],
)
def test_a_text_that_is_no_counts_is_refused_in_a_sentence_that_names_the_piece(text, words):
    with pytest.raises(SettingsError, match=words):
        countsOf(text)


def test_zero_negative_parts_are_allowed():
    assert countsOf("0-2", lowest=0) == (0, 1, 2)


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_shown_in_the_panel_is_the_preset_again(panel, name):
    showSettings(panel, PRESETS[name])
    assert settingsOf(panel) == PRESETS[name] and not differsFromPreset(panel)


def test_what_is_changed_in_the_panel_reaches_the_settings_and_no_more(panel):
    panel.positiveCounts, panel.alignment, panel.reachMm, panel.windowLow = "1,4", "rigid", 22.0, -1000.0
    found = settingsOf(panel)
    assert (found.n_positive, found.alignment, found.reach_mm, found.window_hu) == ((1, 4), "rigid", 22.0, (-1000.0, 590.0))
    assert found.to_dict() == {**Settings().to_dict(), "n_positive": (1, 4), "alignment": "rigid", "reach_mm": 22.0, "window_hu": (-1000.0, 590.0)}
    assert differsFromPreset(panel)


@pytest.mark.parametrize("model", ["sam_vit_b", "medsam_vit_b", "sam2.1_tiny", "graph"])
def test_a_model_that_is_chosen_brings_the_counts_and_the_cascade_that_the_command_line_takes(panel, model):
    panel.model = model
    followModel(panel, "graph")
    assert settingsOf(panel) == for_model(Settings(), model, ()) and not differsFromPreset(panel)
    assert (panel.negativeCounts == "45") == (model != "graph")
    before, panel.model = model, "graph"
    followModel(panel, before)
    assert settingsOf(panel) == Settings()


def test_a_weights_file_counts_as_fine_tuned(panel):
    panel.model, panel.modelFile = "file", "/somewhere/lung.pth"
    followModel(panel, "graph")
    assert (panel.positiveCounts, panel.negativeCounts) == ("1-3", "1") and settingsOf(panel) == for_model(Settings(), "/somewhere/lung.pth", ())


def test_counts_that_were_changed_stay_when_another_model_is_chosen(panel):
    panel.positiveCounts, panel.model = "1,4", "sam_vit_b"
    followModel(panel, "graph")
    assert (panel.positiveCounts, panel.negativeCounts) == ("1,4", "45")
    assert settingsOf(panel) == for_model(replace(Settings(), n_positive=(1, 4)), "sam_vit_b", ["n_positive=1,4"])


def test_other_presets_say_themselves_what_they_need(panel):
    showSettings(panel, PRESETS["paper-coco"])
    panel.model = "sam_vit_h"
    followModel(panel, "graph")
    assert settingsOf(panel) == PRESETS["paper-coco"]


def test_the_window_of_the_display_is_taken_for_both_visits_where_it_is_asked_for(panel):
    panel.windowFromDisplay = True
    assert settingsOf(panel, window=(-160, 240)).window_hu == (-160.0, 240.0)
    with pytest.raises(SettingsError, match="no display window"):
        settingsOf(panel)


def test_wrong_fields_are_told_in_sentences(panel):
    panel.windowLow = 700.0
    with pytest.raises(SettingsError, match="runs from 700 to 590"):
        settingsOf(panel)
    showSettings(panel, Settings())
    panel.negativeCounts = "x"
    with pytest.raises(SettingsError, match="Negative parts: 'x'"):
        settingsOf(panel)
    assert differsFromPreset(panel)
    showSettings(panel, Settings())
    panel.reachMm = 900.0
    with pytest.raises(SettingsError, match="reach_mm is 900.0"):
        settingsOf(panel)


def test_every_field_of_the_panel_is_a_setting():
    assert set(FIELDS.values()) <= set(Settings().to_dict())
