"""A prior's segments, handed to the worker: the same voxels that the command line reads from the saved files."""

import numpy as np
import pytest
import slicer
from p2sam.errors import GeometryError, StructureError
from p2sam.files.segmentations import read_segmentation
from p2sam.volume import Volume
from P2SAMSlicerLib.MRMLSegmentations import addSegment, createResult, exportSegments, writeSegment
from P2SAMSlicerLib.MRMLVolumes import volumeOf
from segment_scene import GEOMETRIES, SHAPE, add_shared, add_transform, add_volume, add_warp, ball, matrix, noise, oriented_image

DRAWN = {"S1": noise(51) & ~ball(), "S2": ball(radius=(2, 3, 3)), "S3": np.zeros(SHAPE, bool), "S4": np.zeros(SHAPE, bool)}
DRAWN["S3"][8, 13, 0] = True


@pytest.fixture(params=GEOMETRIES.values(), ids=GEOMETRIES)
def prior(scene, request):
    return add_volume(scene, request.param, name="planning CT")


def masks_of(exported):
    return {one["id"]: one["mask"] for one in exported}


def saved(node, path):
    node.AddDefaultStorageNode()
    node.GetStorageNode().SetFileName(str(path))
    assert node.GetStorageNode().WriteData(node)
    return path


def test_segments_come_with_what_slicer_knows_of_them_in_order(scene, prior):
    exported = exportSegments(add_shared(scene, prior, DRAWN), prior)
    assert [one["id"] for one in exported] == list(DRAWN) and [one["name"] for one in exported] == [f"name of {one}" for one in DRAWN]
    assert exported[2]["colorRgb"] == pytest.approx((0.2, 0.5, 1.0)) and "Tissue" in exported[0]["terminology"]
    assert all(one["exact"] and one["mask"].dtype == bool for one in exported)
    assert all(np.array_equal(mask, DRAWN[one]) for one, mask in masks_of(exported).items())


def test_only_the_segments_asked_for_come_and_an_unknown_one_is_a_sentence(scene, prior):
    node = add_shared(scene, prior, DRAWN)
    assert [one["id"] for one in exportSegments(node, prior, ["S4", "S2"])] == ["S4", "S2"]
    with pytest.raises(StructureError, match="'drawn' has no segment 'S9' any more"):
        exportSegments(node, prior, ["S1", "S9"])


def test_shared_and_overlapping_segments_equal_the_command_lines_voxel_for_voxel(scene, prior, tmp_path):
    node = add_shared(scene, prior, DRAWN)
    writeSegment(node, addSegment(node, prior, "overlapping", "S5"), noise(52), prior)
    exported = exportSegments(node, prior)
    read = read_segmentation(saved(node, tmp_path / "prior.seg.nrrd"), Volume(*volumeOf(prior)))
    assert [one.id for one in read.segments] == [one["id"] for one in exported]
    for segment, ours in zip(read.segments, exported):
        assert np.array_equal(segment.mask, ours["mask"])
        assert (segment.name, segment.terminology) == (ours["name"], ours["terminology"])
        assert segment.color_rgb == pytest.approx(ours["colorRgb"], abs=1e-5)


@pytest.mark.parametrize("turn", [np.eye(3), GEOMETRIES["oblique"][:3, :3] / (0.8, 1.1, 2.5)], ids=["straight", "oblique"])
def test_a_segmentation_of_another_grid_equals_the_command_lines_voxel_for_voxel(scene, prior, turn, tmp_path):
    middle = volumeOf(prior)[1] @ [9, 6, 4, 1]
    shape = (17, 16, 15)
    other = add_volume(scene, matrix(turn, (1.3, 0.9, 1.7), middle[:3] - turn @ ([1.3, 0.9, 1.7] * np.array([7, 8, 8]))), shape, "MR")
    node = add_shared(scene, other, {"round": ball(shape, (8, 8, 7), (4, 6, 4))})
    (exported,) = exportSegments(node, prior)
    (read,) = read_segmentation(saved(node, tmp_path / "other.seg.nrrd"), Volume(*volumeOf(prior))).segments
    assert not exported["exact"] and exported["mask"].any()
    assert np.array_equal(exported["mask"], read.mask)


def test_a_segmentation_and_a_ct_under_different_linear_transforms_meet_in_the_world(scene, prior):
    node = add_shared(scene, prior, DRAWN)
    shift = np.eye(4)
    shift[:3, 3] = 2 * volumeOf(prior)[1][:3, 0] - 1 * volumeOf(prior)[1][:3, 2]  # 2 voxels along i, 1 back along k
    node.SetAndObserveTransformNodeID(add_transform(scene, shift).GetID())
    expected = np.zeros(SHAPE, bool)
    expected[:-1, :, 2:] = DRAWN["S1"][1:, :, :-2]
    assert np.array_equal(exportSegments(node, prior, ["S1"])[0]["mask"], expected)
    prior.SetAndObserveTransformNodeID(node.GetTransformNodeID())
    assert np.array_equal(exportSegments(node, prior, ["S1"])[0]["mask"], DRAWN["S1"])


def test_a_non_linear_transform_between_them_is_refused(scene, prior):
    node = add_shared(scene, prior, DRAWN)
    node.SetAndObserveTransformNodeID(add_warp(scene).GetID())
    with pytest.raises(GeometryError, match="'drawn' is under the non-linear transform 'warp'"):
        exportSegments(node, prior)


def only_surfaces(scene, volume, mask):
    """A segmentation as it comes from an STL file or from structure sets: surfaces, no labelmap."""
    node = add_shared(scene, volume, {"liver": mask, "nothing": np.zeros(SHAPE, bool)}, "surfaces")
    node.CreateClosedSurfaceRepresentation()
    node.SetSourceRepresentationToClosedSurface()
    node.RemoveBinaryLabelmapRepresentation()
    return node


def test_a_segment_stored_as_a_surface_is_filled_on_the_cts_voxels_and_stays_a_surface(scene, prior):
    mask = ball(radius=(3, 5, 7))
    node = only_surfaces(scene, prior, mask)
    before = node.GetSegmentation().GetMTime(), node.GetSegmentation().GetConversionParameter("Reference image geometry")
    liver, nothing = exportSegments(node, prior)
    assert 2 * (liver["mask"] & mask).sum() / (liver["mask"].sum() + mask.sum()) > 0.93
    assert not nothing["mask"].any() and liver["mask"].shape == SHAPE and not liver["exact"]
    assert (node.GetSegmentation().GetMTime(), node.GetSegmentation().GetConversionParameter("Reference image geometry")) == before
    assert not node.GetSegmentation().ContainsRepresentation("Binary labelmap")


def test_a_coarse_labelmap_made_from_a_surface_is_not_taken_for_what_was_drawn(scene, prior):
    mask = ball(radius=(3, 5, 7))
    node = only_surfaces(scene, prior, mask)
    expected = exportSegments(node, prior)[0]["mask"]
    coarse = oriented_image(np.ones((2, 2, 2)), matrix(np.eye(3), (20, 20, 20), volumeOf(prior)[1][:3, 3]))
    node.GetSegmentation().GetSegment("liver").AddRepresentation("Binary labelmap", coarse)
    assert np.array_equal(exportSegments(node, prior)[0]["mask"], expected)


def test_our_own_result_saved_by_slicer_is_read_by_the_command_line_and_loaded_again_without_a_change(scene, makeScene, prior, tmp_path):
    node = createResult(scene, prior)
    masks = {addSegment(node, prior, f"structure {seed}", f"P{seed}"): noise(seed) for seed in (61, 62)}
    for one, mask in masks.items():
        writeSegment(node, one, mask, prior)
    path = saved(node, tmp_path / "result.seg.nrrd")
    read = read_segmentation(path, Volume(*volumeOf(prior)))
    assert all(np.array_equal(segment.mask, masks[segment.id]) for segment in read.segments)
    fresh = makeScene()
    loaded, storage = fresh.AddNewNodeByClass("vtkMRMLSegmentationNode"), fresh.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(path))
    assert storage.ReadData(loaded)
    again = exportSegments(loaded, prior)
    assert masks_of(again).keys() == masks.keys()
    assert all(one["exact"] and np.array_equal(one["mask"], masks[one["id"]]) for one in again)


def test_exporting_does_not_change_the_prior(scene, prior):
    node = add_shared(scene, prior, DRAWN)
    image = node.GetSegmentation().GetNthSegment(0).GetRepresentation("Binary labelmap")
    before = image.GetMTime(), node.GetMTime(), prior.GetMTime(), node.GetSegmentation().GetNumberOfLayers()
    exported = exportSegments(node, prior)
    exported[0]["mask"][:] = True
    assert (image.GetMTime(), node.GetMTime(), prior.GetMTime(), node.GetSegmentation().GetNumberOfLayers()) == before
    assert np.array_equal(exportSegments(node, prior)[0]["mask"], DRAWN["S1"])
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1 and isinstance(image, slicer.vtkOrientedImageData)
