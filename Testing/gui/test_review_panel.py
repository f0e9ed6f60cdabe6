"""The Review panel on reviewed visits in oblique, flipped, anisotropic geometry."""

import numpy as np
import pytest
import qt
import slicer
from review_panels import OpenedPanels, colored_near, slice_node
from review_scene import FOLLOWUP, PRIOR, SHAPE, WORST_FIRST, RecordingLogic, ReviewedScene, ball, ras

from P2SAMSlicerLib import MRMLReview
from P2SAMSlicerLib.MRMLSegments import writeSegment
from P2SAMSlicerLib.ReviewNodes import ReviewNodes

GREEN = (26, 204, 64)


@pytest.fixture
def scene(application):
    slicer.mrmlScene.Clear(0)
    return ReviewedScene(slicer.mrmlScene)


@pytest.fixture
def opened(scene):
    opened = OpenedPanels(RecordingLogic(slicer.mrmlScene))
    yield opened
    opened.close()


def plane_index(node, ijk_to_ras):
    """The slice number that a view shows, and whether it lies in the slice's plane, from voxel geometry alone."""
    matrix = node.GetSliceToRAS()
    corners = [[matrix.GetElement(row, 3) + u * matrix.GetElement(row, 0) + v * matrix.GetElement(row, 1) for row in range(3)] for u, v in ((0, 0), (40, 0), (0, 40))]
    indices = [(np.linalg.inv(ijk_to_ras) @ [*corner, 1.0])[2] for corner in corners]
    return indices[0], float(np.ptp(indices))


def test_the_worst_slices_stand_first(opened):
    assert opened.rows()[:3] == WORST_FIRST
    assert opened.ui.progressLabel.text == "0 of 24 reviewed"


def test_the_table_can_be_narrowed_to_what_needs_a_look(opened, scene):
    opened.ui.onlyFlaggedCheckBox.setChecked(True)
    assert opened.rows() == WORST_FIRST
    opened.logic.acceptSlice(scene.reviews[0], "Heart", 17)
    opened.settle()
    opened.ui.notReviewedCheckBox.setChecked(True)
    assert opened.rows() == [WORST_FIRST[0], WORST_FIRST[2]]


@pytest.mark.parametrize("index", [8, 13, 16])
def test_a_row_brings_both_views_to_the_matched_slices_of_oblique_flipped_volumes(opened, index):
    opened.click_row("GTV", index)
    shown, spread = plane_index(slice_node("P2SAMFollowup"), FOLLOWUP)
    assert abs(shown - index) < 1e-3 and spread < 1e-3
    shown, spread = plane_index(slice_node("P2SAMPrior"), PRIOR)
    assert abs(shown - (30 - index)) < 1e-3 and spread < 1e-3


def test_each_view_shows_its_own_ct(opened, scene):
    opened.click_row("GTV", 13)
    for tag, volume in (("P2SAMFollowup", scene.followups[0]), ("P2SAMPrior", scene.prior)):
        assert slicer.app.layoutManager().sliceWidget(tag).sliceLogic().GetSliceCompositeNode().GetBackgroundVolumeID() == volume.GetID()


def test_the_patient_is_shown_head_up_and_left_at_the_right(opened):
    opened.click_row("GTV", 13)
    for tag in ("P2SAMFollowup", "P2SAMPrior"):
        matrix = slice_node(tag).GetSliceToRAS()
        assert matrix.GetElement(0, 0) < -0.9 and matrix.GetElement(1, 1) > 0.9 and matrix.GetElement(2, 2) > 0.9


def test_scrolling_one_view_brings_the_other_and_the_table_along(opened):
    opened.click_row("GTV", 13)
    node = slice_node("P2SAMFollowup")
    node.SetSliceOffset(node.GetSliceOffset() + 4.0 * 2)
    opened.settle()
    assert opened.current.index in (11, 15)
    assert opened.ui.sliceTable.currentRow() == opened.rows().index(("GTV", opened.current.index))
    assert abs(plane_index(slice_node("P2SAMPrior"), PRIOR)[0] - (30 - opened.current.index)) < 1e-3


def test_scrolling_the_prior_brings_the_followup_along(opened):
    opened.click_row("GTV", 13)
    node = slice_node("P2SAMPrior")
    node.SetSliceOffset(node.GetSliceOffset() + 4.0)
    opened.settle()
    assert opened.current.index in (12, 14)
    assert abs(plane_index(slice_node("P2SAMFollowup"), FOLLOWUP)[0] - opened.current.index) < 1e-3


def test_zooming_one_view_zooms_the_other(opened):
    opened.click_row("GTV", 13)
    width, height, depth = slice_node("P2SAMFollowup").GetFieldOfView()
    slice_node("P2SAMFollowup").SetFieldOfView(width / 2, height / 2, depth)
    assert slice_node("P2SAMPrior").GetFieldOfView()[1] == pytest.approx(height / 2)


def test_the_anatomy_around_the_structure_is_seen_whatever_the_shape_of_the_view(opened):
    opened.click_row("GTV", 13)
    for tag in ("P2SAMFollowup", "P2SAMPrior"):
        width, height, _depth = slice_node(tag).GetFieldOfView()
        pixels = slice_node(tag).GetDimensions()
        assert min(width, height) == pytest.approx(110, rel=0.02) and width / height == pytest.approx(pixels[0] / pixels[1], rel=0.02)


def test_a_slice_without_the_structure_cannot_be_accepted(opened):
    opened.click_row("GTV", 13)
    node = slice_node("P2SAMFollowup")
    node.SetSliceOffset(node.GetSliceOffset() + 4.0 * 9)
    opened.settle()
    assert not opened.ui.acceptButton.enabled and "neither the prior nor the result" in opened.ui.detailLabel.text


@pytest.mark.parametrize("index", [9, 14])
def test_points_are_seen_on_their_own_slice_only(opened, scene, index):
    opened.click_row("GTV", index)
    positive, _negative = ReviewNodes(scene.reviews[0]).lists("GTV")
    places = {int(positive.GetNthControlPointLabel(row).split()[-1]): positive.GetNthControlPointPositionWorld(row) for row in range(0, positive.GetNumberOfControlPoints(), 2)}
    assert colored_near("P2SAMFollowup", places[index], GREEN)
    assert positive.GetDisplayNode().GetSliceProjection() == 0
    far = ras(FOLLOWUP, (index, 53, 50))
    positive.SetNthControlPointPositionWorld(0, *ras(FOLLOWUP, (index + 2, 53, 50)))
    assert not colored_near("P2SAMFollowup", far, GREEN)
    positive.SetNthControlPointPositionWorld(0, *far)
    assert colored_near("P2SAMFollowup", far, GREEN)


def test_only_the_points_of_the_chosen_structure_are_seen(opened, scene):
    opened.click_row("Heart", 17)
    nodes = ReviewNodes(scene.reviews[0])
    assert all(one.GetDisplayNode().GetVisibility() for one in nodes.lists("Heart"))
    assert not any(one.GetDisplayNode().GetVisibility() for one in nodes.lists("GTV"))


def test_keys_step_accept_and_flag(opened, scene):
    opened.click_row(*WORST_FIRST[0])
    opened.press("N")
    assert (opened.current.structure, opened.current.index) == WORST_FIRST[1]
    opened.press("P")
    assert (opened.current.structure, opened.current.index) == WORST_FIRST[0]
    opened.press("A")
    assert (opened.current.structure, opened.current.index) == WORST_FIRST[1]
    opened.press("X")
    assert (opened.current.structure, opened.current.index) == WORST_FIRST[2]
    statuses = opened.statuses()
    assert [statuses[one] for one in WORST_FIRST] == ["Accepted", "Flagged", "Not reviewed"]
    review = MRMLReview.load(scene.reviews[0])
    assert review.slice(*WORST_FIRST[0]).reviewer == "Dr Adams" and review.slice(*WORST_FIRST[0]).time


def test_nobody_accepts_without_a_name(opened, scene):
    opened.ui.reviewerLineEdit.setText("  ")
    opened.click_row(*WORST_FIRST[0])
    for button in (opened.ui.acceptButton, opened.ui.acceptVisitButton):
        button.click()
        assert "Give your name" in opened.ui.detailLabel.text
    assert set(opened.statuses().values()) == {"Not reviewed"}


def test_a_key_that_is_held_decides_one_slice(opened):
    assert not any(one.autoRepeat for one in opened.ui.reviewCollapsibleButton.findChildren(qt.QShortcut))


def test_the_filter_for_reasons_shows_what_a_person_flagged_as_well(opened):
    without = next(one for one in opened.rows() if one not in WORST_FIRST)
    opened.click_row(*without)
    opened.ui.flagButton.click()
    opened.ui.onlyFlaggedCheckBox.setChecked(True)
    assert set(opened.rows()) == {*WORST_FIRST, without}


def test_keys_rest_while_another_module_is_shown(opened):
    opened.click_row(*WORST_FIRST[0])
    opened.panels.exit()
    opened.press("A")
    assert opened.statuses()[WORST_FIRST[0]] == "Not reviewed"
    opened.panels.enter()
    opened.press("A")
    assert opened.statuses()[WORST_FIRST[0]] == "Accepted"


def test_keys_rest_while_the_section_is_folded(opened):
    opened.click_row(*WORST_FIRST[0])
    opened.ui.reviewCollapsibleButton.collapsed = True
    opened.press("A")
    assert opened.statuses()[WORST_FIRST[0]] == "Not reviewed"
    opened.ui.reviewCollapsibleButton.collapsed = False
    opened.press("A")
    assert opened.statuses()[WORST_FIRST[0]] == "Accepted"


def test_letters_typed_into_a_note_are_no_keys(opened):
    opened.click_row(*WORST_FIRST[0])
    opened.ui.noteLineEdit.setFocus()
    opened.press("A")
    assert opened.statuses()[WORST_FIRST[0]] == "Not reviewed"


def test_tooltips_name_the_keys(opened):
    for button, key in ((opened.ui.nextButton, "N"), (opened.ui.previousButton, "P"), (opened.ui.acceptButton, "A"), (opened.ui.flagButton, "X")):
        assert f"key {key}" in button.toolTip


def test_a_note_is_kept_with_the_decision(opened, scene):
    opened.click_row(*WORST_FIRST[0])
    opened.ui.noteLineEdit.setText("  collapse here ")
    opened.ui.flagButton.click()
    assert MRMLReview.load(scene.reviews[0]).slice(*WORST_FIRST[0]).note == "collapse here"
    assert opened.ui.noteLineEdit.text == ""


def test_accepting_goes_on_past_what_is_settled(opened, scene):
    opened.logic.acceptSlice(scene.reviews[0], *WORST_FIRST[1])
    opened.settle()
    opened.click_row(*WORST_FIRST[0])
    opened.ui.acceptButton.click()
    assert (opened.current.structure, opened.current.index) == WORST_FIRST[2]


def test_a_status_can_be_taken_back(opened):
    opened.click_row(*WORST_FIRST[0])
    opened.ui.acceptButton.click()
    opened.click_row(*WORST_FIRST[0])
    opened.ui.clearButton.click()
    assert opened.statuses()[WORST_FIRST[0]] == "Not reviewed" and not opened.ui.clearButton.enabled


def test_the_rest_of_a_visit_is_accepted_at_once_and_flags_stay(opened, dialogs):
    dialogs.expect("confirmOkCancelDisplay", True)
    opened.click_row(*WORST_FIRST[0])
    opened.ui.flagButton.click()
    opened.ui.acceptVisitButton.click()
    ((_name, question),) = dialogs.shown
    assert "Dr Adams accepts" in question and "2 of those not looked at have a reason" in question and "1 flagged by a person stay" in question
    statuses = opened.statuses()
    assert statuses.pop(WORST_FIRST[0]) == "Flagged" and set(statuses.values()) == {"Accepted"}


def test_the_chart_goes_to_the_slice_of_a_picked_point(opened, scene):
    opened.click_row("GTV", 13)
    opened.ui.chartButton.click()
    opened.settle()
    chart = ReviewNodes(scene.reviews[0]).chart
    assert chart is not None and opened.panels.layout.plotView() is not None
    series = next(chart.GetNthPlotSeriesNode(n) for n in range(chart.GetNumberOfPlotSeriesNodes()) if chart.GetNthPlotSeriesNode(n).GetName() == "Heart")
    x = series.GetTableNode().GetTable().GetColumnByName(series.GetXColumnName())
    row = next(n for n in range(x.GetNumberOfValues()) if x.GetValue(n) == 18)
    assert opened.panels.review.views.chart.pick(series, row)
    assert (opened.current.structure, opened.current.index) == ("Heart", 18)
    assert opened.ui.sliceTable.currentRow() == opened.rows().index(("Heart", 18))


def test_each_contour_is_seen_in_its_own_view_and_everywhere_again_afterwards(opened, scene):
    result, prior = scene.segmentations[0].GetDisplayNode(), scene.priorSegmentation.GetDisplayNode()
    opened.click_row("GTV", 13)
    assert result.GetViewNodeIDs() == (slice_node("P2SAMFollowup").GetID(),) and prior.GetViewNodeIDs() == (slice_node("P2SAMPrior").GetID(),)
    slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    opened.settle()
    assert result.GetViewNodeIDs() == () and prior.GetViewNodeIDs() == ()
    assert not opened.ui.sideBySideButton.checked


@pytest.mark.parametrize("withChart", [False, True])
def test_side_by_side_stays_wanted_when_the_scene_is_closed_during_a_review(opened, scene, withChart):
    opened.click_row("GTV", 13)
    if withChart:
        opened.ui.chartButton.click()
    slicer.mrmlScene.Clear(0)
    opened.settle()
    assert opened.ui.sideBySideButton.checked and opened.ui.chartButton.checked == withChart
    again = ReviewedScene(slicer.mrmlScene)
    opened.settle()
    opened.click_row("GTV", 14)
    assert opened.panels.layout.isOpen and opened.panels.layout.hasChart == withChart
    shown, spread = plane_index(slice_node("P2SAMFollowup"), FOLLOWUP)
    assert abs(shown - 14) < 1e-3 and spread < 1e-3
    assert again.segmentations[0].GetDisplayNode().GetViewNodeIDs() == (slice_node("P2SAMFollowup").GetID(),)


def test_the_prior_shows_only_what_was_propagated_and_everything_again_afterwards(opened, scene, tmp_path):
    cord = scene.priorSegmentation.GetSegmentation().AddEmptySegment("Cord")
    eye = scene.priorSegmentation.GetSegmentation().AddEmptySegment("Eye")
    writeSegment(scene.priorSegmentation, cord, ball((15, 40, 45), (30, 4, 4), (30, *SHAPE[1:])), scene.prior)
    scene.priorSegmentation.GetSegmentation().GetSegment(cord).SetColor(1, 0, 1)
    display = scene.priorSegmentation.GetDisplayNode()
    display.SetSegmentVisibility2DOutline(eye, False)
    drawn = lambda one: (display.GetSegmentVisibility2DOutline(one), display.GetSegmentVisibility2DFill(one))  # noqa: E731
    before = {one: drawn(one) for one in ("GTV", "Heart", cord, eye)}
    opened.click_row("GTV", 13)
    edge = ras(PRIOR, (17, 40, 49))
    assert drawn("GTV") == drawn("Heart") == (True, True) and drawn(cord) == drawn(eye) == (False, False)
    assert not colored_near("P2SAMPrior", edge, (255, 0, 255))
    slicer.mrmlScene.StartState(slicer.mrmlScene.SaveState)
    assert {one: drawn(one) for one in before} == before
    slicer.mrmlScene.EndState(slicer.mrmlScene.SaveState)
    assert drawn(cord) == (False, False)
    scene.priorSegmentation.GetSegmentation().RemoveSegment(eye)
    del before[eye]
    opened.ui.sideBySideButton.setChecked(False)
    opened.settle()
    assert {one: drawn(one) for one in before} == before


def test_a_scene_saved_during_review_is_saved_with_everything_visible(opened, scene, tmp_path):
    opened.click_row("GTV", 13)
    display = scene.segmentations[0].GetDisplayNode()
    assert display.GetViewNodeIDs()
    slicer.mrmlScene.SetURL(str(tmp_path / "scene.mrml"))
    slicer.mrmlScene.StartState(slicer.mrmlScene.SaveState)  # as Slicer's save dialog does
    slicer.mrmlScene.Commit()
    slicer.mrmlScene.EndState(slicer.mrmlScene.SaveState)
    text = (tmp_path / "scene.mrml").read_text(errors="replace")
    line = next(line for line in text.splitlines() if f'id="{display.GetID()}"' in line)
    assert "P2SAMFollowup" not in line
    assert display.GetViewNodeIDs()


def test_without_side_by_side_the_ordinary_views_jump(opened):
    opened.ui.sideBySideButton.setChecked(False)
    opened.click_row("GTV", 14)
    assert not opened.panels.layout.isOpen
    shown = [plane_index(slice_node(tag), FOLLOWUP) for tag in ("Red", "Yellow", "Green")]
    assert any(abs(index - 14) < 1e-3 and spread < 1e-3 for index, spread in shown)


def test_a_deleted_visit_leaves_the_panel(opened, scene):
    opened.click_row("GTV", 13)
    MRMLReview.removeOurs(scene.reviews[0])
    opened.settle()
    assert opened.rows() == [] and not opened.current.isSet and not opened.ui.acceptButton.enabled


def test_a_deleted_followup_is_told_and_nothing_breaks(opened, scene):
    slicer.mrmlScene.RemoveNode(scene.followups[0])
    opened.settle()
    opened.click_row("GTV", 13)
    assert "no longer in the scene" in opened.ui.detailLabel.text


def test_an_empty_scene_says_what_to_do(application):
    slicer.mrmlScene.Clear(0)
    opened = OpenedPanels(RecordingLogic(slicer.mrmlScene))
    try:
        assert "Propagate first" in opened.ui.detailLabel.text
        for button in (opened.ui.nextButton, opened.ui.acceptButton, opened.ui.flagButton, opened.ui.propagateAgainButton, opened.ui.exportButton):
            assert not button.enabled
        opened.press("A")
        opened.press("N")
    finally:
        opened.close()


def test_several_visits_are_listed_together_or_alone(application):
    slicer.mrmlScene.Clear(0)
    scene = ReviewedScene(slicer.mrmlScene, ("first", "second"))
    opened = OpenedPanels(RecordingLogic(slicer.mrmlScene))
    try:
        assert len(opened.rows()) == 48 and not opened.ui.sliceTable.isColumnHidden(0)
        opened.panels.showVisit(scene.reviews[1])
        assert len(opened.rows()) == 24 and opened.ui.sliceTable.isColumnHidden(0)
        assert opened.current.node is scene.reviews[1] and (opened.current.structure, opened.current.index) == WORST_FIRST[0]
        assert not scene.segmentations[0].GetDisplayNode().GetVisibility2D()
    finally:
        opened.close()
    assert scene is not None


def test_rows_say_their_status_in_words_and_in_colour(opened):
    opened.click_row(*WORST_FIRST[0])
    opened.ui.acceptButton.click()
    table = opened.ui.sliceTable
    accepted, open_ = table.item(0, 7), table.item(1, 7)
    assert accepted.text() == "Accepted" and open_.text() == "Not reviewed"
    assert accepted.background().color().name() != open_.background().color().name()


def test_the_shape_of_the_volume_is_not_square():
    assert len(set(SHAPE)) == 3


def test_the_selected_row_moves_with_its_slice(opened, scene):
    """A slice that is drawn again may get other reasons, and with them another place in the table."""
    opened.click_row("GTV", 15)
    review = MRMLReview.load(scene.reviews[0])
    review.slice("GTV", 15).flags = [("empty", "Nothing was found."), ("far", "Far.")]
    MRMLReview.save(slicer.mrmlScene, scene.reviews[0], review)
    opened.settle()
    assert opened.rows()[0] == ("GTV", 15) and opened.ui.sliceTable.currentRow() == 0
    assert (opened.current.structure, opened.current.index) == ("GTV", 15)


def test_slices_where_nothing_is_stand_last(opened, scene):
    review = MRMLReview.load(scene.reviews[0])
    one = review.slice("GTV", 9)
    one.areaMm2 = one.priorAreaMm2 = 0.0
    one.distance = 9.0
    MRMLReview.save(slicer.mrmlScene, scene.reviews[0], review)
    opened.settle()
    assert opened.rows()[-1] == ("GTV", 9)
