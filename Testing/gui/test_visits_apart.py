"""Contours and points of one visit are never seen on the CT of another: side by side, in the ordinary views, and while a run draws."""

from types import SimpleNamespace

import numpy as np
import pytest
import slicer
from review_panels import OpenedPanels, pixels
from review_scene import STRUCTURES, RecordingLogic, ReviewedScene

from P2SAMSlicerLib import MRMLReview
from P2SAMSlicerLib.LiveView import LiveView
from P2SAMSlicerLib.ReviewNodes import ReviewNodes

ORDINARY = ("Red", "Yellow", "Green")


@pytest.fixture
def scene(application):
    slicer.mrmlScene.Clear(0)
    return ReviewedScene(slicer.mrmlScene, ("first", "second"))


@pytest.fixture
def opened(scene):
    opened = OpenedPanels(RecordingLogic(slicer.mrmlScene))
    yield opened
    opened.close()


def isShown(node):
    display = node.GetDisplayNode()
    return bool(display.GetVisibility() and display.GetVisibility2D())


def shown(scene, number):
    """Of what belongs to a visit: (its contours, any of its points) are shown somewhere."""
    return isShown(scene.segmentations[number]), any(isShown(one) for one in ReviewNodes(scene.reviews[number]).allLists())


def backgrounds():
    return {tag: slicer.app.layoutManager().sliceWidget(tag).sliceLogic().GetSliceCompositeNode().GetBackgroundVolumeID() for tag in ORDINARY}


def select(opened, scene, number, index=13):
    opened.panels.review.select(scene.reviews[number], "GTV", index)
    opened.settle()


def test_side_by_side_shows_the_chosen_visit_alone(opened, scene):
    for number in (0, 1, 0):
        select(opened, scene, number)
        assert shown(scene, number) == (True, True) and shown(scene, 1 - number) == (False, False)


@pytest.mark.parametrize("chosen", [0, 1])
def test_the_ordinary_views_show_the_chosen_visit_alone_on_its_own_ct(opened, scene, chosen):
    slicer.util.setSliceViewerLayers(background=scene.prior)
    opened.ui.sideBySideButton.setChecked(False)
    select(opened, scene, 1 - chosen)
    select(opened, scene, chosen)
    assert shown(scene, chosen) == (True, True) and shown(scene, 1 - chosen) == (False, False)
    assert not isShown(scene.priorSegmentation)
    assert set(backgrounds().values()) == {scene.followups[chosen].GetID()}


def test_side_by_side_turned_off_leaves_the_visit_alone_in_the_ordinary_views(opened, scene):
    select(opened, scene, 1)
    opened.ui.sideBySideButton.setChecked(False)
    opened.settle()
    assert shown(scene, 1) == (True, True) and shown(scene, 0) == (False, False)
    assert set(backgrounds().values()) == {scene.followups[1].GetID()}
    assert scene.segmentations[1].GetDisplayNode().GetViewNodeIDs() == ()


@pytest.mark.parametrize("sideBySide", [True, False])
def test_another_layout_chosen_during_the_review_shows_the_visit_alone_on_its_own_ct(opened, scene, sideBySide):
    slicer.util.setSliceViewerLayers(background=scene.prior)
    opened.ui.sideBySideButton.setChecked(sideBySide)
    select(opened, scene, 1)
    slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView)
    opened.settle()
    assert shown(scene, 1) == (True, True) and shown(scene, 0) == (False, False) and not isShown(scene.priorSegmentation)
    assert set(backgrounds().values()) == {scene.followups[1].GetID()}


@pytest.mark.parametrize("sideBySide", [True, False])
def test_a_visit_that_comes_while_another_is_looked_at_stays_hidden(opened, scene, sideBySide):
    opened.ui.sideBySideButton.setChecked(sideBySide)
    select(opened, scene, 0)
    scene._add_visit("third", 2, {name: mask for name, (mask, _color) in STRUCTURES.items()})
    opened.settle()
    assert shown(scene, 0) == (True, True) and shown(scene, 2) == (False, False)


def test_everything_is_shown_again_in_another_module_but_not_in_the_segment_editor(opened, scene, monkeypatch):
    opened.ui.sideBySideButton.setChecked(False)
    select(opened, scene, 0)
    monkeypatch.setattr(slicer.util, "selectedModule", lambda: "SegmentEditor")
    opened.panels.exit()
    assert not shown(scene, 1)[0]
    opened.panels.enter()
    monkeypatch.setattr(slicer.util, "selectedModule", lambda: "Data")
    opened.panels.exit()
    assert shown(scene, 1)[0] and isShown(scene.priorSegmentation)
    opened.panels.enter()
    assert not shown(scene, 1)[0] and not isShown(scene.priorSegmentation)


def test_everything_is_shown_again_when_the_segment_editor_is_left_for_another_module(opened, scene, monkeypatch):
    opened.ui.sideBySideButton.setChecked(False)
    select(opened, scene, 0)
    monkeypatch.setattr(slicer.util, "selectedModule", lambda: "SegmentEditor")
    opened.panels.exit()
    opened.settle(0.7)
    assert shown(scene, 1) == (False, False)
    monkeypatch.setattr(slicer.util, "selectedModule", lambda: "Data")
    opened.settle(0.7)
    assert shown(scene, 1)[0] and isShown(scene.priorSegmentation)
    opened.panels.enter()


def test_what_a_person_sets_on_the_contours_under_review_stays(opened, scene):
    opened.ui.sideBySideButton.setChecked(False)
    select(opened, scene, 0)
    display = scene.segmentations[0].GetDisplayNode()
    display.SetOpacity(0.3)
    display.SetOpacity2DFill(0.9)
    opened.panels.exit()
    assert (display.GetOpacity(), display.GetOpacity2DFill()) == (0.3, 0.9)
    opened.panels.enter()


def test_a_visit_that_is_deleted_while_it_is_followed_leaves_the_others_shown(opened, scene):
    opened.ui.sideBySideButton.setChecked(False)
    select(opened, scene, 0)
    slicer.mrmlScene.RemoveNode(scene.reviews[0])
    opened.settle(0.3)
    assert isShown(scene.segmentations[1])


def live(opened):
    return LiveView(slicer.mrmlScene, opened.panels.layout)


def job(scene, number):
    return SimpleNamespace(case=SimpleNamespace(followup=scene.followups[number], priorSegmentation=scene.priorSegmentation), reviewNode=scene.reviews[number])


def test_a_run_shows_the_visit_that_it_draws_alone_and_everything_as_it_was_afterwards(opened, scene):
    slicer.util.setSliceViewerLayers(background=scene.prior)
    select(opened, scene, 0)
    view = live(opened)
    view.makeRoom(opened.ui.sideBySideButton)
    before = [shown(scene, number)[0] for number in (0, 1)]
    assert before == [True, True], "nothing is hidden between the review and the run"
    for number in (0, 1):
        view.follow(job(scene, number), 12)
        assert shown(scene, number)[0] and shown(scene, 1 - number) == (False, False) and not isShown(scene.priorSegmentation)
        assert set(backgrounds().values()) == {scene.followups[number].GetID()}
    view.stop()
    assert [shown(scene, number)[0] for number in (0, 1)] == before and isShown(scene.priorSegmentation)
    assert set(backgrounds().values()) == {scene.prior.GetID()}


def test_a_slice_that_the_person_chooses_during_a_run_keeps_the_views(opened, scene):
    opened.ui.sideBySideButton.setChecked(False)
    view = live(opened)
    view.makeRoom(opened.ui.sideBySideButton)
    view.follow(job(scene, 1), 12)
    select(opened, scene, 0)
    view._last = 0.0
    view.follow(job(scene, 1), 13)
    assert shown(scene, 0) == (True, True) and shown(scene, 1) == (False, False)
    assert set(backgrounds().values()) == {scene.followups[0].GetID()}
    view.stop()
    assert shown(scene, 0) == (True, True) and shown(scene, 1) == (False, False)
    assert set(backgrounds().values()) == {scene.followups[0].GetID()}


def test_after_a_run_the_slice_that_was_current_before_is_followed_again(opened, scene):
    opened.ui.sideBySideButton.setChecked(False)
    opened.panels.showVisit(scene.reviews[0])
    opened.settle()
    view = live(opened)
    view.makeRoom(opened.ui.sideBySideButton)
    view.follow(job(scene, 1), 12)
    view.stop()
    opened.panels.showVisit(scene.reviews[0])
    opened.settle()
    assert shown(scene, 0)[0] and not shown(scene, 1)[0]
    assert set(backgrounds().values()) == {scene.followups[0].GetID()}


def green():
    """Pixels of the follow-up's view in the full colour of positive points."""
    return int((np.abs(pixels("P2SAMFollowup").astype(int) - (26, 204, 64)).max(axis=-1) < 20).sum())


def kept(node, structure, index):
    review = MRMLReview.load(node)
    one = review.slice(structure, index)
    one.kind = "tracked prior"
    MRMLReview.save(slicer.mrmlScene, node, review)


def test_points_that_were_not_used_for_the_contour_are_dim_and_the_panel_says_so(opened, scene):
    kept(scene.reviews[0], "GTV", 13)
    select(opened, scene, 0, 13)
    positive, negative = (one.GetDisplayNode() for one in ReviewNodes(scene.reviews[0]).lists("GTV"))
    assert positive.GetOpacity() == negative.GetOpacity() < 0.5 and green() == 0
    assert "not used for this contour" in opened.ui.correctLabel.text and "shown dim" in opened.ui.detailLabel.text
    select(opened, scene, 0, 12)
    assert positive.GetOpacity() == 1 and green() > 50
    assert "its points" in opened.ui.correctLabel.text and "not used" not in opened.ui.detailLabel.text


def test_points_grow_dim_by_scrolling_too_and_bright_when_the_slice_is_drawn_from_them(opened, scene):
    kept(scene.reviews[0], "GTV", 13)
    select(opened, scene, 0, 12)
    positive = ReviewNodes(scene.reviews[0]).lists("GTV")[0].GetDisplayNode()
    opened.current.set(scene.reviews[0], "GTV", 13, "view")
    opened.settle()
    assert positive.GetOpacity() < 0.5
    review = MRMLReview.load(scene.reviews[0])
    review.slice("GTV", 13).kind = "corrected"
    MRMLReview.save(slicer.mrmlScene, scene.reviews[0], review)
    opened.settle()
    assert positive.GetOpacity() == 1


def test_a_scene_saved_during_review_is_saved_with_bright_points(opened, scene):
    kept(scene.reviews[0], "GTV", 13)
    select(opened, scene, 0, 13)
    positive = ReviewNodes(scene.reviews[0]).lists("GTV")[0].GetDisplayNode()
    slicer.mrmlScene.StartState(slicer.mrmlScene.SaveState)
    saved = positive.GetOpacity()
    slicer.mrmlScene.EndState(slicer.mrmlScene.SaveState)
    assert saved == 1 and positive.GetOpacity() < 0.5
