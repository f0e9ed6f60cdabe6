"""What a visit is warned of reaches the person who reviews it: in the review, in the words at its top, in the line that ends a run."""

import numpy as np
import pytest
import slicer
from p2sam import align
from P2SAMSlicerLib import MRMLReview, VisitText
from P2SAMSlicerLib.Review import StructureReview, VisitReview
from P2SAMSlicerLib.RunWarnings import RunWarnings
from visit_scene import FOLLOWUP_SHAPE, SETTINGS, Patient, Watcher


@pytest.fixture
def stranger(scene):
    """A patient whose follow-up shows another body: no registration fits it better than leaving it in place."""
    patient = Patient(scene)
    _k, j, i = np.indices(FOLLOWUP_SHAPE)
    hu = np.where((i > 6) & (i < 25) & (j > 6) & (j < 22), 300 * np.sin(i) * np.cos(j), -1000)
    slicer.util.updateVolumeFromArray(patient.followup, hu.astype(np.int16))
    return patient


def test_a_registration_that_fell_back_is_a_warning_of_the_visit_and_is_told_while_it_runs(scene, worker, stranger):
    logic, watcher = worker.logic(scene), Watcher()
    (node,) = logic.propagate(stranger.prior, stranger.segmentation, stranger.followup, segments=["mass"], settings={**SETTINGS, "alignment": "rigid"}, observer=watcher)
    review = MRMLReview.load(node)
    failed = [text for text in review.alignment["warnings"] if text.startswith("Rigid alignment")]
    assert failed and review.alignment["used"] != "rigid"
    assert [text for text in review.warnings if text in failed] == failed and [text for text in watcher.warnings if text in failed] == failed


def test_a_run_that_is_cancelled_keeps_the_warnings_of_its_alignment(scene, worker, stranger):
    logic, nodes = worker.logic(scene), []

    class Impatient(Watcher):
        def onSlice(self, *told):
            run.cancel()

        def onVisit(self, node):
            nodes.append(node)

    run = logic.propagate(stranger.prior, stranger.segmentation, stranger.followup, settings={**SETTINGS, "alignment": "rigid", "n_positive": [1]}, observer=Impatient(), wait=False)
    run.wait()
    review = MRMLReview.load(nodes[0])
    assert not review.complete and any(text.startswith("Rigid alignment") for text in review.warnings)


def visit(name="CT 2", asked="deformable", used="rigid", quality=0.87, warnings=(), structures=()):
    return VisitReview(name, alignment={"requested": asked, "used": used, "quality": quality}, warnings=list(warnings), structures=list(structures))


@pytest.mark.parametrize(
    ("one", "line", "doubtful"),
    [
        (visit(), "Alignment: deformable was asked for, rigid was used; it fits (0.87 of 1).", True),
        (visit(used="deformable"), "Alignment: deformable; it fits (0.87 of 1).", False),
        (visit(used="deformable", quality=0.31), "Alignment: deformable; its fit is doubtful (0.31 of 1).", True),
        (visit(asked="none", used="none", quality=0.1), "Alignment: none (both scans stay where the scanners put them); it does not fit (0.10 of 1).", True),
        (visit(asked="file", used="file", quality=None), "Alignment: the given transform; its fit was not measured.", False),
        (VisitReview("CT 2"), "Alignment: not known.", False),
    ],
)
def test_the_alignment_reads_as_it_was_asked_for_and_used_with_its_quality_in_words(one, line, doubtful):
    assert VisitText.alignmentLine(one) == line and VisitText.isDoubtful(one) == doubtful


def test_the_words_for_quality_are_the_engines():
    assert (VisitText.LEAST_QUALITY, VisitText.DOUBTFUL_QUALITY) == (align.LEAST_QUALITY, align.DOUBTFUL_QUALITY)


def test_the_top_of_the_review_lists_every_warning_once_and_names_the_visits_where_there_are_several():
    lost = StructureReview("GTV", warnings=["Nothing was found of 'GTV' on this visit."])
    one = visit(warnings=["Rigid alignment failed.", "The patient IDs differ: 'A' and 'B<'."], structures=[lost])
    one.alignment["warnings"] = ["Rigid alignment failed."]
    page = VisitText.page([one])
    assert page.count("Rigid alignment failed.") == 1 and "Nothing was found of" in page and "&lt;" in page and "<b>CT 2" not in page
    assert "<b>CT 2</b>" in VisitText.page([one, visit("CT 3")]) and "<b>CT 3</b>" in VisitText.page([one, visit("CT 3")])


def test_a_scene_of_an_older_version_shows_the_warnings_of_its_alignment():
    one = visit()
    one.alignment["warnings"] = ["Rigid alignment failed."]
    assert VisitText.warningsOf(one) == ["Rigid alignment failed."]


def test_many_warnings_are_cut_short_and_all_in_the_tooltip():
    one = visit(warnings=[f"Warning number {number}." for number in range(9)])
    assert "number 5." in VisitText.page([one]) and "number 6." not in VisitText.page([one]) and "And 3 more" in VisitText.page([one])
    assert all(f"number {number}." in VisitText.everything([one]) for number in range(9))


def test_the_line_that_ends_a_run_says_how_many_warnings_there_are_and_where():
    run = RunWarnings()
    assert run.sentence() == ""
    run.tell("Rigid alignment failed.")
    assert run.sentence() == "Warnings in the log below: 1."
    fresh = run.add("node 1", visit(warnings=["Rigid alignment failed.", "Cut."]))
    assert fresh == ["Cut."] and run.sentence() == "Warnings: 2; read them at the top of Review."
    run.add("node 2", visit("CT 3", warnings=["Cut."]))
    assert run.sentence() == "Warnings: 2 of CT 2, 1 of CT 3; read them at the top of Review, where the visit is chosen."
    run.tell("The model was loaded on the CPU.")
    assert run.sentence().endswith("Warnings in the log below: 1.")
