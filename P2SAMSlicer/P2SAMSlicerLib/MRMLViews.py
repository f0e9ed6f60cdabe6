"""Where slices lie in patient space, and slice views turned to them: oblique, flipped and transformed volumes alike."""

from __future__ import annotations

import numpy as np
from p2sam.errors import InputError
from slicer.i18n import tr as _

from .MRMLVolumes import volumeOf

SCREEN_AXES = {0: ((0, -1, 0), (0, 0, 1), (-1, 0, 0)), 1: ((-1, 0, 0), (0, 0, 1), (0, 1, 0)), 2: ((-1, 0, 0), (0, 1, 0), (0, 0, 1))}
"""Patient axis nearest to the slice normal (0 R, 1 A, 2 S) -> where the view's right, its top and its scrolling point, as Slicer shows
sagittal, coronal and axial slices."""
ON_SLICE = 0.5
"""Nearer than half a slice counts as that slice."""


class SliceGeometry:
    """The slices of a volume as planes in patient space (world RAS, millimetres).

    Parameters
    ----------
    volumeNode : vtkMRMLScalarVolumeNode
        A linear parent transform is applied.
    sliceAxis : int or None
        Numpy axis along which slices are counted; None takes the one the engine takes.

    Raises
    ------
    InputError
        The volume has no voxels, or lies under a transform that bends it.
    """

    def __init__(self, volumeNode, sliceAxis: int | None = None):
        array, self.ijkToRas = volumeOf(volumeNode)
        self.ijkToRas = np.asarray(self.ijkToRas, dtype=float)
        self.sliceAxis = _engineSliceAxis(array, self.ijkToRas) if sliceAxis is None else int(sliceAxis)
        self.shape = array.shape
        self.count = self.shape[self.sliceAxis]
        axis = 2 - self.sliceAxis
        inPlane = [column for column in range(3) if column != axis]
        columns = self.ijkToRas[:3, :3]
        normal = np.cross(columns[:, inPlane[0]], columns[:, inPlane[1]])
        normal /= np.linalg.norm(normal)
        nearest = int(np.argmax(np.abs(normal)))
        right, top, forward = (np.array(one, dtype=float) for one in SCREEN_AXES[nearest])
        self.normal = normal * np.sign(normal @ forward)
        self.right, self.top = _inPlaneAxes([columns[:, one] for one in inPlane], right, top)
        self.step = columns[:, axis] @ self.normal
        """Millimetres along the normal from one slice to the next; negative where slices are counted against it."""
        middle = np.array([(size - 1) / 2 for size in self.shape[::-1]])
        middle[axis] = 0
        self._first = (self.ijkToRas @ [*middle, 1.0])[:3]
        self._stepRas = columns[:, axis]

    def centre(self, index: float) -> np.ndarray:
        """(3,) RAS of the middle of a slice."""
        return self._first + index * self._stepRas

    def indexAt(self, ras) -> float:
        """Slice number (not rounded) of the plane through a point."""
        return float((np.asarray(ras, dtype=float) - self._first) @ self.normal / self.step)

    def contains(self, index: float) -> bool:
        return -ON_SLICE <= index < self.count - ON_SLICE

    def onto(self, ras, index: float) -> np.ndarray:
        """A point moved along the normal onto a slice."""
        ras = np.asarray(ras, dtype=float)
        return ras + (index - self.indexAt(ras)) * self.step * self.normal

    def isParallel(self, sliceNode) -> bool:
        """Whether the view still shows planes of this volume (a person may have turned it)."""
        matrix = sliceNode.GetSliceToRAS()
        normal = np.array([matrix.GetElement(row, 2) for row in range(3)])
        return bool(abs(normal @ self.normal) > 0.999)

    def indexShown(self, sliceNode) -> int | None:
        """The slice that a view shows; None where it is turned away or beyond the ends."""
        if not self.isParallel(sliceNode):
            return None
        index = self.indexAt(viewCentre(sliceNode))
        return int(np.floor(index + 0.5)) if self.contains(index) else None

    def show(self, sliceNode, index: float, centreRas=None) -> None:
        """Turn a view to the slices and go to one.

        Parameters
        ----------
        centreRas : (3,) or None
            Comes to the middle of the view; None keeps what is in the middle.
        """
        centre = self.onto(viewCentre(sliceNode) if centreRas is None else centreRas, index)
        matrix = sliceNode.GetSliceToRAS()
        wanted = np.column_stack([self.right, self.top, self.normal, centre])
        if np.allclose(_arrayOf(matrix)[:3], wanted, atol=1e-6):
            return
        for row in range(3):
            for column in range(4):
                matrix.SetElement(row, column, wanted[row, column])
        sliceNode.UpdateMatrices()


def onScreen(sliceNodes) -> list:
    """Those that the present layout shows: a view that was laid out once stays in the scene, and with its layout manager, for good."""
    return [node for node in sliceNodes if node.IsMappedInLayout()]


def jumpAll(sliceNodes, geometry: SliceGeometry, index: int, centreRas=None) -> None:
    """Bring ordinary slice views to a slice: the one that lies nearest to its plane is turned to it, the others pass through its middle."""
    centre = geometry.onto(geometry.centre(index) if centreRas is None else centreRas, index)
    nodes = list(sliceNodes)
    if not nodes:
        return
    facing = max(nodes, key=lambda node: abs(_arrayOf(node.GetSliceToRAS())[:3, 2] @ geometry.normal))
    for node in nodes:
        if node is facing:
            geometry.show(node, index, centre)
        else:
            node.JumpSliceByOffsetting(*centre)


def viewCentre(sliceNode) -> np.ndarray:
    """(3,) RAS of the middle of a slice view."""
    matrix = sliceNode.GetSliceToRAS()
    return np.array([matrix.GetElement(row, 3) for row in range(3)])


def setFieldOfView(sliceNode, height: float) -> None:
    """Show `height` millimetres from bottom to top, square pixels."""
    width, pixels = sliceNode.GetDimensions()[0], max(1, sliceNode.GetDimensions()[1])
    sliceNode.SetFieldOfView(height * max(1, width) / pixels, height, sliceNode.GetFieldOfView()[2])


def segmentCentre(segmentationNode, segmentId: str) -> np.ndarray | None:
    """(3,) world RAS in the middle of a segment; None where it is missing or empty."""
    if segmentationNode is None or not segmentId or segmentationNode.GetSegmentation().GetSegment(segmentId) is None:
        return None
    centre = segmentationNode.GetSegmentCenterRAS(segmentId)
    return None if centre is None else np.array(centre, dtype=float)


def matchedIndex(pairs: dict, index: int) -> int | None:
    """The prior's slice that belongs to a follow-up slice.

    Parameters
    ----------
    pairs : dict of int to int
        Follow-up slice -> prior slice, as the method paired them.
    index : int
        Between and beyond known pairs the line through the nearest two is followed.
    """
    if index in pairs:
        return pairs[index]
    if not pairs:
        return None
    known = sorted(pairs, key=lambda one: abs(one - index))
    nearest = known[0]
    slope = 1.0
    if len(known) > 1:
        far = sorted(pairs)[0] if abs(sorted(pairs)[0] - nearest) > abs(sorted(pairs)[-1] - nearest) else sorted(pairs)[-1]
        slope = (pairs[far] - pairs[nearest]) / (far - nearest)
    return int(np.rint(pairs[nearest] + slope * (index - nearest)))


def _engineSliceAxis(array: np.ndarray, ijkToRas: np.ndarray) -> int:
    from p2sam.volume import Volume, canonical  # not at Slicer's start: it needs SimpleITK

    return canonical(Volume(array, ijkToRas, {}))[1].slice_axis


def _inPlaneAxes(columns: list, right: np.ndarray, top: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the two in-plane voxel axes the one nearest to the wanted right, then the top at a right angle to it."""
    units = [column / np.linalg.norm(column) for column in columns]
    first = int(np.argmax([abs(unit @ right) for unit in units]))
    across = units[first] * np.sign(units[first] @ right)
    other = units[1 - first] * np.sign(units[1 - first] @ top)
    upward = other - (other @ across) * across
    length = np.linalg.norm(upward)
    if length < 1e-6:
        raise InputError(_("The two axes within the slices of this volume are parallel; load the volume again from its DICOM files."))
    return across, upward / length


def _arrayOf(matrix) -> np.ndarray:
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
