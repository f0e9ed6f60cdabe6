"""An image in patient space: voxels (K, J, I) and one 4x4 matrix, in the Slicer frame (RAS, millimetres)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from .errors import GeometryError

if TYPE_CHECKING:  # Slicer's process reads this file; it shall not load SimpleITK before it is needed
    import SimpleITK as sitk

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Slicer is RAS; SimpleITK, ITK transforms and DICOM are LPS. The matrix is its own inverse."""


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels and where they are.

    Attributes
    ----------
    array : (K, J, I) ndarray
        Voxel values in numpy order: the last axis runs along the first column of `ijk_to_ras`.
    ijk_to_ras : (4, 4) float64
        Maps the centre of voxel (i, j, k, 1) to (R, A, S, 1) in millimetres.
    meta : dict
        What is known of the scan: `patient_id`, `study_date`, `modality`, `frame_of_reference_uid`,
        `series_uid`, `source` (path); keys are absent where nothing is known.
    """

    array: np.ndarray
    ijk_to_ras: np.ndarray
    meta: dict = field(default_factory=dict)

    def __post_init__(self):
        if self.array.ndim != 3:
            raise GeometryError(f"A volume has three axes, this one has {self.array.ndim} (shape {self.array.shape}).")
        matrix = np.asarray(self.ijk_to_ras, dtype=np.float64)
        if matrix.shape != (4, 4) or not _is_affine(matrix):
            raise GeometryError("The volume's ijk_to_ras matrix is not an invertible 4x4 matrix; the file's header is damaged.")
        object.__setattr__(self, "ijk_to_ras", matrix)

    @classmethod
    def from_sitk(cls, image: sitk.Image, meta: dict | None = None) -> Volume:
        """A 3-D SimpleITK image (LPS); the voxels are copied."""
        import SimpleITK as sitk

        if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
            raise GeometryError(
                "A volume has three axes and one value a voxel,"
                f" this image has {image.GetDimension()} and {image.GetNumberOfComponentsPerPixel()}."
            )
        lps = np.eye(4)
        lps[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
        lps[:3, 3] = image.GetOrigin()
        return cls(sitk.GetArrayFromImage(image), LPS_TO_RAS @ lps, dict(meta or {}))

    def to_sitk(self) -> sitk.Image:
        """As a SimpleITK image (LPS). Spacing and direction are split, so their product may differ in the last bit."""
        import SimpleITK as sitk

        array = self.array.astype(np.uint8) if self.array.dtype == bool else self.array
        image = sitk.GetImageFromArray(np.ascontiguousarray(array))
        lps = LPS_TO_RAS @ self.ijk_to_ras
        image.SetSpacing(self.spacing_mm.tolist())
        image.SetDirection((lps[:3, :3] / self.spacing_mm).ravel().tolist())
        image.SetOrigin(lps[:3, 3].tolist())
        return image

    @property
    def shape(self) -> tuple[int, int, int]:
        """(K, J, I)."""
        return self.array.shape

    @property
    def spacing_mm(self) -> np.ndarray:
        """(3,) spacing along (i, j, k)."""
        return np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0)

    @property
    def ras_to_ijk(self) -> np.ndarray:
        return np.linalg.inv(self.ijk_to_ras)

    def with_array(self, array: np.ndarray) -> Volume:
        """Another image on the same grid."""
        if array.shape != self.array.shape:
            raise GeometryError(f"An array of shape {array.shape} does not fit a grid of shape {self.array.shape}.")
        return replace(self, array=array)

    def ras_of(self, ijk: np.ndarray) -> np.ndarray:
        """(n, 3) continuous voxel indices (i, j, k) to (n, 3) RAS in millimetres."""
        return ijk @ self.ijk_to_ras[:3, :3].T + self.ijk_to_ras[:3, 3]


def same_grid(one, other, tolerance_mm: float = 1e-3) -> bool:
    """Whether two volumes or segmentations have equal shape and every voxel at the same place, within a tolerance."""
    if tuple(one.shape) != tuple(other.shape):
        return False
    corners = grid_corners(one.shape)
    apart = (one.ijk_to_ras - other.ijk_to_ras)[:3] @ corners.T
    return bool(np.linalg.norm(apart, axis=0).max() <= tolerance_mm)


def grid_corners(shape: tuple[int, int, int]) -> np.ndarray:
    """(8, 4) homogeneous (i, j, k, 1) of the corner voxels of a (K, J, I) grid."""
    ends = [(0, size - 1) for size in shape[::-1]]
    return np.array([[i, j, k, 1] for i in ends[0] for j in ends[1] for k in ends[2]], dtype=np.float64)


@dataclass(frozen=True)
class AxisOrder:
    """How a volume was turned into the canonical frame: a permutation of numpy axes, then flips."""

    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    def apply(self, array: np.ndarray) -> np.ndarray:
        turned = array.transpose(self.axes)
        return turned[tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips)]

    def undo(self, array: np.ndarray) -> np.ndarray:
        turned = array[tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips)]
        return turned.transpose(np.argsort(self.axes))

    @property
    def slice_axis(self) -> int:
        """The numpy axis of the source along which canonical slices lie."""
        return self.axes[0]

    def apply_slice(self, plane: np.ndarray) -> np.ndarray:
        """One slice as `numpy.take(source, index, axis=slice_axis)` gives it, turned to canonical (H, W)."""
        turned = plane.T if self.axes[1] > self.axes[2] else plane
        return turned[tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips[1:])]

    def undo_slice(self, plane: np.ndarray) -> np.ndarray:
        """A canonical slice (H, W) as it stands in the source."""
        turned = plane[tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips[1:])]
        return turned.T if self.axes[1] > self.axes[2] else turned

    def original_slice(self, index: int, shape: tuple[int, int, int]) -> tuple[int, int]:
        """Where canonical slice `index` stands in the source: (numpy axis, index along it).

        Parameters
        ----------
        shape : (K, J, I) of the source.
        """
        axis = self.axes[0]
        return axis, shape[axis] - 1 - index if self.flips[0] else index


def canonical(volume: Volume) -> tuple[Volume, AxisOrder]:
    """Turn a volume so that slices lie along the first numpy axis, without resampling.

    The slice (acquisition) axis is the one with the coarsest spacing; where no spacing is at least 10 % coarser than
    the others, it is the axis nearest to the body axis. The canonical frame runs (slice, row, column) towards
    (S, P, L) for axial slices, as an axial DICOM series does; other planes are ordered alike, by the nearest patient axes.

    Returns
    -------
    (Volume, AxisOrder)
        A view of the same voxels; `order.undo(array)` puts a result back, bit for bit.
    """
    direction = volume.ijk_to_ras[:3, :3] / volume.spacing_mm
    nearest = _nearest_patient_axes(direction)
    slice_axis = _slice_axis(volume.spacing_mm, nearest)
    in_plane = sorted((axis for axis in range(3) if axis != slice_axis), key=lambda axis: -nearest[axis])
    ijk_order = [slice_axis, *in_plane]
    wanted_sign = {0: -1.0, 1: -1.0, 2: 1.0}
    flips = []
    for place, axis in enumerate(ijk_order):
        sign = np.sign(direction[nearest[axis], axis])
        wanted = wanted_sign[nearest[axis]]
        if place == 1 and nearest[axis] == 2:
            wanted = -1.0  # rows of a coronal or sagittal slice run from the head down
        flips.append(bool(sign != wanted))
    order = AxisOrder(tuple(2 - axis for axis in ijk_order), tuple(flips))
    matrix = np.eye(4)
    origin = volume.ijk_to_ras[:3, 3].copy()
    shape_ijk = volume.array.shape[::-1]
    for place, axis in enumerate(ijk_order):
        column = volume.ijk_to_ras[:3, axis]
        if flips[place]:
            origin = origin + column * (shape_ijk[axis] - 1)
            column = -column
        matrix[:3, 2 - place] = column
    matrix[:3, 3] = origin
    return Volume(order.apply(volume.array), matrix, dict(volume.meta)), order


def _is_affine(matrix: np.ndarray) -> bool:
    if not np.isfinite(matrix).all() or not np.array_equal(matrix[3], [0, 0, 0, 1]):
        return False
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    return bool(spacing.min() > 0 and abs(np.linalg.det(matrix[:3, :3] / spacing)) > 1e-3)


def _nearest_patient_axes(direction: np.ndarray) -> list[int]:
    """For each voxel axis the patient axis (0 R, 1 A, 2 S) it lies nearest to, each taken once.

    Nearest is the assignment with the largest product of cosines, which is never 0. A tie (axes at 45 degrees) is
    broken by where the axes point, so that it does not depend on the order in which a file stores them.
    """
    first = np.argmax(np.abs(direction) > 1e-6, axis=0)
    lines = np.round(direction * np.sign(direction[first, [0, 1, 2]]), 6) + 0.0

    def nearness(nearest: tuple[int, ...]) -> tuple:
        cosines = np.abs(direction[list(nearest), [0, 1, 2]])
        return round(float(np.prod(cosines)), 6), *(tuple(lines[:, nearest.index(patient)]) for patient in (2, 1, 0))

    return list(max(permutations(range(3)), key=nearness))


def _slice_axis(spacing_mm: np.ndarray, nearest: list[int]) -> int:
    coarse = int(np.argmax(spacing_mm))
    others = np.delete(spacing_mm, coarse)
    return coarse if spacing_mm[coarse] > 1.1 * others.max() else nearest.index(2)
