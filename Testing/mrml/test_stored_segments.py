"""Segments as they are stored, brought onto the CT by the worker: the same voxels as if Slicer had done it, in steps that block nobody."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
from p2sam.volume import Volume
from p2sam_worker.incoming import mask_of
from p2sam_worker.job import JobFolder
from P2SAMSlicerLib.Cases import Case, _exportedSegments
from P2SAMSlicerLib.MRMLSegmentExport import exportSegments, storedSegment
from P2SAMSlicerLib.MRMLVolumes import volumeOf
from p2sam.settings import Settings
from segment_scene import GEOMETRIES, OBLIQUE, SHAPE, add_shared, add_transform, add_volume, ball, matrix, noise

LIMIT_S = 0.2
"""No step may block the window for longer."""


@pytest.fixture(params=GEOMETRIES.values(), ids=GEOMETRIES)
def prior(scene, request):
    return add_volume(scene, request.param, name="planning CT")


@pytest.fixture
def sent(tmp_path):
    """Sends the segments of a case: (what the worker is told, the longest step in seconds of this process)."""
    folder = JobFolder.make(tmp_path)

    def send(segmentation, volume, *segmentIds):
        case = Case(volume, segmentation, segmentIds, volume, Settings())
        steps, longest = _exportedSegments(SimpleNamespace(worker=SimpleNamespace(folder=folder)), case), 0.0
        while True:
            began = time.process_time()
            try:
                next(steps)
            except StopIteration as end:
                return end.value, max(longest, time.process_time() - began)
            longest = max(longest, time.process_time() - began)

    send.folder = folder
    return send


def arrived(sent, segmentation, volume, segmentId):
    (told,), _longest = sent(segmentation, volume, segmentId)
    return mask_of(told, Volume(*volumeOf(volume)), sent.folder, "segment")


def on_another_grid(scene, prior, turn=OBLIQUE):
    middle, shape = volumeOf(prior)[1] @ [9, 6, 4, 1], (17, 16, 15)
    other = add_volume(scene, matrix(turn, (1.3, 0.9, 1.7), middle[:3] - turn @ ([1.3, 0.9, 1.7] * np.array([7, 8, 8]))), shape, "MR")
    return add_shared(scene, other, {"S1": ball(shape, (8, 8, 7), (4, 6, 4)), "S2": ball(shape, (6, 5, 9), (3, 3, 3))})


@pytest.mark.parametrize("moved", [False, True], ids=["in place", "moved"])
@pytest.mark.parametrize("grid", ["the CT's", "another"])
def test_the_worker_gets_the_voxels_that_slicer_would_have_made(scene, prior, sent, grid, moved):
    node = add_shared(scene, prior, {"S1": noise(51) & ~ball(), "S2": ball(radius=(2, 3, 3)), "S3": np.zeros(SHAPE, bool)}) if grid == "the CT's" else on_another_grid(scene, prior)
    if moved:
        both = add_transform(scene)
        node.SetAndObserveTransformNodeID(both.GetID())
        prior.SetAndObserveTransformNodeID(both.GetID())
    for one in exportSegments(node, prior):
        found = arrived(sent, node, prior, one["id"])
        assert found.dtype == bool and np.array_equal(found, one["mask"]), one["id"]
    assert exportSegments(node, prior)[0]["exact"] == (grid == "the CT's") and exportSegments(node, prior)[0]["mask"].any()


def test_a_segmentation_moved_on_its_own_arrives_where_it_lies(scene, prior, sent):
    node = on_another_grid(scene, prior)
    shift = np.eye(4)
    shift[:3, 3] = 2.3 * volumeOf(prior)[1][:3, 0]
    node.SetAndObserveTransformNodeID(add_transform(scene, shift).GetID())
    expected = exportSegments(node, prior, ["S1"])[0]["mask"]
    assert expected.any() and np.array_equal(arrived(sent, node, prior, "S1"), expected)


def test_surfaces_are_filled_as_slicer_fills_them(scene, prior, sent):
    node = add_shared(scene, prior, {"S1": ball(radius=(3, 5, 7)), "S2": np.zeros(SHAPE, bool)}, "surfaces")
    node.CreateClosedSurfaceRepresentation()
    node.SetSourceRepresentationToClosedSurface()
    node.RemoveBinaryLabelmapRepresentation()
    for one in exportSegments(node, prior):
        assert np.array_equal(arrived(sent, node, prior, one["id"]), one["mask"])


def test_what_slicer_knows_of_a_segment_goes_with_it(scene, prior):
    node = add_shared(scene, prior, {"S1": ball()})
    (exported,), stored = exportSegments(node, prior), storedSegment(node, prior, "S1")
    assert {key: stored[key] for key in ("id", "name", "colorRgb", "terminology")} == {key: exported[key] for key in ("id", "name", "colorRgb", "terminology")}


def test_drawing_on_a_segment_while_it_is_sent_does_not_change_what_is_sent(scene, prior):
    node = add_shared(scene, prior, {"S1": ball()})
    voxels = storedSegment(node, prior, "S1")["voxels"]
    node.GetSegmentation().GetNthSegment(0).GetRepresentation("Binary labelmap").GetPointData().GetScalars().Fill(0)
    assert voxels[:].any()


@pytest.mark.parametrize("grid", ["the CT's", "another"])
def test_no_step_of_sending_a_large_segment_blocks_the_window(scene, sent, grid):
    shape, spacing = (134, 512, 512), (0.98, 0.98, 3.0)
    volume = add_volume(scene, matrix(OBLIQUE, spacing), shape, array=np.zeros(shape, np.int16))
    where = volume if grid == "the CT's" else add_volume(scene, matrix(OBLIQUE, (1.0, 1.0, 2.9)), shape, "other", np.zeros(shape, np.int16))
    lung = np.zeros(shape, bool)
    lung[20:120, 100:400, 60:250] = True
    node = add_shared(scene, where, {"lung": lung})
    (told,), longest = sent(node, volume, "lung")
    assert longest < LIMIT_S
    assert mask_of(told, Volume(*volumeOf(volume)), sent.folder, "segment").sum() > 0.9 * lung.sum()
