"""Parts 1 and 3 of the panel: what can be chosen, what is checked, and each reason why Propagate is disabled."""

import pytest
import slicer
import vtk

from panel_driver import PanelDriver
from phantom_scene import PhantomScene
from P2SAMSlicerLib.ParameterNode import ParameterNode
from p2sam.settings import PRESETS, Settings


@pytest.fixture
def panel(module, wait):
    driver = PanelDriver(module, wait)
    yield driver
    driver.rest()


@pytest.fixture
def phantom(panel, scene):
    return PhantomScene(scene)


def test_an_empty_scene_offers_the_sample_patient_and_says_what_is_missing(panel):
    assert panel.ui.sampleButton.visible
    assert "prior volume" in panel.whyNot and panel.ui.whyNotLabel.text == panel.whyNot


def test_each_step_names_the_next_one(panel, phantom):
    panel.settle()
    assert not panel.ui.sampleButton.visible
    panel.ui.priorVolumeSelector.setCurrentNode(phantom.prior)
    assert "prior segmentation" in panel.whyNot
    panel.ui.priorSegmentationSelector.setCurrentNode(phantom.segmentation)
    assert "follow-up" in panel.whyNot
    panel.tickFollowup(phantom.followups[0])
    assert panel.whyNot is None and not panel.ui.whyNotLabel.visible
    panel.click(panel.ui.noSegmentsButton)
    assert "segment" in panel.whyNot
    panel.click(panel.ui.allSegmentsButton)
    assert panel.whyNot is None


def test_all_structures_of_a_new_segmentation_are_ticked_with_their_colours(panel, phantom):
    panel.choose(phantom)
    rows = [panel.ui.segmentsList.item(number) for number in range(panel.ui.segmentsList.count)]
    assert [row.text() for row in rows] == ["GTV", "Heart"]
    assert panel.panel.visitsPanel.segmentIds() == ["GTV", "Heart"]
    assert panel.ui.segmentsCountLabel.text == "2 of 2 ticked"
    panel.tickStructure("GTV", False)
    assert panel.panel.visitsPanel.segmentIds() == ["Heart"] and list(panel.panel.parameterNode.priorSegmentIds) == ["Heart"]


def test_follow_ups_are_listed_with_their_dates_earliest_first_and_without_the_prior(panel, phantom):
    panel.choose(phantom)
    tree = panel.ui.followupsTree
    rows = [(tree.topLevelItem(number).text(0), tree.topLevelItem(number).text(1)) for number in range(tree.topLevelItemCount)]
    assert rows == [("CT February", "2024-02-05"), ("CT March", "2024-03-11")]
    panel.ui.priorVolumeSelector.setCurrentNode(phantom.followups[0])
    names = {tree.topLevelItem(number).text(0) for number in range(tree.topLevelItemCount)}
    assert names == {"CT January", "CT March"}


def test_label_maps_and_hidden_volumes_are_no_visits(panel, phantom, scene):
    scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    phantom.followups[1].SetHideFromEditors(True)
    panel.settle()
    names = [panel.ui.followupsTree.topLevelItem(number).text(0) for number in range(panel.ui.followupsTree.topLevelItemCount)]
    assert "labels" not in names and "CT March" not in names


def test_checks_that_are_well_take_one_line(panel, phantom):
    for node in phantom.followups:  # as Slicer reads every volume from a file
        matrix = vtk.vtkMatrix4x4()
        node.GetIJKToRASMatrix(matrix)
        for row in range(3):
            matrix.SetElement(row, 2, -matrix.GetElement(row, 2))
        node.SetIJKToRASMatrix(matrix)
    panel.choose(phantom)
    text = panel.ui.checksLabel.text
    assert "same patient" in text and "dates in order" in text and "<br>" not in text


def test_another_patient_stops_propagate_and_says_so(panel, phantom):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(phantom.scene)
    other = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Somebody else")
    hierarchy.SetItemAttribute(other, "DICOM.PatientID", "OTHER")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(phantom.followups[0]), other)
    panel.choose(phantom, followups=[phantom.followups[0]])
    assert "patients differ" in panel.whyNot and "OTHER" in panel.ui.checksLabel.text and "✗" in panel.ui.checksLabel.text


def differ(phantom, *nodes, patient="ANON-7"):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(phantom.scene)
    other = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), patient)
    hierarchy.SetItemAttribute(other, "DICOM.PatientID", patient)
    for node in nodes:
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node), other)


def test_the_tick_that_it_is_the_same_patient_is_there_only_where_the_ids_differ(panel, phantom):
    panel.choose(phantom)
    assert not panel.ui.samePatientBox.visible
    differ(phantom, phantom.followups[0])
    panel.panel.refresh()
    assert panel.ui.samePatientBox.visible and not panel.ui.samePatientBox.checked and "patients differ" in panel.whyNot
    panel.ui.samePatientBox.setChecked(True)
    assert panel.whyNot is None and panel.ui.samePatientBox.visible
    assert "✗" not in panel.ui.checksLabel.text and "ANON-7" in panel.ui.checksLabel.text and "⚠" in panel.ui.checksLabel.text
    panel.tickFollowup(phantom.followups[0], False)
    assert panel.whyNot is None and not panel.ui.samePatientBox.visible


@pytest.mark.parametrize("change", ["another follow-up", "another patient", "another segmentation", "another scene"])
def test_what_was_said_of_the_patient_holds_for_these_inputs_only(panel, phantom, change):
    differ(phantom, *phantom.followups)
    panel.choose(phantom, followups=[phantom.followups[0]])
    panel.ui.samePatientBox.setChecked(True)
    assert panel.whyNot is None
    if change == "another follow-up":
        panel.tickFollowup(phantom.followups[1])
    elif change == "another patient":
        differ(phantom, phantom.followups[0], patient="ANON-8")
        panel.panel.refresh()
    elif change == "another segmentation":
        node = phantom.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "empty")
        panel.ui.priorSegmentationSelector.setCurrentNode(node)
        panel.ui.priorSegmentationSelector.setCurrentNode(phantom.segmentation)
    else:
        phantom.scene.Clear(0)
        panel.settle()
        assert not panel.ui.samePatientBox.visible and not panel.ui.samePatientBox.checked
        return
    assert "patients differ" in panel.whyNot and panel.ui.samePatientBox.visible and not panel.ui.samePatientBox.checked


def test_a_prior_of_a_later_date_is_a_warning_and_no_stop(panel, phantom):
    panel.choose(phantom)
    panel.ui.priorVolumeSelector.setCurrentNode(phantom.followups[1])
    panel.tickFollowup(phantom.prior)
    assert "⚠" in panel.ui.checksLabel.text and "before the prior" in panel.ui.checksLabel.text


def test_a_removed_follow_up_leaves_the_list_and_the_choice(panel, phantom):
    panel.choose(phantom)
    phantom.scene.RemoveNode(phantom.followups[0])
    panel.settle()
    assert [node.GetName() for node in panel.panel.visitsPanel.followups()] == ["CT March"] and panel.whyNot is None


def test_a_removed_prior_is_asked_for_again(panel, phantom):
    panel.choose(phantom)
    phantom.scene.RemoveNode(phantom.prior)
    panel.settle()
    assert "prior volume" in panel.whyNot


def test_the_prior_segmentation_cannot_be_written_into(panel, phantom):
    panel.choose(phantom)
    panel.ui.outputSelector.setCurrentNode(phantom.segmentation)
    assert "prior segmentation" in panel.whyNot


@pytest.mark.parametrize(("field", "text"), [("positiveCountsEdit", "3-"), ("positiveCountsEdit", "0"), ("negativeCountsEdit", ""), ("negativeCountsEdit", "2,2")])
def test_wrong_part_counts_are_named(panel, phantom, field, text):
    panel.choose(phantom)
    getattr(panel.ui, field).text = text
    assert panel.whyNot.startswith("Positive parts" if field.startswith("positive") else "Negative parts")
    assert panel.ui.settingsErrorLabel.text == panel.whyNot


def test_a_window_that_runs_backwards_is_named(panel, phantom):
    panel.choose(phantom)
    panel.ui.windowLowBox.value = 700
    assert "HU window" in panel.whyNot


def test_the_window_of_the_display_is_used_for_the_run(panel, phantom):
    panel.choose(phantom)
    phantom.prior.GetDisplayNode().SetAutoWindowLevel(False)
    phantom.prior.GetDisplayNode().SetWindowLevelMinMax(-150, 250)
    panel.ui.windowFromDisplayBox.checked = True
    assert panel.panel.settingsPanel.settings().window_hu == (-150, 250)
    assert not panel.ui.windowLowBox.enabled


def test_the_defaults_of_the_panel_are_those_of_the_settings(panel):
    assert panel.panel.settingsPanel.settings() == Settings()
    fields = {"retrieval": "retrieval", "cost": "cost", "alignment": "alignment", "preset": "preset", "boxMarginMm": "box_margin_mm", "reachMm": "reach_mm", "extentMm": "extent_mm", "trackMm": "track_mm"}
    defaults = Settings()
    assert {name: getattr(panel.panel.parameterNode, name) for name in fields} == {name: getattr(defaults, own) for name, own in fields.items()}
    assert isinstance(panel.panel.parameterNode, ParameterNode)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_shown_whole_and_given_back(panel, name):
    panel.panel.settingsPanel.choosePreset(name)
    assert panel.panel.settingsPanel.settings() == PRESETS[name]
    assert "changed" not in panel.ui.settingsButton.text and not panel.ui.resetButton.enabled


def test_reset_gives_the_preset_back(panel):
    panel.ui.reachBox.value = 21
    panel.ui.alignmentSelector.setCurrentIndex(0)
    assert panel.panel.settingsPanel.settings().reach_mm == 21 and panel.panel.settingsPanel.settings().alignment == "none"
    assert "changed" in panel.ui.settingsButton.text
    panel.click(panel.ui.resetButton)
    assert panel.panel.settingsPanel.settings() == Settings()


def test_the_prior_is_chosen_where_the_scene_leaves_no_doubt(panel, phantom):
    panel.settle()
    slicer.util.selectModule("SegmentEditor")
    slicer.util.selectModule("P2SAMSlicer")
    assert panel.panel.parameterNode.priorVolume is phantom.prior and panel.panel.parameterNode.priorSegmentation is phantom.segmentation
