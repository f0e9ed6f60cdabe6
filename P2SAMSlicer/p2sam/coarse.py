"""A scan made small for registration: coarse cubic voxels, the body without its table, grey values on a 0..1 scale."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from .volume import Volume, canonical

VOXEL_MM = 4.0
"""Edge of a coarse voxel."""

TISSUE_HU, BONE_HU = -400.0, 200.0
_GREY_HU, _GREY = (-1000.0, -200.0, 400.0), (0.0, 0.5, 1.0)
"""Lung and soft tissue take half of the grey scale each; without this bend soft tissue would have a tenth of it."""

_OPENING_MM = 6.0


@dataclass(frozen=True)
class CoarseScan:
    """One scan on a grid of `VOXEL_MM` cubes that lies along the scan's own axes and covers it.

    Attributes
    ----------
    grey : (K, J, I) float32 in 0..1
        0 at -1000 HU and outside the body, 0.5 at -200 HU, 1 from 400 HU.
    body : (K, J, I) bool
        The convex hull of the body on each slice, so with lungs, without table.
    bone : (K, J, I) bool
        Of the body, above `BONE_HU`.
    origin, direction
        (3,) and (3, 3) of the grid in LPS: the point of voxel (i, j, k) is `origin + direction @ (i, j, k) * VOXEL_MM`.
    """

    grey: np.ndarray
    body: np.ndarray
    bone: np.ndarray
    origin: np.ndarray
    direction: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.grey.shape

    @cached_property
    def image(self) -> sitk.Image:
        """`grey` as a SimpleITK image."""
        return self.as_image(self.grey)

    def as_image(self, array: np.ndarray) -> sitk.Image:
        """Any array on this grid as a SimpleITK image; bool becomes uint8."""
        image = sitk.GetImageFromArray(array.astype(np.uint8) if array.dtype == bool else array)
        image.SetOrigin(self.origin.tolist())
        image.SetDirection(self.direction.ravel().tolist())
        image.SetSpacing([VOXEL_MM] * 3)
        return image

    def points(self, mask: np.ndarray) -> np.ndarray:
        """(n, 3) LPS of the voxels of a mask, in the order of `numpy.flatnonzero`."""
        return self.origin + (np.argwhere(mask)[:, ::-1] * VOXEL_MM) @ self.direction.T

    def kji_of(self, points: np.ndarray) -> np.ndarray:
        """(n, 3) LPS to (n, 3) continuous voxel indices in numpy order."""
        return (((points - self.origin) @ self.direction) / VOXEL_MM)[:, ::-1]

    def middle(self) -> np.ndarray:
        """(3,) LPS of the grid's middle."""
        return self.origin + self.direction @ (np.array(self.shape[::-1]) - 1) * (VOXEL_MM / 2)

    def body_centre(self) -> np.ndarray:
        """(3,) LPS of the centre of the body."""
        return self.points(self.body).mean(axis=0)


def coarse_scan(volume: Volume) -> CoarseScan:
    """Shrink a CT for registration. Turning or flipping the stored axes of the volume changes nothing of the result."""
    image = _cubes(canonical(volume)[0].to_sitk())
    hu = sitk.GetArrayFromImage(image)
    body = body_mask(hu)
    near = ndimage.binary_dilation(body)
    grey = np.where(near, np.interp(hu, _GREY_HU, _GREY), 0.0).astype(np.float32)
    direction = np.reshape(image.GetDirection(), (3, 3))
    return CoarseScan(grey, body, body & (hu > BONE_HU), np.array(image.GetOrigin()), direction)


def _cubes(image: sitk.Image) -> sitk.Image:
    """The image averaged, then resampled, to cubes; its outermost voxels are repeated beyond its border."""
    factor = [int(max(1, min(size, VOXEL_MM // spacing))) for size, spacing in zip(image.GetSize(), image.GetSpacing())]
    image = sitk.Clamp(sitk.BinShrink(image, factor), sitk.sitkFloat32, -1000.0, 1500.0)
    extent = np.array(image.GetSize()) * image.GetSpacing()
    size = np.maximum(np.ceil(extent / VOXEL_MM - 1e-6), 2).astype(int)  # two, so that every cube has a neighbour
    middle = image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()])
    direction = np.reshape(image.GetDirection(), (3, 3))
    resample = sitk.ResampleImageFilter()
    resample.SetSize(size.tolist())
    resample.SetOutputSpacing([VOXEL_MM] * 3)
    resample.SetOutputDirection(image.GetDirection())
    resample.SetOutputOrigin((middle - direction @ (size - 1) * (VOXEL_MM / 2)).tolist())
    resample.SetInterpolator(sitk.sitkLinear)
    resample.UseNearestNeighborExtrapolatorOn()
    return resample.Execute(image)


def body_mask(hu: np.ndarray) -> np.ndarray:
    """The body on coarse voxels: the largest piece of tissue, without what is thin (the table), hulled on each slice.

    Parameters
    ----------
    hu : (K, J, I) float
        On `VOXEL_MM` cubes.

    Returns
    -------
    (K, J, I) bool
        Everything where no tissue is found.
    """
    tissue = hu > TISSUE_HU
    ball = ndimage.generate_binary_structure(3, 1)
    steps = round(_OPENING_MM / VOXEL_MM)
    core = ndimage.binary_erosion(tissue, ball, iterations=steps, border_value=1)
    pieces, count = ndimage.label(core)
    if count == 0:
        return np.ones(hu.shape, dtype=bool)
    largest = pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
    largest = ndimage.binary_dilation(largest, ball, iterations=steps) & tissue
    return np.stack([_hull(plane) for plane in largest])


def _hull(plane: np.ndarray) -> np.ndarray:
    """(J, I) bool filled to its convex hull; as it is where the voxels span no area."""
    points = np.argwhere(plane)
    if len(points) < 3:
        return plane
    try:
        sides = ConvexHull(points).equations
    except QhullError:
        return plane
    rows, columns = np.indices(plane.shape)
    inside = np.ones(plane.shape, dtype=bool)
    for row, column, offset in sides:
        inside &= row * rows + column * columns + offset <= 1e-6
    return inside
