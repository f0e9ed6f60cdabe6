"""Slices written one after the other: quick, exact, seen by views and undo, and nothing else changes."""

import time

import numpy as np
import pytest
import slicer
from P2SAMSlicerLib.MRMLSegmentations import UserAction, addSegment, createResult, readMask, readSlice, writeSegment, writeSlices
from segment_scene import GEOMETRIES, SHAPE, add_shared, add_volume, ball, matrix, noise, same_voxels

LARGE = (134, 512, 512)


@pytest.fixture
def followup(scene):
    return add_volume(scene, GEOMETRIES["oblique and left-handed"])


def slices_of(mask, axis, indices):
    return {index: np.take(mask, index, axis=axis) for index in indices}


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_in_any_order_along_any_axis_build_the_volume(scene, followup, axis):
    node = createResult(scene, followup)
    one, mask = addSegment(node, followup, "one"), noise(31)
    for index in np.random.default_rng(1).permutation(SHAPE[axis]):
        writeSlices(node, followup, one, slices_of(mask, axis, [int(index)]), axis)
        assert np.array_equal(readSlice(node, one, followup, int(index), axis), np.take(mask, index, axis=axis))
    assert same_voxels(node, followup, {one: mask})


def test_only_the_slices_given_change_and_an_empty_slice_clears(scene, followup):
    node = createResult(scene, followup)
    one, mask = addSegment(node, followup, "one"), noise(32)
    writeSegment(node, one, mask, followup)
    expected = mask.copy()
    expected[3], expected[6] = noise(33)[3], False
    writeSlices(node, followup, one, slices_of(expected, 0, [3, 6]), 0)
    assert same_voxels(node, followup, {one: expected})
    writeSlices(node, followup, one, {}, 0)
    assert same_voxels(node, followup, {one: expected})


def test_clearing_a_slice_of_an_empty_segment_does_nothing(scene, followup):
    node = createResult(scene, followup)
    one = addSegment(node, followup, "one")
    writeSlices(node, followup, one, {2: np.zeros(SHAPE[1:], bool)}, 0)
    assert not readMask(node, one, followup).any()


def test_a_slice_beyond_what_was_drawn_grows_the_labelmap_and_not_the_structure(scene, followup):
    node = add_shared(scene, followup, {"small": ball(radius=(1, 1, 1)), "other": ball(centre=(1, 1, 1), radius=(1, 1, 1))})
    corner = np.zeros(SHAPE[1:], bool)
    corner[-1, -1] = True
    writeSlices(node, followup, "small", {8: corner}, 0)
    expected = ball(radius=(1, 1, 1))
    expected[8] = corner
    assert same_voxels(node, followup, {"small": expected, "other": ball(centre=(1, 1, 1), radius=(1, 1, 1))})


def test_what_lies_beyond_the_images_is_kept(scene, followup):
    """A segmentation drawn on a larger scan of the same grid, into which slices of a smaller one are written."""
    larger = GEOMETRIES["oblique and left-handed"].copy()
    larger[:3, 3] = (larger @ [-4, -3, -2, 1])[:3]
    reference = add_volume(scene, larger, (14, 20, 27), "whole body")
    drawn = noise(34, (14, 20, 27))
    node = add_shared(scene, reference, {"one": drawn})
    writeSlices(node, followup, "one", {0: noise(35)[0], 5: noise(35)[5]}, 0)
    expected = drawn.copy()
    for index in (0, 5):
        expected[2 + index, 3 : 3 + SHAPE[1], 4 : 4 + SHAPE[2]] = noise(35)[index]
    assert same_voxels(node, reference, {"one": expected})


def test_views_are_told_of_every_slice_and_the_scene_knows_that_it_must_be_saved(scene, followup, tmp_path):
    node = createResult(scene, followup)
    node.AddDefaultStorageNode()
    node.GetStorageNode().SetFileName(str(tmp_path / "result.seg.nrrd"))
    one, told = addSegment(node, followup, "one"), []
    writeSegment(node, one, noise(1), followup)
    assert node.GetStorageNode().WriteData(node) and not node.GetModifiedSinceRead()
    for event in (slicer.vtkSegmentation.SourceRepresentationModified, slicer.vtkSegmentation.RepresentationModified):
        node.AddObserver(event, lambda caller, name, event=event: told.append(event))
    before = node.GetSegmentation().GetSegment(one).GetRepresentation("Binary labelmap").GetMTime()
    writeSlices(node, followup, one, {2: noise(2)[2]}, 0)
    assert len(told) == 2 and len(set(told)) == 2
    assert node.GetSegmentation().GetSegment(one).GetRepresentation("Binary labelmap").GetMTime() > before, "a view redraws by this time"
    assert node.GetModifiedSinceRead()


def test_the_segment_editors_undo_takes_back_all_slices_of_one_action_and_redo_brings_them_again(scene, followup):
    drawn = {"a": ball(), "b": noise(3) & ~ball()}
    node = add_shared(scene, followup, drawn)
    history = slicer.vtkSegmentationHistory()
    history.SetSegmentation(node.GetSegmentation())
    for seed in (41, 42):
        action = UserAction(lambda segmentation: history.SaveState())
        for index in (2, 3, 8):
            writeSlices(node, followup, "a", {index: noise(seed)[index]}, 0, action=action)
    second = readMask(node, "a", followup)
    first = ball()
    first[[2, 3, 8]] = noise(41)[[2, 3, 8]]
    assert not np.array_equal(second, first)
    history.RestorePreviousState()
    assert same_voxels(node, followup, {**drawn, "a": first})
    history.RestorePreviousState()
    assert same_voxels(node, followup, drawn) and not history.IsRestorePreviousStateAvailable()
    history.RestoreNextState()
    history.RestoreNextState()
    assert same_voxels(node, followup, {**drawn, "a": second})


def test_a_closed_surface_follows_at_once_or_when_the_last_slice_is_in(scene, followup):
    node = createResult(scene, followup)
    one, other = (addSegment(node, followup, name) for name in ("one", "other"))
    for segment in (one, other):
        writeSegment(node, segment, ball(), followup)
    node.CreateClosedSurfaceRepresentation()

    def points(segment):
        return node.GetClosedSurfaceInternalRepresentation(segment).GetNumberOfPoints()

    start = points(one)
    writeSlices(node, followup, one, {8: ball()[4]}, 0, surfaces=False)
    assert points(one) == start
    writeSlices(node, followup, one, {7: ball()[4]}, 0)
    assert points(one) > start and points(other) == start
    writeSegment(node, one, np.zeros(SHAPE, bool), followup)
    assert points(one) == 0 and points(other) == start


def test_a_slice_of_a_full_chest_ct_is_written_and_read_within_a_frame(scene):
    followup = add_volume(scene, matrix(np.eye(3), (0.9, 0.9, 2.5)), LARGE, array=np.zeros(LARGE, np.int16))
    node = createResult(scene, followup)
    one, rows, columns = addSegment(node, followup, "lung"), *np.indices(LARGE[1:])
    writing, reading = [], []
    for index in range(0, LARGE[0], 2):
        mask = ((rows - 256) / (60 + index)) ** 2 + ((columns - 240) / (190 - index / 2)) ** 2 < 1
        started = time.perf_counter()
        writeSlices(node, followup, one, {index: mask}, 0)
        writing.append(time.perf_counter() - started)
        started = time.perf_counter()
        same = np.array_equal(readSlice(node, one, followup, index, 0), mask)
        reading.append(time.perf_counter() - started)
        assert same
    assert np.median(writing) < 0.05 and np.median(reading) < 0.05
    assert max(writing) < 0.25, "even where the labelmap had to grow, on a busy machine"
