"""The time that is foretold in the panel: what is a measurement is called one, and what is not is not."""

from types import SimpleNamespace

import pytest
from P2SAMSlicerLib import Estimate as estimate_module
from P2SAMSlicerLib.Estimate import Estimate


@pytest.fixture
def shown(monkeypatch):
    """Shows what is told of two follow-ups whose estimates are given."""
    monkeypatch.setattr(estimate_module, "SETTLE_SECONDS", 0.0)

    def show(*answers):
        answers, texts = list(answers), []
        logic = SimpleNamespace(running=False, estimate=lambda *_, callback: callback(answers.pop(0)))
        estimate = Estimate(logic, texts.append, lambda family: True)
        followup = SimpleNamespace(GetImageData=lambda: True)
        estimate.want({"followups": [followup] * len(answers), "structures": 3, "settings": None, "model": "graph", "device": "cpu", "family": "graph"})
        estimate.pulse()
        return texts[-1]

    return show


def test_a_time_that_was_measured_here_is_said_to_be(shown):
    text = shown({"seconds": 30.0, "measured": True}, {"seconds": 31.0, "measured": True})
    assert "2 visits × 3 structures" in text and "as measured here" in text and "61 s" in text


def test_a_time_of_which_a_part_is_a_guess_says_which(shown):
    text = shown({"seconds": 30.0, "measured": True}, {"seconds": 31.0, "measured": False})
    assert "as measured here" not in text and "aligning is a guess until the first run" in text


def test_why_there_is_no_estimate_is_said(shown):
    assert "the disk is full" in shown({"error": "the disk is full"})
