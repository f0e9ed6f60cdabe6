"""The checks under the visits and the reason why Propagate is not available."""

import numpy as np
import pytest
import slicer
from P2SAMSlicerLib import Checks
from P2SAMSlicerLib.Checks import visitChecks, whyNot
from review_case import SHAPE, addSegmentation, addVolume, obliqueMatrix, toVtk


class Choice:
    """What a person chose in the panel; every part can be changed."""

    def __init__(self, scene):
        self.scene = scene
        self.prior, self.followup = addVolume(scene, "CT 1"), addVolume(scene, "CT 2")
        self.segmentation = addSegmentation(scene, self.prior)
        self.ids = ["Segment_1"]
        self.followups = [self.followup]

    def know(self, node, **attributes):
        """Give a volume what Slicer's DICOM module writes into its branch."""
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.scene)
        item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
        if "series" in attributes:
            hierarchy.SetItemUID(item, "DICOM", attributes.pop("series"))
        for name, value in attributes.items():
            hierarchy.SetItemAttribute(item, f"DICOM.{name}", value)

    def checks(self, alignment=""):
        return visitChecks(self.prior, self.segmentation, self.ids, self.followups, alignment)

    def whyNot(self, **more):
        return whyNot(self.prior, self.segmentation, self.ids, self.followups, **more)

    def about(self, topic, alignment=""):
        """(level, text) of the only check of a topic."""
        ((level, text),) = [(check.level, check.text) for check in self.checks(alignment) if check.topic == topic]
        return level, text


@pytest.fixture
def choice(scene):
    return Choice(scene)


@pytest.fixture
def known(choice):
    """Both scans with a full branch of one patient."""
    choice.know(choice.prior, PatientID="A1", StudyDate="20260101", Modality="CT", FrameOfReferenceUID="1.2.3", series="1.1")
    choice.know(choice.followup, PatientID="A1", StudyDate="20260213", Modality="CT", FrameOfReferenceUID="1.2.3", series="1.2")
    return choice


def test_a_good_choice_has_no_reason_against_it(known):
    assert known.whyNot() is None and {check.level for check in known.checks()} == {"ok"}


def test_a_choice_without_dicom_is_allowed_and_told_to_be_looked_at(choice):
    assert choice.whyNot() is None
    level, text = choice.about("patient")
    assert level == "warning" and "not recorded" in text and "'CT 2'" in text


def test_every_line_of_a_known_pair_says_what_was_compared(known):
    assert known.about("patient") == ("ok", "'CT 2': same patient (A1).")
    assert known.about("dates") == ("ok", "'CT 2': 43 days after the prior (2026-02-13).")
    assert known.about("frame of reference") == ("ok", "'CT 2': same frame of reference.")
    assert known.about("spacing") == ("ok", "'CT 2': 0.9 × 1.3 × 3.1 mm voxels.")
    assert [check.text for check in known.checks() if check.topic == "modality"] == ["'CT 1': CT.", "'CT 2': CT."]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: setattr(one, "prior", None), "Choose the prior volume"),
        (lambda one: setattr(one, "segmentation", None), "Choose the prior segmentation"),
        (lambda one: one.segmentation.GetSegmentation().RemoveAllSegments(), "'contours' has no segments"),
        (lambda one: setattr(one, "ids", []), "Tick at least one segment of 'contours'"),
        (lambda one: setattr(one, "followups", []), "Tick at least one follow-up CT"),
        (lambda one: setattr(one, "followups", [None]), "no longer in the scene"),
        (lambda one: setattr(one, "followups", [one.followup, one.prior]), "'CT 1' is both the prior and a follow-up"),
        (lambda one: setattr(one, "ids", ["Segment_1", "gone"]), "'gone' is no longer in 'contours'"),
        (lambda one: one.know(one.followup, Modality="MR"), "'CT 2' is MR, not CT"),
        (lambda one: one.know(one.prior, Modality="PT"), "'CT 1' is PT, not CT"),
        (lambda one: one.followup.SetAndObserveImageData(None), "'CT 2' has no voxels"),
        (lambda one: one.prior.SetAndObserveImageData(None), "'CT 1' has no voxels"),
    ],
)
def test_what_is_missing_or_wrong_is_said_with_the_way_out(known, change, words):
    change(known)
    reason = known.whyNot()
    assert reason is not None and words in reason and reason.endswith(".")


def test_an_empty_scene_has_a_reason_and_no_checks():
    assert "prior volume" in whyNot(None, None, [], []) and visitChecks(None, None, [], []) == []
    assert visitChecks(None, None, None, None) == [] and whyNot(None, None, None, None)


def test_nodes_that_are_there_but_empty_are_no_crash(scene):
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "nothing")
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "none")
    assert [check.level for check in visitChecks(volume, segmentation, ["a"], [volume, None])] == ["error", "error"]
    assert "has no segments" in whyNot(volume, segmentation, ["a"], [volume])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (lambda array: array * 0 + 7, "every voxel is 7"),
        (lambda array: array.clip(-3000, -990) - 20, "no Hounsfield units"),
        (lambda array: array.clip(0, 60), "no Hounsfield units"),
        (lambda array: array + 1024, "no Hounsfield units"),
    ],
)
def test_values_that_are_no_hounsfield_units_are_refused_as_the_command_line_does(known, values, words):
    from p2sam.errors import InputError
    from p2sam.files.images import check_ct
    from p2sam.volume import Volume

    array = values(slicer.util.arrayFromVolume(known.followup).astype(np.int16))
    slicer.util.updateVolumeFromArray(known.followup, array)
    assert words in known.whyNot()
    with pytest.raises(InputError):
        check_ct(Volume(array, obliqueMatrix(), {"source": "CT 2"}))


def test_a_ct_of_a_small_field_without_air_is_allowed(known):
    array = slicer.util.arrayFromVolume(known.followup).clip(-90, 900)
    slicer.util.updateVolumeFromArray(known.followup, (np.where(array == -90, 20, array) + (np.indices(SHAPE).sum(axis=0) % 7 == 0) * 300).astype(np.int16))
    assert known.whyNot() is None


def test_a_label_map_is_no_ct(known, scene):
    labels = addVolume(scene, "labels", className="vtkMRMLLabelMapVolumeNode")
    known.followups = [labels]
    assert "'labels' is a label map" in known.whyNot()


def test_a_single_slice_is_no_volume(known, scene):
    known.followups = [addVolume(scene, "scout", shape=(1, 37, 52))]
    assert "'scout' is a single slice" in known.whyNot()


def test_an_empty_segment_is_named(known):
    segmentation = addSegmentation(known.scene, known.prior, masks={"Segment_1": np.ones(SHAPE), "Segment_2": np.zeros(SHAPE)})
    known.segmentation, known.ids = segmentation, ["Segment_1", "Segment_2"]
    assert "The segment 'Segment 2' of 'contours' is empty" in known.whyNot()
    known.ids = ["Segment_1"]
    assert known.whyNot() is None


def test_a_segment_whose_voxels_were_all_erased_is_empty(known):
    image = known.segmentation.GetSegmentation().GetSegment("Segment_1").GetRepresentation("Binary labelmap")
    image.GetPointData().GetScalars().Fill(0)
    assert "is empty" in known.whyNot()
    image.GetPointData().GetScalars().SetTuple1(5000, 1)
    assert known.whyNot() is None


def test_segments_that_share_a_labelmap_are_told_apart_by_their_value(known):
    segmentation = known.segmentation.GetSegmentation()
    shared = segmentation.GetSegment("Segment_1").GetRepresentation("Binary labelmap")
    other = slicer.vtkSegment()
    other.SetName("other")
    other.SetLabelValue(2)
    other.AddRepresentation("Binary labelmap", shared)
    segmentation.AddSegment(other, "other")
    assert Checks.emptySegments(known.segmentation, ["Segment_1", "other"]) == ["other"]
    shared.GetPointData().GetScalars().SetTuple1(7, 2)
    assert Checks.emptySegments(known.segmentation, ["Segment_1", "other"]) == []


def test_a_surface_counts_as_something(known):
    import vtk

    node = known.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "surfaces")
    node.GetSegmentation().SetSourceRepresentationName("Closed surface")
    for name, radius in (("ball", 5), ("nothing", 0)):
        source = vtk.vtkSphereSource()
        source.SetRadius(radius)
        source.SetCenter(*(obliqueMatrix() @ [26, 18, 7, 1])[:3])
        source.Update()
        segment = slicer.vtkSegment()
        segment.AddRepresentation("Closed surface", source.GetOutput() if radius else vtk.vtkPolyData())
        node.GetSegmentation().AddSegment(segment, name)
    assert Checks.emptySegments(node, ["ball", "nothing"]) == ["nothing"]


def test_a_segmentation_of_another_place_is_refused_and_its_transform_is_honoured(known):
    transform = known.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "far")
    matrix = np.eye(4)
    matrix[:3, 3] = (0, 900, 0)
    transform.SetMatrixTransformToParent(toVtk(matrix))
    known.segmentation.SetAndObserveTransformNodeID(transform.GetID())
    assert "lies outside the prior volume 'CT 1'" in known.whyNot()
    known.prior.SetAndObserveTransformNodeID(transform.GetID())
    assert known.whyNot() is None


def test_a_transform_that_bends_is_a_sentence(known):
    import vtk

    transform = known.scene.AddNewNodeByClass("vtkMRMLTransformNode", "bent")
    spline = vtk.vtkThinPlateSplineTransform()
    transform.SetAndObserveTransformToParent(spline)
    known.followup.SetAndObserveTransformNodeID(transform.GetID())
    assert "non-linear transform 'bent'" in known.whyNot()


def test_another_patient_is_refused_unless_that_is_allowed(known):
    known.know(known.followup, PatientID="B2")
    level, text = known.about("patient")
    assert level == "error" and "'A1'" in text and "'B2'" in text
    assert known.whyNot() == text and known.whyNot(allowOtherPatient=True) is None


def test_a_follow_up_before_the_prior_is_a_warning_and_not_a_refusal(known):
    known.know(known.followup, StudyDate="20251224")
    level, text = known.about("dates")
    assert level == "warning" and "8 days before the prior (2025-12-24, 2026-01-01)" in text and known.whyNot() is None
    known.know(known.followup, StudyDate="20260101")
    assert "same day" in known.about("dates")[1]


@pytest.mark.parametrize("date", ["", "2026", "20261399", "unknown"])
def test_a_date_that_is_none_is_passed_over(known, date):
    known.know(known.followup, StudyDate=date)
    assert not [check for check in known.checks() if check.topic == "dates"]


def test_other_frames_of_reference_are_usual_and_only_wrong_without_alignment(known):
    known.know(known.followup, FrameOfReferenceUID="9.9")
    assert known.about("frame of reference", "deformable")[0] == "ok" and known.whyNot(alignment="deformable") is None
    assert known.about("frame of reference", "none")[0] == "error" and "another alignment" in known.whyNot(alignment="none")


def test_the_same_series_is_told_for_the_prior_and_among_the_follow_ups(known):
    known.know(known.followup, series="1.1")
    assert known.about("series")[0] == "warning" and "the same series as the prior" in known.about("series")[1]
    known.know(known.followup, series="1.2")
    known.followups.append(addVolume(known.scene, "CT 3"))
    known.know(known.followups[1], series="1.2", PatientID="A1")
    assert known.about("series") == ("warning", "'CT 3' and 'CT 2' are the same series; one of them is enough.")


def test_much_thicker_slices_are_a_warning(known, scene):
    known.followups = [addVolume(scene, "thick", matrix=obliqueMatrix(spacing=(0.9, 1.3, 7.0)))]
    level, text = known.about("spacing")
    assert level == "warning" and "2.3 times coarser" in text


def test_the_result_must_not_go_into_the_prior_segmentation(known):
    assert "would go into the prior segmentation 'contours'" in known.whyNot(into=known.segmentation)
    assert known.whyNot(into=addSegmentation(known.scene, known.followup, "other")) is None


def test_a_run_and_reasons_from_elsewhere_are_told_too(known):
    assert "A run is going on" in known.whyNot(running=True)
    assert known.whyNot(also=(None, "", "Download the model first.", "Later.")) == "Download the model first."


def test_checks_are_fast_enough_for_every_click(scene):
    import time

    array = np.full((120, 384, 401), -1000, dtype=np.int16)
    array[:, 90:300, 90:300] = 20
    array[:, 90:300, 60:90] = -80
    prior, followup = addVolume(scene, "CT 1", array=array), addVolume(scene, "CT 2", array=array)
    masks = {f"Segment_{number}": np.zeros(array.shape, dtype=np.uint8) for number in range(3)}
    for mask in masks.values():
        mask[60:80, 120:200, 120:200] = 1
    segmentation = addSegmentation(scene, prior, masks=masks)
    whyNot(prior, segmentation, list(masks), [followup])
    start = time.perf_counter()
    assert whyNot(prior, segmentation, list(masks), [followup]) is None
    seconds = time.perf_counter() - start
    assert seconds < 0.15, f"{seconds:.3f} s"


def test_axes_that_slicer_will_turn_round_are_a_warning(known, scene):
    matrix = obliqueMatrix()
    assert np.linalg.det(matrix[:3, :3]) > 0 and not [check for check in known.checks() if check.topic == "axes"]
    known.followups = [addVolume(scene, "left", matrix=matrix @ np.diag([1, 1, -1, 1]))]
    level, text = known.about("axes")
    assert level == "warning" and "'left' are left-handed" in text and "load it again" in text
