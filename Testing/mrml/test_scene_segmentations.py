"""Segments written into a visit's segmentation and read back, voxel for voxel."""

import numpy as np
import pytest
import slicer
import vtk
from p2sam.errors import GeometryError, InputError, StructureError
from P2SAMSlicerLib.MRMLSegmentations import (
    addSegment,
    createResult,
    readMask,
    readSlice,
    setLocked,
    setStatus,
    statusOf,
    writeSegment,
    writeSlices,
)
from P2SAMSlicerLib.MRMLVolumes import volumeOf
from segment_scene import (
    GEOMETRIES,
    SHAPE,
    add_shared,
    add_transform,
    add_volume,
    ball,
    in_a_study,
    matrix,
    matrix_of,
    noise,
    oriented_image,
    same_voxels,
)

TERMINOLOGY = "Segmentation category and type - 3D Slicer General Anatomy list~SCT^123037004^Anatomical Structure~SCT^80891009^Heart~^^~~^^~^^"


@pytest.fixture(params=GEOMETRIES.values(), ids=GEOMETRIES)
def followup(scene, request):
    return add_volume(scene, request.param, name="CT week 3")


def test_a_result_is_named_after_the_volume_and_a_second_one_is_told_apart(scene, followup):
    assert createResult(scene, followup).GetName() == "CT week 3 P2SAM"
    assert createResult(scene, followup).GetName() == "CT week 3 P2SAM_1"
    assert createResult(scene, followup, "mine").GetName() == "mine"


def test_a_result_has_the_follow_ups_geometry_and_refers_to_it(scene, followup):
    node = createResult(scene, followup)
    assert node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole()) is followup
    numbers = [float(part) for part in node.GetSegmentation().GetConversionParameter("Reference image geometry").strip(";").split(";")]
    stored = next(one for one in GEOMETRIES.values() if np.allclose(np.reshape(numbers[:16], (4, 4)), one, atol=1e-9))
    assert stored is not None and numbers[16:] == [0, 18, 0, 13, 0, 8]


def test_a_result_stands_in_the_study_of_the_follow_up_and_refers_to_its_images(scene, followup):
    hierarchy, study = in_a_study(scene, followup)
    item = hierarchy.GetItemByDataNode(createResult(scene, followup))
    assert hierarchy.GetItemParent(item) == study
    assert hierarchy.GetItemAttribute(item, "DICOM.ReferencedInstanceUIDs") == "1.2.3.1 1.2.3.2"
    assert hierarchy.GetAttributeFromItemAncestor(item, "DICOM.PatientID", "Patient") == "LUNG1-001"


def test_a_result_lies_under_the_follow_ups_transform(scene, followup):
    moved = add_transform(scene)
    followup.SetAndObserveTransformNodeID(moved.GetID())
    node = createResult(scene, followup)
    assert node.GetParentTransformNode() is moved
    writeSegment(node, addSegment(node, followup, "one", "one"), ball(), followup)
    shown = np.zeros(3)
    node.GetSegmentCenterRAS("one", shown)
    np.testing.assert_allclose(shown, (volumeOf(followup)[1] @ [9, 6, 4, 1])[:3], atol=1e-6)


def test_a_follow_up_that_is_not_shown_gets_a_result_all_the_same(scene, followup):
    followup.RemoveAllDisplayNodeIDs()
    node = createResult(scene, followup)
    one = addSegment(node, followup, "one")
    writeSlices(node, followup, one, {3: noise(1)[3]}, 0)
    assert node.GetDisplayNode().GetSegmentVisibility(one) and np.array_equal(readMask(node, one, followup)[3], noise(1)[3])


def test_what_is_written_is_what_slicer_holds_and_what_is_read(scene, followup):
    node = createResult(scene, followup)
    masks = {addSegment(node, followup, str(seed), f"S{seed}"): noise(seed) for seed in (1, 2, 3)}
    for segment_id, mask in masks.items():
        writeSegment(node, segment_id, mask, followup)
    assert (noise(1) & noise(2)).any(), "the segments overlap"
    assert same_voxels(node, followup, masks)
    assert all(np.array_equal(readMask(node, one, followup), mask) for one, mask in masks.items())
    for axis in range(3):
        assert np.array_equal(readSlice(node, "S2", followup, 4, axis), np.take(masks["S2"], 4, axis=axis))


def test_names_colours_and_terminology_are_kept(scene, followup):
    node = createResult(scene, followup)
    segment = node.GetSegmentation().GetSegment(addSegment(node, followup, "Herz", "Segment_7", (0.8, 0.1, 0.25), TERMINOLOGY))
    assert segment.GetName() == "Herz" and segment.GetColor() == pytest.approx((0.8, 0.1, 0.25))
    tag = vtk.reference("")
    assert segment.GetTag("TerminologyEntry", tag) and str(tag) == TERMINOLOGY


def test_an_id_that_is_taken_gives_another_and_leaves_the_first_segment_alone(scene, followup):
    node = add_shared(scene, followup, {"Segment_1": noise(4)})
    second = addSegment(node, followup, "new", "Segment_1")
    assert second not in ("", "Segment_1")
    writeSegment(node, second, noise(5), followup)
    assert same_voxels(node, followup, {"Segment_1": noise(4), second: noise(5)})


@pytest.mark.parametrize("voxels", [0, 1, np.prod(SHAPE)])
def test_empty_full_and_one_voxel_segments_come_back(scene, followup, voxels):
    node = createResult(scene, followup)
    one = addSegment(node, followup, "one")
    assert not readMask(node, one, followup).any() and not readSlice(node, one, followup, 3, 0).any()
    mask = np.zeros(SHAPE, dtype=bool)
    mask.flat[len(mask.flat) - int(voxels) :] = True
    writeSegment(node, one, noise(6), followup)
    writeSegment(node, one, mask, followup)
    assert np.array_equal(readMask(node, one, followup), mask) and same_voxels(node, followup, {one: mask})


def test_segments_that_share_a_labelmap_are_written_without_touching_each_other(scene, followup):
    first = noise(7) & ~ball()
    masks = {"a": first & (np.indices(SHAPE)[2] < 9), "b": first & (np.indices(SHAPE)[2] >= 9), "c": ball(radius=(2, 2, 2))}
    node = add_shared(scene, followup, masks)
    assert node.GetSegmentation().GetNumberOfLayers() == 1, "they share"
    masks["b"] = noise(8)
    writeSegment(node, "b", masks["b"], followup)
    assert same_voxels(node, followup, masks)
    masks["c"][4] = noise(9)[4]
    writeSlices(node, followup, "c", {4: masks["c"][4]}, 0)
    assert same_voxels(node, followup, masks)


def test_writing_into_a_segmentation_of_another_grid_and_another_transform_lands_on_the_images(scene, followup):
    other = add_volume(scene, matrix(np.eye(3), (2, 2, 2), (-40, 0, 30)), (20, 20, 20), "other")
    node = add_shared(scene, other, {"theirs": noise(3, (20, 20, 20))})
    node.SetAndObserveTransformNodeID(add_transform(scene).GetID())
    one = addSegment(node, followup, "ours")
    writeSegment(node, one, noise(2), followup)
    assert np.array_equal(readMask(node, one, followup), noise(2))
    writeSlices(node, followup, one, {2: noise(5)[2]}, 0)
    assert np.array_equal(readMask(node, one, followup)[2], noise(5)[2]) and np.array_equal(readMask(node, one, followup)[3:], noise(2)[3:])
    assert same_voxels(node, other, {"theirs": noise(3, (20, 20, 20))}), "the drawn segment kept its voxels and its grid"


def test_a_cropped_and_flipped_labelmap_is_read_one_to_one(scene, followup):
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = 12  # i of the labelmap runs down from 12
    part = noise(11, (4, 6, 8))
    node = createResult(scene, followup)
    node.AddSegmentFromBinaryLabelmapRepresentation(oriented_image(part, matrix_of(followup) @ flip, (0, 2, 3)), "cropped", [1, 0, 0], "cropped")
    expected = np.zeros(SHAPE, dtype=bool)
    expected[3:7, 2:8, 5:13] = part[:, :, ::-1]
    assert np.array_equal(readMask(node, "cropped", followup), expected)
    for axis, index in ((0, 4), (1, 7), (2, 5), (2, 0)):
        assert np.array_equal(readSlice(node, "cropped", followup, index, axis), np.take(expected, index, axis=axis))
    expected[5] = noise(1)[5]
    writeSlices(node, followup, "cropped", {5: expected[5]}, 0)
    assert np.array_equal(readMask(node, "cropped", followup), expected)


def test_status_is_slicers_own_and_saved_as_its_tag(scene, followup):
    node = createResult(scene, followup)
    one, logic = addSegment(node, followup, "one"), slicer.vtkSlicerSegmentationsModuleLogic
    assert statusOf(node, one) == "NotStarted"
    for name in ("InProgress", "Completed", "Flagged", "NotStarted"):
        setStatus(node, one, name)
        assert statusOf(node, one) == name
        assert logic.GetSegmentStatus(node.GetSegmentation().GetSegment(one)) == getattr(logic, name)
    setStatus(node, one, logic.Completed)
    assert statusOf(node, one) == "Completed"
    with pytest.raises(InputError, match="no status 'accepted'; it can be NotStarted, InProgress"):
        setStatus(node, one, "accepted")


def test_a_locked_segment_is_not_written(scene, followup):
    node = createResult(scene, followup)
    one = addSegment(node, followup, "approved heart")
    writeSegment(node, one, noise(1), followup)
    setLocked(node, one, True)
    for write in (lambda: writeSegment(node, one, noise(2), followup), lambda: writeSlices(node, followup, one, {1: noise(2)[1]}, 0)):
        with pytest.raises(StructureError, match="'approved heart' of 'CT week 3 P2SAM' is locked"):
            write()
    assert np.array_equal(readMask(node, one, followup), noise(1))
    setLocked(node, one, False)
    writeSegment(node, one, noise(2), followup)


def test_wrong_ids_shapes_and_slices_are_sentences_and_change_nothing(scene, followup):
    node = createResult(scene, followup)
    one = addSegment(node, followup, "one")
    writeSegment(node, one, noise(1), followup)
    with pytest.raises(StructureError, match="no segment 'gone' any more"):
        readMask(node, "gone", followup)
    with pytest.raises(StructureError, match="no segment 'gone' any more"):
        writeSegment(node, "gone", noise(1), followup)
    with pytest.raises(GeometryError, match=r"\(9, 14\) does not fit the images, which have shape \(9, 14, 19\)"):
        writeSegment(node, one, noise(1)[:, :, 0], followup)
    with pytest.raises(GeometryError, match="no slice 9 along axis 0"):
        writeSlices(node, followup, one, {3: noise(2)[3], 9: noise(2)[3]}, 0)
    with pytest.raises(GeometryError, match="no slice -1"):
        readSlice(node, one, followup, -1, 0)
    assert np.array_equal(readMask(node, one, followup), noise(1))


def test_a_segmentation_stored_as_surfaces_is_not_turned_into_voxels_behind_the_users_back(scene, followup):
    node = add_shared(scene, followup, {"theirs": ball()}, "surfaces")
    node.CreateClosedSurfaceRepresentation()
    node.SetSourceRepresentationToClosedSurface()
    with pytest.raises(InputError, match="'surfaces' is stored as 'Closed surface'"):
        addSegment(node, followup, "ours")
    assert node.GetSegmentation().GetNumberOfSegments() == 1
