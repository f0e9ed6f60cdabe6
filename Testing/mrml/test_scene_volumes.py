"""CTs of the scene as the engine sees them: voxels, places, and what is known of the scan."""

import numpy as np
import pytest
from p2sam.errors import GeometryError, InputError
from p2sam.volume import Volume
from P2SAMSlicerLib.MRMLVolumes import metaOf, volumeOf, windowOf
from segment_scene import GEOMETRIES, SHAPE, add_transform, add_volume, add_warp, in_a_study, matrix, rotation


@pytest.mark.parametrize("ijk_to_ras", GEOMETRIES.values(), ids=GEOMETRIES)
def test_voxels_and_their_places_are_the_nodes(scene, ijk_to_ras):
    node = add_volume(scene, ijk_to_ras)
    array, found = volumeOf(node)
    assert array.shape == SHAPE and array.dtype == np.int16
    assert array[2, 3, 5] == node.GetImageData().GetScalarComponentAsDouble(5, 3, 2, 0)
    np.testing.assert_allclose(found, ijk_to_ras, atol=1e-12)
    assert Volume(array, found).shape == SHAPE


def test_the_array_is_a_view_and_not_a_copy(scene):
    node = add_volume(scene)
    node.GetImageData().SetScalarComponentFromDouble(5, 3, 2, 0, -777)
    assert volumeOf(node)[0][2, 3, 5] == -777


def test_linear_transforms_above_a_volume_move_it_in_the_world(scene):
    node, inner, outer = add_volume(scene), add_transform(scene), add_transform(scene, matrix(rotation(-0.2, 0.1), (1, 1, 1)))
    inner.SetAndObserveTransformNodeID(outer.GetID())
    node.SetAndObserveTransformNodeID(inner.GetID())
    expected = matrix(rotation(-0.2, 0.1), (1, 1, 1)) @ matrix(rotation(0.6, 0.4), (1, 1, 1), (70, -20, 5)) @ GEOMETRIES["oblique"]
    np.testing.assert_allclose(volumeOf(node)[1], expected, atol=1e-9)
    bounds = np.zeros(6)
    node.GetRASBounds(bounds)
    corners = np.array([[i, j, k, 1] for i in (-0.5, 18.5) for j in (-0.5, 13.5) for k in (-0.5, 8.5)]) @ expected.T
    np.testing.assert_allclose(bounds[::2], corners[:, :3].min(axis=0), atol=1e-6)


def test_a_non_linear_transform_is_refused_with_its_name_and_the_way_out(scene):
    node = add_volume(scene, name="Follow-up 2")
    inner = add_transform(scene)
    inner.SetAndObserveTransformNodeID(add_warp(scene, "breathing").GetID())
    node.SetAndObserveTransformNodeID(inner.GetID())
    with pytest.raises(GeometryError, match=r"'Follow-up 2' is under the non-linear transform .* Harden the transform"):
        volumeOf(node)


def test_a_volume_whose_extent_does_not_start_at_zero_keeps_its_places(scene):
    node = add_volume(scene)
    image = node.GetImageData()
    image.SetExtent(5, 5 + 18, -3, -3 + 13, 2, 2 + 8)
    first = volumeOf(node)[1] @ [0, 0, 0, 1]
    np.testing.assert_allclose(first, GEOMETRIES["oblique"] @ [5, -3, 2, 1], atol=1e-9)


def test_a_volume_without_voxels_is_refused(scene):
    with pytest.raises(InputError, match="'nothing' has no voxels"):
        volumeOf(scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "nothing"))


def test_a_colour_image_is_refused(scene):
    node = add_volume(scene, name="photo")
    node.GetImageData().AllocateScalars(3, 3)
    with pytest.raises(InputError, match="'photo' has 3 values a voxel"):
        volumeOf(node)


def test_the_window_is_the_displays_and_none_without_a_display(scene):
    node = add_volume(scene)
    node.GetDisplayNode().SetAutoWindowLevel(False)
    node.GetDisplayNode().SetWindowLevelMinMax(-160, 240)
    assert windowOf(node) == (-160, 240)
    node.RemoveAllDisplayNodeIDs()
    assert windowOf(node) is None


def test_patient_study_and_series_are_read_from_the_subject_hierarchy_and_what_is_empty_is_left_out(scene):
    node = add_volume(scene)
    in_a_study(scene, node)
    assert metaOf(node) == {
        "patient_id": "LUNG1-001",
        "study_date": "20240301",
        "study_uid": "1.2",
        "modality": "CT",
        "frame_of_reference_uid": "1.9",
        "series_uid": "1.2.3",
        "sop_instance_uids": ["1.2.3.1", "1.2.3.2"],
    }


def test_of_a_volume_from_a_plain_file_only_the_file_is_known(scene):
    node = add_volume(scene)
    assert metaOf(node) == {}
    node.AddDefaultStorageNode()
    node.GetStorageNode().SetFileName("/data/ct.nrrd")
    assert metaOf(node) == {"source": "/data/ct.nrrd"}
