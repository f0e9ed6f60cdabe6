"""How figures read: no sign where there is no change, one way to show a distance, and why the prior was kept."""

from types import SimpleNamespace

import pytest
from P2SAMSlicerLib import RowText
from P2SAMSlicerLib.Review import StructureReview, VisitReview
from P2SAMSlicerLib.ReviewRows import rowsOf
from P2SAMSlicerLib.RowText import percent
from P2SAMSlicerLib.SliceReview import SliceReview
from p2sam.retrieval import retrieve
from p2sam.settings import Settings

POINT = {"label": 1, "part": 0, "similarity": 0.8, "ras": [0.0, 0.0, 0.0]}


@pytest.mark.parametrize(("value", "text"), [(-0.4, "0 %"), (0.4, "0 %"), (0.0, "0 %"), (-12.6, "−13 %"), (4.5, "+4 %"), (10.0, "+10 %"), (-100.0, "−100 %")])
def test_a_change_has_its_sign_unless_it_is_rounded_to_nothing(value, text):
    assert percent(value) == text


def row(drawn=(0.44,), kept=0.62, kind="tracked prior", usual=1.0, points=(POINT,), **settings):
    candidates = [{"kind": "parts", "distance": value} for value in drawn] + [{"kind": kind, "distance": kept}]
    one = SliceReview(7, distance=kept, areaMm2=36.0, priorAreaMm2=100.0, nPositive=1, nNegative=1, kind=kind, candidates=candidates, points=list(points))
    review = VisitReview("CT 2", settings={"keep_margin": 0.3, "retrieval": "wasserstein", **settings}, structures=[StructureReview("GTV", usualDistance=usual, slices={7: one})])
    return rowsOf([review])[0]


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        (row(), "The tracked prior was kept; a drawn candidate was nearer (0.44 × against 0.62 ×), but not by the 30 % that is required; "),
        (row(keep_margin=0.5), "but not by the 50 % that is required; "),
        (row((0.7, None)), "The tracked prior was kept; no drawn candidate lay nearer; "),
        (row((0.62,)), "The tracked prior was kept; no drawn candidate lay nearer; "),
        (row((None,)), "The tracked prior was kept; no candidate was drawn that could be compared with it; "),
        (row((0.44,), None), "The tracked prior was kept; the structure is too small here to be compared; "),
        (row((0.619,)), "(0.619 × against 0.620 ×)"),
        (row((0.30,)), "The tracked prior was kept; a drawn candidate was nearer (0.30 × against 0.62 ×); "),
        (row(retrieval="none"), "The tracked prior was taken; candidates were not compared; "),
        (row(usual=None), "(0.44 against 0.62)"),
    ],
)
def test_a_prior_that_was_kept_says_why_as_it_is_true_on_this_slice(case, sentence):
    assert sentence in RowText.details(case)[0]


@pytest.mark.parametrize("drawn", [0.30, 0.44, 0.61, 0.62, 0.7])
def test_the_reason_is_the_one_that_the_retrieval_decides_by(drawn):
    candidates = [SimpleNamespace(kind=kind) for kind in ("parts", "tracked prior")]
    wasKept = retrieve(candidates, [drawn, 0.62], Settings(keep_margin=0.3)) == 1
    sentence = RowText.details(row((drawn,)))[0]
    assert wasKept == ("no drawn candidate lay nearer" in sentence or "that is required" in sentence)


def test_a_distance_is_shown_one_way_in_the_row_the_tooltip_and_the_sentence():
    one = row(kept=0.395, drawn=(0.5,), usual=1.52)
    assert RowText.cells(one)[4] == "0.26 ×" and RowText.distanceTip(one) == "distance 0.26 × what is usual within the prior"
    assert "distance 0.26 × what is usual within the prior" in RowText.details(one)[0] and "0.395" not in " ".join(RowText.details(one))
    unknown = row(kept=0.395, drawn=(0.5,), usual=None)
    assert RowText.cells(unknown)[4] == "0.395" and "distance 0.395 (what is usual within the prior is not known)" in RowText.details(unknown)[0]
    assert RowText.cells(row(kept=1.0, usual=1.0))[4] == "1.00 ×"


def test_points_that_were_not_used_are_said_to_be_those_of_the_nearest_drawn_candidate():
    kept, drawn = row(), row(kind="parts")
    assert any("nearest drawn candidate; they were not used for this contour" in line for line in RowText.details(kept))
    assert not any("not used" in line for line in [*RowText.details(drawn), *RowText.details(row(points=()))])
    assert RowText.pointsTitle("GTV", 7, kept.slice) == "GTV, slice 7: the points of the nearest drawn candidate; they were not used for this contour"
    assert RowText.pointsTitle("GTV", 7, drawn.slice) == RowText.pointsTitle("GTV", 7, None) == "GTV, slice 7: its points"


def test_areas_are_compared_in_per_cent():
    assert RowText.cells(row())[5] == "−64 %"
