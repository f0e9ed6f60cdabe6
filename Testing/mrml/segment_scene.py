"""Volumes and segmentations in awkward geometry, as tests of the scene need them."""

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

SHAPE = (9, 14, 19)
"""(K, J, I): no two sizes alike."""

for name in ("vtkBinaryLabelmapToClosedSurfaceConversionRule", "vtkClosedSurfaceToBinaryLabelmapConversionRule"):
    # The application's Segmentations module does this when it starts.
    slicer.vtkSegmentationConverterFactory.GetInstance().RegisterConverterRule(getattr(slicer, name)())


def rotation(about_z: float, about_x: float) -> np.ndarray:
    cz, sz, cx, sx = np.cos(about_z), np.sin(about_z), np.cos(about_x), np.sin(about_x)
    return np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])


def matrix(turn: np.ndarray, spacing=(0.8, 1.1, 2.5), origin=(-31.5, 12.25, 40.0)) -> np.ndarray:
    result = np.eye(4)
    result[:3, :3] = turn * spacing
    result[:3, 3] = origin
    return result


OBLIQUE = rotation(0.31, -0.22)
GEOMETRIES = {
    "oblique": matrix(OBLIQUE),
    "oblique and left-handed": matrix(OBLIQUE * [1, 1, -1]),
    "as DICOM, in RAS": matrix(np.diag([-1.0, -1.0, 1.0])),
    "sagittal": matrix(np.array([[0.0, 0, 1], [1, 0, 0], [0, -1, 0]]) @ OBLIQUE),
}


def vtk_matrix(array) -> vtk.vtkMatrix4x4:
    result = vtk.vtkMatrix4x4()
    result.DeepCopy(np.asarray(array, dtype=float).ravel().tolist())
    return result


def as_array(matrix4x4) -> np.ndarray:
    return np.array([[matrix4x4.GetElement(row, column) for column in range(4)] for row in range(4)])


def matrix_of(volume) -> np.ndarray:
    """(4, 4) from voxel to the volume's own coordinates."""
    result = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(result)
    return as_array(result)


def add_volume(scene, ijk_to_ras=GEOMETRIES["oblique"], shape=SHAPE, name="CT", array=None):
    """A CT with a display node; its values are all different unless an array is given."""
    values = np.arange(np.prod(shape), dtype=np.int16).reshape(shape) if array is None else array
    image = vtk.vtkImageData()
    image.SetDimensions(values.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(values).ravel(), deep=True))
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    node.SetIJKToRASMatrix(vtk_matrix(ijk_to_ras))
    node.SetAndObserveImageData(image)
    node.CreateDefaultDisplayNodes()
    return node


def add_transform(scene, array=None, name="moved"):
    """A linear transform node; a turn with a shift unless a matrix is given."""
    node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
    node.SetMatrixTransformToParent(vtk_matrix(matrix(rotation(0.6, 0.4), (1, 1, 1), (70, -20, 5)) if array is None else array))
    return node


def add_warp(scene, name="warp"):
    """A transform node that is not linear."""
    points = vtk.vtkThinPlateSplineTransform()
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for place in ((0, 0, 0), (50, 0, 0), (0, 50, 0), (0, 0, 50)):
        source.InsertNextPoint(place)
        target.InsertNextPoint([one + 3 for one in place] if place[0] else place)
    points.SetSourceLandmarks(source)
    points.SetTargetLandmarks(target)
    points.SetBasisToR()
    node = scene.AddNewNodeByClass("vtkMRMLTransformNode", name)
    node.SetAndObserveTransformToParent(points)
    return node


def in_a_study(scene, node, series="1.2.3"):
    """Give a volume the branch that Slicer's DICOM module makes for it: (subject hierarchy, study item)."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "somebody")
    hierarchy.SetItemAttribute(patient, "DICOM.PatientID", "LUNG1-001")
    study = hierarchy.CreateStudyItem(patient, "planning")
    for name, value in (("StudyDate", "20240301"), ("StudyInstanceUID", "1.2")):
        hierarchy.SetItemAttribute(study, f"DICOM.{name}", value)
    item = hierarchy.CreateItem(study, node)
    hierarchy.SetItemUID(item, "DICOM", series)
    hierarchy.SetItemUID(item, "DICOMInstanceUID", "1.2.3.1 1.2.3.2")
    for name, value in (("Modality", "CT"), ("FrameOfReferenceUID", "1.9"), ("SeriesDescription", "")):
        hierarchy.SetItemAttribute(item, f"DICOM.{name}", value)
    return hierarchy, study


def noise(seed: int, shape=SHAPE, part=0.3) -> np.ndarray:
    """A mask in which every voxel counts: random, so that a shift, a flip or a swap of axes shows."""
    mask = np.random.default_rng(seed).random(shape) < part
    mask[0, 0, 0] = mask[-1, -1, -1] = True
    return mask


def ball(shape=SHAPE, centre=(4, 6, 9), radius=(3, 4, 5)) -> np.ndarray:
    """An ellipsoid, in voxels."""
    grid = np.indices(shape).astype(float)
    return sum(((grid[axis] - centre[axis]) / radius[axis]) ** 2 for axis in range(3)) <= 1


def oriented_image(voxels, ijk_to_ras, start=(0, 0, 0)):
    """A labelmap of Slicer's with voxels (K, J, I) of which the first is index `start` (i, j, k)."""
    image = slicer.vtkOrientedImageData()
    image.SetExtent([end for axis in range(3) for end in (start[axis], start[axis] + voxels.shape[2 - axis] - 1)])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(voxels, dtype=np.uint8).ravel(), deep=True))
    image.SetGeometryFromImageToWorldMatrix(vtk_matrix(ijk_to_ras))
    return image


def add_shared(scene, volume, masks: dict, name="drawn"):
    """A segmentation as the Segment Editor leaves it: segments that do not overlap share one labelmap."""
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    for number, (segment_id, mask) in enumerate(masks.items()):
        node.GetSegmentation().AddEmptySegment(segment_id, f"name of {segment_id}", [0.1 * number, 0.5, 1.0])
        logic.SetBinaryLabelmapToSegment(oriented_image(mask, matrix_of(volume)), node, segment_id, logic.MODE_REPLACE)
    node.GetSegmentation().CollapseBinaryLabelmaps(False)
    return node


def same_voxels(node, volume, expected: dict) -> bool:
    """Whether every segment holds exactly the voxels expected, read by Slicer's own means and not by ours."""
    for segment_id, mask in expected.items():
        image = slicer.vtkOrientedImageData()
        node.GetBinaryLabelmapRepresentation(segment_id, image)
        if ras_of_image(image).shape != (mask.sum(), 3) or not np.allclose(ras_of_image(image), ras_of_mask(mask, volume), atol=1e-3):
            return False
    return True


def ras_of_image(image) -> np.ndarray:
    """(n, 3) positions of the voxels that are set, in order."""
    scalars = image.GetPointData().GetScalars()
    if scalars is None or not scalars.GetNumberOfTuples():
        return np.zeros((0, 3))
    to_world = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(to_world)
    indices = np.argwhere(vtk_to_numpy(scalars).reshape(image.GetDimensions()[::-1]) > 0)[:, ::-1] + image.GetExtent()[::2]
    return placed(indices, as_array(to_world))


def ras_of_mask(mask, volume) -> np.ndarray:
    return placed(np.argwhere(mask)[:, ::-1], matrix_of(volume))


def placed(indices, to_world) -> np.ndarray:
    positions = indices @ to_world[:3, :3].T + to_world[:3, 3]
    return positions[np.lexsort(np.round(positions, 3).T)] if len(positions) else positions.reshape(0, 3)
