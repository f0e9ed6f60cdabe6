"""Correct on a propagated visit: real worker, real nodes, grids that are oblique, flipped, anisotropic and not square."""

import numpy as np
import pytest
import slicer
from propagated_visit import Visit, makeLogic
from review_panels import slice_node

from P2SAMSlicerLib import MRMLReview
from P2SAMSlicerLib.MRMLSegments import writeSlices
from P2SAMSlicerLib.MRMLViews import SliceGeometry


@pytest.fixture(scope="module")
def logic(application):
    logic = makeLogic()
    yield logic
    logic.shutdown()


@pytest.fixture
def visit(logic):
    visit = Visit(logic)
    yield visit
    visit.opened.close()


def outside(visit):
    """RAS on the slice, in the body but outside the structure."""
    geometry = SliceGeometry(visit.patient.followup, visit.axis)
    return [float(value) for value in geometry.onto(np.array(visit.lists[0].GetNthControlPointPositionWorld(visit.rows_on_slice()[0])) - 16 * geometry.right, visit.index)]


def move_first_point(visit):
    """One positive point out of the structure: what a person does who wants more of it on that side."""
    visit.lists[0].SetNthControlPointPositionWorld(visit.rows_on_slice()[0], *outside(visit))


def test_moving_a_point_draws_that_slice_again_and_no_other(visit):
    before = visit.mask()
    visit.ui.reviewerLineEdit.setText("Dr Clark")
    move_first_point(visit)
    visit.wait()
    after = visit.mask()
    changed = np.flatnonzero(np.any(before != after, axis=tuple(axis for axis in range(3) if axis != visit.axis)))
    assert changed.tolist() == [visit.index]
    assert visit.status() == "edited" and MRMLReview.load(visit.node).slice("mass", visit.index).reviewer == "Dr Clark"
    assert f"Slice {visit.index} drawn again" in visit.ui.redrawLabel.text
    assert visit.opened.statuses()[("mass", visit.index)] == "Edited"


def test_a_reset_brings_contour_and_points_back(visit):
    before, places = visit.slice(), [visit.lists[0].GetNthControlPointPositionWorld(row) for row in visit.rows_on_slice()]
    move_first_point(visit)
    visit.wait()
    assert (visit.slice() != before).any()
    visit.ui.resetSliceButton.click()
    visit.wait()
    assert (visit.slice() == before).all() and visit.status() == "not reviewed"
    assert np.allclose([visit.lists[0].GetNthControlPointPositionWorld(row) for row in visit.rows_on_slice()], places, atol=1e-4)


def places(visit):
    return [visit.lists[0].GetNthControlPointPositionWorld(row) for row in visit.rows_on_slice()]


@pytest.mark.parametrize("settled", ["accepted", "by hand"])
def test_a_persons_slice_is_drawn_again_only_after_a_question_and_the_point_goes_back(visit, dialogs, settled):
    if settled == "accepted":
        visit.logic.acceptSlice(visit.node, "mass", visit.index, reviewer="Dr Clark")
    else:
        edited = visit.slice()
        edited[2:5, 3:9] = True
        writeSlices(visit.nodes.segmentation, visit.patient.followup, visit.segment, {visit.index: edited}, visit.axis)
    visit.opened.settle()
    before, start, status = visit.slice(), places(visit), "accepted" if settled == "accepted" else "edited"
    dialogs.expect("confirmOkCancelDisplay", False)
    move_first_point(visit)
    visit.wait()
    assert (visit.slice() == before).all() and visit.status() == status and np.allclose(places(visit), start, atol=1e-4)
    assert ("accepted by Dr Clark" if settled == "accepted" else "edited by hand") in dialogs.shown[0][1]
    dialogs.expect("confirmOkCancelDisplay", False)
    visit.ui.resetSliceButton.click()
    assert (visit.slice() == before).all() and visit.status() == status
    dialogs.expect("confirmOkCancelDisplay", True)
    move_first_point(visit)
    visit.wait()
    assert (visit.slice() != before).any() and visit.status() == "edited"
    visit.ui.resetSliceButton.click()
    visit.wait()
    assert visit.status() == "not reviewed" and len(dialogs.shown) == 3, "what the method drew from a point is not a person's drawing"


def test_a_declined_question_holds_up_nothing_else(visit, dialogs):
    visit.logic.acceptSlice(visit.node, "mass", visit.index, reviewer="Dr Clark")
    visit.opened.settle()
    dialogs.expect("confirmOkCancelDisplay", False)
    redraws = visit.opened.panels.correct.redraws
    redraws.ask(visit.node, "mass", visit.index)
    redraws.ask(visit.node, "nodule", visit.index)
    visit.wait()
    assert f"Slice {visit.index} drawn again" in visit.ui.redrawLabel.text and visit.status() == "accepted"


def test_a_drag_is_drawn_once_when_the_point_is_let_go(visit, monkeypatch):
    asked = []
    original = visit.logic.redrawSlice
    monkeypatch.setattr(visit.logic, "redrawSlice", lambda *given, **named: (asked.append(given[1:]), original(*given, **named))[1])
    positive, row, target = visit.lists[0], visit.rows_on_slice()[0], np.array(outside(visit))
    start = np.array(positive.GetNthControlPointPositionWorld(row))
    positive.InvokeEvent(slicer.vtkMRMLMarkupsNode.PointStartInteractionEvent)
    for part in np.linspace(0, 1, 7):
        positive.SetNthControlPointPositionWorld(row, *(start + part * (target - start)))
        visit.opened.settle(0.03)
    assert asked == []
    positive.InvokeEvent(slicer.vtkMRMLMarkupsNode.PointEndInteractionEvent)
    visit.wait()
    assert asked == [("mass", visit.index)]


def test_the_last_place_of_a_point_counts_however_fast_it_was_moved(visit):
    positive, row, target = visit.lists[0], visit.rows_on_slice()[0], np.array(outside(visit))
    start = np.array(positive.GetNthControlPointPositionWorld(row))
    for part in (0.3, 1.0, 0.6, 0.15):
        positive.SetNthControlPointPositionWorld(row, *(start + part * (target - start)))
        visit.opened.settle(0.09)
    visit.wait()
    shown = visit.slice()
    visit.logic.redrawSlice(visit.node, "mass", visit.index)
    assert (visit.slice() == shown).all()
    assert np.allclose(positive.GetNthControlPointPositionWorld(visit.rows_on_slice()[0]), start + 0.15 * (target - start), atol=0.01)


def test_an_added_point_is_drawn_and_named_after_its_slice(visit):
    before = visit.slice()
    visit.ui.addNegativeButton.click()
    interaction = slicer.mrmlScene.GetNodeByID("vtkMRMLInteractionNodeSingleton")
    selection = slicer.mrmlScene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
    assert interaction.GetCurrentInteractionMode() == interaction.Place and selection.GetActivePlaceNodeID() == visit.lists[1].GetID()
    inside = visit.lists[0].GetNthControlPointPositionWorld(visit.rows_on_slice()[0])
    count = visit.ui.pointTable.rowCount
    row = visit.lists[1].AddControlPointWorld(list(inside))
    visit.wait()
    assert (visit.slice() != before).any() and visit.status() == "edited"
    assert visit.ui.pointTable.rowCount == count + 1
    assert visit.lists[1].GetNthControlPointLabel(row).endswith(f"· {visit.index}")


def test_a_point_chosen_in_the_list_can_be_deleted(visit):
    count = visit.ui.pointTable.rowCount
    assert not visit.ui.deletePointButton.enabled
    visit.ui.pointTable.selectRow(count - 1)
    assert visit.ui.deletePointButton.enabled
    visit.ui.deletePointButton.click()
    visit.wait()
    assert visit.ui.pointTable.rowCount == count - 1 and visit.status() == "edited"


def test_points_can_be_moved_only_while_that_is_chosen(visit):
    assert all(one.GetLocked() for one in visit.lists)
    visit.ui.unlockButton.setChecked(True)
    assert not any(one.GetLocked() for one in visit.lists)
    visit.opened.panels.review.select(visit.node, "nodule", visit.index)
    assert all(one.GetLocked() for one in visit.lists) and not any(one.GetLocked() for one in visit.nodes.lists("nodule"))
    visit.opened.panels.exit()
    assert all(one.GetLocked() for one in visit.nodes.allLists())
    visit.opened.panels.enter()


def test_the_list_shows_the_points_of_the_slice(visit):
    table = visit.ui.pointTable
    kinds = [table.item(row, 0).text() for row in range(table.rowCount)]
    assert sum("positive" in kind for kind in kinds) == len(visit.rows_on_slice(0)) > 0
    assert sum("negative" in kind for kind in kinds) == len(visit.rows_on_slice(1))
    visit.opened.panels.review.select(visit.node, "mass", visit.others[0])
    visit.opened.settle()
    assert f"slice {visit.others[0]}" in visit.ui.correctLabel.text


def test_propagating_again_keeps_accepted_and_edited_slices_bit_for_bit(visit):
    move_first_point(visit)
    visit.wait()
    accepted = visit.others[1]
    visit.logic.acceptSlice(visit.node, "mass", accepted)
    kept = {index: visit.slice(index) for index in (visit.index, accepted)}
    visit.opened.settle()
    assert "2 accepted or edited slices" in visit.ui.againLabel.text
    visit.ui.propagateAgainButton.click()
    visit.wait()
    for index, mask in kept.items():
        assert (visit.slice(index) == mask).all()
    assert visit.status() == "edited" and visit.status(accepted) == "accepted"


def test_only_a_range_is_drawn_again(visit):
    before = visit.mask()
    move_first_point(visit)
    visit.wait()
    visit.logic.acceptSlice(visit.node, "mass", visit.index)
    visit.opened.settle()
    visit.ui.rangeCheckBox.setChecked(True)
    visit.ui.firstSliceSpinBox.value = visit.index
    visit.ui.lastSliceSpinBox.value = visit.index + 1
    visit.ui.propagateAgainButton.click()
    visit.wait()
    changed = np.flatnonzero(np.any(before != visit.mask(), axis=tuple(axis for axis in range(3) if axis != visit.axis)))
    assert set(changed.tolist()) <= {visit.index, visit.index + 1}


def test_a_range_the_wrong_way_round_is_refused_with_the_reason(visit):
    visit.ui.rangeCheckBox.setChecked(True)
    visit.ui.firstSliceSpinBox.value = visit.index + 1
    visit.ui.lastSliceSpinBox.value = visit.index
    assert not visit.ui.propagateAgainButton.enabled
    assert f"first slice ({visit.index + 1}) lies after the last ({visit.index})" in visit.ui.propagateAgainButton.toolTip


def test_the_run_goes_through_the_panel_of_part_four(visit):
    begun = []
    visit.opened.panels.correct.startRun = begun.append
    visit.ui.propagateAgainButton.click()
    assert len(begun) == 1
    run = begun[0](None)
    visit.opened.wait_until(lambda: run.flush())
    assert run.status == "done"


def test_the_segment_editor_opens_on_the_structure_and_edits_are_noted(visit):
    visit.ui.segmentEditorButton.click()
    visit.opened.panels.exit()
    editor = slicer.util.getModuleWidget("SegmentEditor").editor
    assert editor.segmentationNode() is visit.nodes.segmentation and editor.sourceVolumeNode() is visit.patient.followup
    assert editor.currentSegmentID() == visit.segment
    edited = visit.slice() & False
    edited[2:5, 3:9] = True
    writeSlices(visit.nodes.segmentation, visit.patient.followup, visit.segment, {visit.index: edited}, visit.axis)
    assert visit.status() == "not reviewed"
    visit.opened.panels.enter()
    assert visit.status() == "edited" and (visit.slice() == edited).all()
    assert "to be accepted" in visit.ui.redrawLabel.text and f": slice {visit.index}." in visit.ui.redrawLabel.text
    assert visit.status(visit.others[0]) == "not reviewed"


def test_what_was_drawn_by_hand_while_a_run_went_on_is_noted_on_the_next_return(visit, monkeypatch):
    correct = visit.opened.panels.correct
    correct.exit()
    edited = visit.slice() & False
    edited[2:5, 3:9] = True
    writeSlices(visit.nodes.segmentation, visit.patient.followup, visit.segment, {visit.index: edited}, visit.axis)
    with monkeypatch.context() as during:
        during.setattr(type(visit.logic), "running", property(lambda _logic: True))
        correct.enter()
        assert visit.status() == "not reviewed"
        correct.exit()
    correct.enter()
    assert visit.status() == "edited" and "to be accepted" in visit.ui.redrawLabel.text


def test_an_accepted_visit_becomes_the_prior_of_the_next(visit):
    given = []
    visit.opened.panels.correct.onUsePrior = lambda volume, segmentation: given.append((volume, segmentation))
    visit.logic.acceptVisit(visit.node)
    visit.opened.settle()
    visit.ui.useAsPriorButton.click()
    assert given == [(visit.patient.followup, visit.nodes.segmentation)]


def test_the_views_follow_the_propagated_visit(visit):
    assert SliceGeometry(visit.patient.followup, visit.axis).indexShown(slice_node("P2SAMFollowup")) == visit.index
    reference = MRMLReview.load(visit.node).slice("mass", visit.index).referenceIndex
    assert SliceGeometry(visit.patient.prior).indexShown(slice_node("P2SAMPrior")) == reference


def test_a_worker_that_dies_while_a_slice_is_drawn_is_told_and_the_next_try_works(visit):
    before = visit.slice()
    move_first_point(visit)
    visit.logic.worker.client.kill()
    visit.wait()
    move_back = visit.lists[0].GetNthControlPointPositionWorld(visit.rows_on_slice()[0])
    assert visit.status() in ("edited", "not reviewed")
    visit.lists[0].SetNthControlPointPositionWorld(visit.rows_on_slice()[0], *[value + 0.4 for value in move_back])
    visit.wait()
    assert visit.status() == "edited" and (visit.slice() != before).any()
