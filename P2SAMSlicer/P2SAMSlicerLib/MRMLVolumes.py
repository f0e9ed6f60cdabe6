"""A CT in the scene: its voxels, where they lie, and what is known of the scan."""

from __future__ import annotations

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from vtk.util.numpy_support import vtk_to_numpy

from p2sam.errors import GeometryError, InputError

from .MRMLSubjectHierarchy import scanAttributes


def volumeOf(volumeNode) -> tuple[np.ndarray, np.ndarray]:
    """Voxels of a volume node and their places in the world.

    Returns
    -------
    array : (K, J, I) ndarray
        A view of the node's own voxels; do not write into it.
    ijkToRas : (4, 4) float64
        Voxel (i, j, k, 1) to world RAS in millimetres; linear parent transforms are applied.

    Raises
    ------
    InputError
        No voxels, or several values a voxel.
    GeometryError
        A parent transform is not linear.
    """
    return arrayOf(volumeNode), matrixBetween(volumeNode, None) @ gridMatrix(volumeNode)


def arrayOf(volumeNode) -> np.ndarray:
    """(K, J, I) view of a volume node's voxels."""
    image = volumeNode.GetImageData()
    scalars = image.GetPointData().GetScalars() if image else None
    if scalars is None or scalars.GetNumberOfTuples() == 0:
        raise InputError(_("The volume '{name}' has no voxels; load the images again.").format(name=volumeNode.GetName()))
    if scalars.GetNumberOfComponents() != 1:
        raise InputError(
            _("The volume '{name}' has {count} values a voxel; choose a CT, which has one.").format(
                name=volumeNode.GetName(), count=scalars.GetNumberOfComponents()
            )
        )
    return vtk_to_numpy(scalars).reshape(image.GetDimensions()[::-1])


def gridShape(volumeNode) -> tuple[int, int, int]:
    """(K, J, I) of a volume node."""
    image = volumeNode.GetImageData()
    return tuple(image.GetDimensions()[::-1]) if image else (0, 0, 0)


def gridMatrix(volumeNode) -> np.ndarray:
    """(4, 4) from array index (i, j, k, 1) to the node's own coordinates, parent transforms left out."""
    matrix = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(matrix)
    shift = np.eye(4)
    shift[:3, 3] = volumeNode.GetImageData().GetExtent()[::2]
    return arrayFromMatrix(matrix) @ shift


def matrixBetween(sourceNode, targetNode) -> np.ndarray:
    """(4, 4) from one node's own coordinates to another's (None: the world).

    Raises
    ------
    GeometryError
        A transform between them is not linear.
    """
    source = sourceNode.GetParentTransformNode() if sourceNode else None
    target = targetNode.GetParentTransformNode() if targetNode else None
    first, second = (source, target) if source else (target, None)
    if first and not first.IsTransformToNodeLinear(second):
        bent = sourceNode if source and not source.IsTransformToWorldLinear() else targetNode
        raise GeometryError(
            _(
                "'{node}' is under the non-linear transform '{transform}', which cannot be followed voxel by voxel."
                " Harden the transform (Transforms module), or take the node out of it."
            ).format(node=bent.GetName(), transform=bent.GetParentTransformNode().GetName())
        )
    matrix = vtk.vtkMatrix4x4()
    slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(source, target, matrix)
    return arrayFromMatrix(matrix)


def metaOf(volumeNode) -> dict:
    """What is known of the scan: the keys of `p2sam.volume.Volume.meta`, absent where nothing is known.

    Read from the subject hierarchy, where Slicer's DICOM module writes it, and from the node's own attributes.
    """
    meta = scanAttributes(volumeNode)
    storage = volumeNode.GetStorageNode()
    if storage and storage.GetFileName():
        meta["source"] = storage.GetFileName()
    instances = volumeNode.GetAttribute("DICOM.instanceUIDs")
    if instances:
        meta["sop_instance_uids"] = instances.split()
    return meta


def windowOf(volumeNode) -> tuple[float, float] | None:
    """(low, high) of the window a volume is shown with; None where it has no display node."""
    display = volumeNode.GetDisplayNode()
    if display is None or not display.IsA("vtkMRMLScalarVolumeDisplayNode"):
        return None
    return display.GetWindowLevelMin(), display.GetWindowLevelMax()


def arrayFromMatrix(matrix: vtk.vtkMatrix4x4) -> np.ndarray:
    """(4, 4) float64 of a VTK matrix."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def matrixFromArray(array: np.ndarray) -> vtk.vtkMatrix4x4:
    """A VTK matrix of a (4, 4) array."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(np.asarray(array, dtype=np.float64).ravel().tolist())
    return matrix
