"""What a visit was warned of stands at the top of Review, and the line that ends a run points there."""

import pytest
import slicer
from review_panels import OpenedPanels
from review_scene import RecordingLogic, ReviewedScene

from P2SAMSlicerLib import MRMLReview

FELL_BACK = "Rigid alignment failed (quality 0.12, at least 0.25 is needed); they stay where the scanners put them."


@pytest.fixture
def scene(application):
    slicer.mrmlScene.Clear(0)
    scene = ReviewedScene(slicer.mrmlScene, ("first", "second"))
    warn(scene.reviews[1], FELL_BACK)
    return scene


@pytest.fixture
def opened(scene):
    opened = OpenedPanels(RecordingLogic(slicer.mrmlScene))
    yield opened
    opened.close()


def warn(node, text):
    review = MRMLReview.load(node)
    review.alignment = {"requested": "rigid", "used": "none", "quality": 0.12, "warnings": [text]}
    review.warnings = [text]
    MRMLReview.save(slicer.mrmlScene, node, review)


def test_alignment_and_warnings_of_the_listed_visits_stand_above_the_table(opened, scene):
    label = opened.ui.visitNotesLabel
    assert label.visible and label.mapTo(opened.widget, label.rect.topLeft()).y() < opened.ui.sliceTable.mapTo(opened.widget, label.rect.topLeft()).y()
    assert "<b>first</b>" in label.text and "<b>second</b>" in label.text and FELL_BACK in label.text
    opened.panels.showVisit(scene.reviews[0])
    opened.settle()
    assert FELL_BACK not in label.text and FELL_BACK not in label.toolTip
    opened.panels.showVisit(scene.reviews[1])
    opened.settle()
    assert "rigid was asked for, none (both scans stay where the scanners put them) was used; it does not fit (0.12 of 1)" in label.text
    assert label.text.count(FELL_BACK) == 1


def test_a_warning_that_comes_later_is_shown(opened, scene):
    warn(scene.reviews[0], "Nothing was found of 'GTV' on this visit.")
    opened.settle()
    assert "Nothing was found of" in opened.ui.visitNotesLabel.text


def test_without_a_visit_there_is_no_line(opened, scene):
    slicer.mrmlScene.Clear(0)
    opened.settle()
    assert not opened.ui.visitNotesLabel.visible


def test_structures_can_be_read_in_the_report_beside_several_visits(opened):
    opened.ui.reportCollapsibleButton.collapsed = False
    opened.settle()
    assert not opened.ui.reportTable.isColumnHidden(0) and opened.ui.reportTable.columnWidth(1) >= 60


def test_the_line_that_ends_a_run_counts_the_warnings_and_says_where_they_are(module, scene):
    panel = module.panel.runPanel
    panel.follow(lambda observer: type("Run", (), {"jobs": [1], "cancel": lambda self: None})())
    panel.onWarning(FELL_BACK)
    panel.onVisit(scene.reviews[1])
    panel.onFinished("done", "")
    text = module.panel.ui.progressLabel.text
    assert text == "Finished. Warnings: 1; read them at the top of Review." and "color" in module.panel.ui.progressLabel.styleSheet
    assert module.panel.ui.logEdit.toPlainText().count(FELL_BACK) == 1
    panel.follow(lambda observer: type("Run", (), {"jobs": [1], "cancel": lambda self: None})())
    panel.onVisit(scene.reviews[0])
    panel.onFinished("done", "")
    assert module.panel.ui.progressLabel.text.startswith("Finished. Review the slices below")
