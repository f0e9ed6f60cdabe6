"""Writing into a segmentation someone chose: the Segment Editor's masking, overwrite mode and locks are kept.

What is allowed is compared with what the Segment Editor's own logic does on a twin of the segmentation.
"""

import numpy as np
import pytest
import slicer
from p2sam.errors import StructureError
from P2SAMSlicerLib.MRMLSegmentations import (
    UserAction,
    addSegment,
    editableRegion,
    readMask,
    setLocked,
    writeHonouring,
    writeSlices,
    writeSlicesHonouring,
)
from segment_scene import GEOMETRIES, SHAPE, add_shared, add_volume, ball, matrix, matrix_of, noise, oriented_image, same_voxels

EDITOR, NODE = slicer.vtkMRMLSegmentEditorNode, slicer.vtkMRMLSegmentationNode
MODES = [name for name in dir(NODE) if name.startswith("EditAllowed") and name != "EditAllowed_Last"]
OVERWRITE = ("OverwriteAllSegments", "OverwriteVisibleSegments", "OverwriteNone")
DRAWN = {"heart": ball(centre=(4, 5, 6)), "lung": noise(21) & ~ball(centre=(4, 5, 6)), "tumour": np.zeros(SHAPE, bool)}
DRAWN["tumour"][2:5, 9:12, 12:16] = True
DRAWN["lung"] &= ~DRAWN["tumour"]
NEW = noise(22, part=0.5)


@pytest.fixture(params=["oblique and left-handed", "sagittal"])
def volume(scene, request):
    return add_volume(scene, GEOMETRIES[request.param])


def chosen(scene, volume):
    """A segmentation that was drawn in the Segment Editor; the lung is hidden."""
    node = add_shared(scene, volume, DRAWN)
    node.GetDisplayNode().SetSegmentVisibility("lung", False)
    return node


def editor_of(scene, segmentation, volume, mask_mode="EditAllowedEverywhere", overwrite="OverwriteNone", low_high=None):
    node = scene.AddNode(EDITOR())
    node.SetAndObserveSegmentationNode(segmentation)
    node.SetAndObserveSourceVolumeNode(volume)
    node.SetSelectedSegmentID("tumour")
    node.SetMaskMode(getattr(NODE, mask_mode))
    node.SetMaskSegmentID("heart")
    node.SetOverwriteMode(getattr(EDITOR, overwrite))
    if low_high:
        node.SetSourceVolumeIntensityMask(True)
        node.SetSourceVolumeIntensityMaskRange(*low_high)
    return node


def edited_in_slicer(scene, volume, mask, **options):
    """{id: voxels} after the Segment Editor's own logic set the tumour to a mask, on a twin."""
    twin = chosen(scene, volume)
    logic = slicer.vtkSlicerSegmentEditorLogic()
    logic.SetMRMLScene(scene)
    logic.SetSegmentEditorNode(editor_of(scene, twin, volume, **options))
    logic.ResetModifierLabelmapToDefault()
    modifier = oriented_image(mask, matrix_of(volume))
    logic.ModifySegmentByLabelmap(twin, "tumour", modifier, logic.ModificationModeSet, False, False)
    return {one: readMask(twin, one, volume) for one in DRAWN}


def voxels(node, volume):
    return {one: readMask(node, one, volume) for one in DRAWN}


def same(found, expected):
    return all(np.array_equal(found[one], expected[one]) for one in expected)


@pytest.mark.parametrize("low_high", [None, (300, 1700)], ids=["any intensity", "intensity range"])
@pytest.mark.parametrize("mask_mode", MODES)
def test_masking_allows_what_the_segment_editor_allows(scene, volume, mask_mode, low_high):
    node = chosen(scene, volume)
    written = writeHonouring(editor_of(scene, node, volume, mask_mode, low_high=low_high), node, "tumour", NEW, volume)
    expected = edited_in_slicer(scene, volume, NEW, mask_mode=mask_mode, low_high=low_high)
    assert same(voxels(node, volume), expected)
    assert np.array_equal(written, expected["tumour"])
    if mask_mode != "EditAllowedEverywhere" or low_high:
        assert not np.array_equal(written, NEW), "the mask kept something out"


@pytest.mark.parametrize("overwrite", OVERWRITE)
def test_segments_of_the_same_run_lose_voxels_as_the_overwrite_mode_says(scene, volume, overwrite):
    node = chosen(scene, volume)
    writeHonouring(editor_of(scene, node, volume, overwrite=overwrite), node, "tumour", NEW, volume, mayOverwrite=("heart", "lung"))
    assert same(voxels(node, volume), edited_in_slicer(scene, volume, NEW, overwrite=overwrite))


@pytest.mark.parametrize("overwrite", OVERWRITE)
def test_segments_of_others_are_never_touched_and_the_new_contour_gives_way(scene, volume, overwrite):
    node = chosen(scene, volume)
    written = writeHonouring(editor_of(scene, node, volume, overwrite=overwrite), node, "tumour", NEW, volume)
    barred = {"OverwriteAllSegments": DRAWN["heart"] | DRAWN["lung"], "OverwriteVisibleSegments": DRAWN["heart"]}
    assert np.array_equal(written, NEW & ~barred.get(overwrite, np.zeros(SHAPE, bool)))
    assert same_voxels(node, volume, {**DRAWN, "tumour": written})


def test_without_an_editor_the_segment_editors_defaults_hold(scene, volume):
    node = chosen(scene, volume)
    written = writeHonouring(None, node, "tumour", NEW, volume)
    assert np.array_equal(written, NEW & ~DRAWN["heart"] & ~DRAWN["lung"])


def test_a_locked_segment_keeps_its_voxels_even_in_the_same_run(scene, volume):
    node = chosen(scene, volume)
    setLocked(node, "heart", True)
    editor = editor_of(scene, node, volume, overwrite="OverwriteAllSegments")
    written = writeHonouring(editor, node, "tumour", NEW, volume, mayOverwrite=("heart", "lung"))
    expected = {"heart": DRAWN["heart"], "lung": DRAWN["lung"] & ~written, "tumour": NEW & ~DRAWN["heart"]}
    assert same(voxels(node, volume), expected)
    with pytest.raises(StructureError, match="is locked"):
        writeHonouring(editor, node, "heart", NEW, volume)


def test_an_intensity_range_of_another_volume_is_read_on_the_follow_ups_grid(scene, volume):
    coarse = add_volume(scene, matrix(np.eye(3), (4, 4, 4), (-60, -40, 0)), (30, 30, 30), "PET", np.zeros((30, 30, 30), np.float32))
    node = chosen(scene, volume)
    editor = editor_of(scene, node, coarse, low_high=(1, 2))
    assert not editableRegion(editor, node, "tumour", volume).any()
    editor.SetSourceVolumeIntensityMaskRange(-1, 1)
    assert editableRegion(editor, node, "tumour", volume).all()


def test_visible_modes_count_every_segment_where_nothing_says_which_are_shown(scene, volume):
    node = chosen(scene, volume)
    node.RemoveAllDisplayNodeIDs()
    region = editableRegion(editor_of(scene, node, volume, "EditAllowedOutsideVisibleSegments"), node, "tumour", volume)
    assert np.array_equal(region, ~(DRAWN["heart"] | DRAWN["lung"]))


def test_slices_drawn_during_a_run_keep_to_the_same_region(scene, volume):
    node = chosen(scene, volume)
    editor = editor_of(scene, node, volume, "EditAllowedInsideSingleSegment")
    region = editableRegion(editor, node, "tumour", volume)
    for index in range(SHAPE[1]):
        writeSlices(node, volume, "tumour", {index: NEW[:, index]}, 1, editable=region)
    expected = edited_in_slicer(scene, volume, NEW, mask_mode="EditAllowedInsideSingleSegment")
    assert same(voxels(node, volume), expected)


@pytest.mark.parametrize("low_high", [None, (300, 1700)], ids=["any intensity", "intensity range"])
@pytest.mark.parametrize("overwrite", OVERWRITE)
@pytest.mark.parametrize("axis", [0, 2])
def test_slices_written_one_by_one_end_as_the_whole_does(scene, volume, overwrite, low_high, axis):
    whole, node = chosen(scene, volume), chosen(scene, volume)
    options = {"mask_mode": "EditAllowedOutsideVisibleSegments", "overwrite": overwrite, "low_high": low_high}
    written = writeHonouring(editor_of(scene, whole, volume, **options), whole, "tumour", NEW, volume, ("lung",))
    editor = editor_of(scene, node, volume, **options)
    for indices in (range(0, SHAPE[axis], 2), range(1, SHAPE[axis], 2)):
        masks = {index: np.take(NEW, index, axis=axis) for index in indices}
        now = writeSlicesHonouring(editor, node, volume, "tumour", masks, axis, ("lung",))
        assert all(np.array_equal(mask, np.take(written, index, axis=axis)) for index, mask in now.items())
    assert same(voxels(node, volume), voxels(whole, volume))


def test_slices_keep_to_an_intensity_range_of_another_volume_and_to_locks(scene, volume):
    ramp = np.arange(30, dtype=np.float32)[:, None, None] * np.ones((30, 30, 30), np.float32)
    coarse = add_volume(scene, matrix(np.eye(3), (4, 4, 4), (-60, -40, 0)), (30, 30, 30), "PET", ramp)
    whole, node = chosen(scene, volume), chosen(scene, volume)
    options = {"low_high": (10, 13), "overwrite": "OverwriteAllSegments"}
    written = writeHonouring(editor_of(scene, whole, coarse, **options), whole, "tumour", NEW, volume, ("lung", "heart"))
    assert written.any() and not np.array_equal(written, NEW)
    editor = editor_of(scene, node, coarse, **options)
    writeSlicesHonouring(editor, node, volume, "tumour", {index: NEW[:, index] for index in range(SHAPE[1])}, 1, ("lung", "heart"))
    assert same(voxels(node, volume), voxels(whole, volume))
    setLocked(node, "tumour", True)
    with pytest.raises(StructureError, match="is locked"):
        writeSlicesHonouring(editor, node, volume, "tumour", {1: NEW[1]}, 0)


def test_a_new_segment_in_a_chosen_segmentation_takes_no_voxel_from_others(scene, volume):
    node = chosen(scene, volume)
    one = addSegment(node, volume, "GTV", "tumour")
    writeHonouring(editor_of(scene, node, volume, overwrite="OverwriteAllSegments"), node, one, NEW, volume)
    assert same_voxels(node, volume, DRAWN)
    assert np.array_equal(readMask(node, one, volume), NEW & ~DRAWN["heart"] & ~DRAWN["lung"] & ~DRAWN["tumour"])


def test_undo_is_told_once_and_before_anything_changes(scene, volume):
    node, seen = chosen(scene, volume), []
    action = UserAction(lambda segmentation: seen.append(same(voxels(segmentation, volume), DRAWN)))
    editor = editor_of(scene, node, volume, overwrite="OverwriteAllSegments")
    writeHonouring(editor, node, "tumour", NEW, volume, mayOverwrite=("heart", "lung"), action=action)
    writeSlices(node, volume, "heart", {2: NEW[2]}, 0, action=action)
    assert seen == [True]
