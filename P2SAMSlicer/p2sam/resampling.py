"""The prior's voxels carried through a transform onto the follow-up's grid: grey values, and masks that keep their volume."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from .errors import GeometryError
from .volume import Volume

_WINDOW_MM = 8.0
_MARGIN_MM = 16.0
_FIELD_MM = 4.0
"""A deformation is taken from a field of this spacing, linear between: ten times as fast, and within 0.1 mm."""

_LOWEST_THRESHOLD = 0.25
_TIE_BREAK = np.array([1e-4, 1.7e-4, 2.9e-4])
"""Voxels (i, j, k) a mask is shifted by, so that one moved by half a voxel neither grows nor shrinks."""


def resampled_image(prior: Volume, followup: Volume, transform: sitk.Transform, fill: float) -> np.ndarray:
    """(K, J, I) float32 on the follow-up's grid, linear; `fill` where the prior does not reach.

    Parameters
    ----------
    transform
        Maps follow-up points to prior points (LPS).
    """
    return _onto(prior.to_sitk(), followup, field_of(transform, followup), fill)


def resampled_mask(mask: np.ndarray, prior: Volume, followup: Volume, transform: sitk.Transform) -> np.ndarray:
    """(K, J, I) float32 in 0..1 on the follow-up's grid; voxels >= 0.5 are inside and keep the structure's volume.

    Linear interpolation keeps the sum of a mask; a threshold of one half does not, where a structure is thin or the
    new voxels are large. The threshold taken is the one (0.25 to 0.5) that keeps as many voxels as the interpolated
    values sum up to; values are then stretched so that it becomes 0.5.

    Parameters
    ----------
    mask : (K, J, I) bool
        On the prior's grid.
    """
    if mask.shape != prior.shape:
        raise GeometryError(f"A mask of shape {mask.shape} does not fit the prior's grid of shape {prior.shape}.")
    result = np.zeros(followup.shape, dtype=np.float32)
    if not mask.any():
        return result
    image = _cropped(mask, prior)
    window = _window(image, followup, transform)
    if window is None:
        return result
    part = _part(followup, window)
    likely = _onto(image, part, field_of(transform, part), 0.0)
    result[window] = _stretched(likely, volume_keeping_threshold(likely))
    return result


def volume_keeping_threshold(likely: np.ndarray) -> float:
    """The value, within 0.25 to 0.5, that as many voxels reach as the values sum up to; 0.5 for an empty array."""
    wanted = int(round(float(likely.sum(dtype=np.float64))))
    if wanted == 0:
        return 0.5
    threshold = np.partition(likely.ravel(), likely.size - wanted)[likely.size - wanted]
    above = likely[likely > threshold]
    if (likely >= threshold).sum() - wanted > wanted - above.size and above.size:
        threshold = above.min()
    return float(np.clip(threshold, _LOWEST_THRESHOLD, 0.5))


def _stretched(likely: np.ndarray, threshold: float) -> np.ndarray:
    if threshold >= 0.5:
        return likely
    stretched = np.interp(likely, (0.0, threshold, 1.0), (0.0, 0.5, 1.0)).astype(np.float32)
    stretched[likely >= threshold] = np.maximum(stretched[likely >= threshold], 0.5)
    return stretched


def _onto(image: sitk.Image, grid: Volume, transform: sitk.Transform, fill: float) -> np.ndarray:
    """(K, J, I) float32 of an image on a volume's grid, linear."""
    first = _first_voxel(grid)
    resample = sitk.ResampleImageFilter()
    resample.SetSize([int(n) for n in grid.shape[::-1]])
    resample.SetOutputOrigin(first.GetOrigin())
    resample.SetOutputSpacing(first.GetSpacing())
    resample.SetOutputDirection(first.GetDirection())
    resample.SetTransform(transform)
    resample.SetInterpolator(sitk.sitkLinear)
    resample.SetDefaultPixelValue(float(fill))
    resample.SetOutputPixelType(sitk.sitkFloat32)
    return sitk.GetArrayFromImage(resample.Execute(image))


def field_of(transform: sitk.Transform, grid: Volume) -> sitk.Transform:
    """The transform as a displacement field between the grid's outermost voxels; a linear one as it is."""
    if transform.IsLinear():
        return transform
    extent = np.maximum((np.array(grid.shape[::-1]) - 1) * grid.spacing_mm, 1e-3)
    size = np.ceil(extent / _FIELD_MM).astype(int) + 1
    first = _first_voxel(grid)
    field = sitk.TransformToDisplacementField(
        transform, sitk.sitkVectorFloat64, size.tolist(), first.GetOrigin(), (extent / (size - 1)).tolist(), first.GetDirection()
    )
    return sitk.DisplacementFieldTransform(field)


def _first_voxel(volume: Volume) -> sitk.Image:
    """One voxel with the volume's origin, spacing and direction."""
    return Volume(np.zeros((1, 1, 1), dtype=np.uint8), volume.ijk_to_ras).to_sitk()


def _part(volume: Volume, window: tuple[slice, ...], every: tuple[int, int, int] = (1, 1, 1)) -> Volume:
    """A view of the voxels in a window (numpy order), or of every n-th of them, in their places."""
    matrix = volume.ijk_to_ras.copy()
    matrix[:3, 3] = volume.ras_of(np.array([[part.start for part in window[::-1]]], dtype=np.float64))[0]
    matrix[:3, :3] *= np.array(every[::-1])
    return Volume(volume.array[tuple(slice(part.start, part.stop, n) for part, n in zip(window, every))], matrix)


def _cropped(mask: np.ndarray, prior: Volume) -> sitk.Image:
    """The mask in its box with one voxel around it (0 beyond the volume), shifted by the tie break."""
    used = [np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis))) for axis in range(3)]
    window = tuple(slice(int(index[0]), int(index[-1]) + 1) for index in used)
    box = np.pad(mask[window].astype(np.float32), 1)
    matrix = prior.ijk_to_ras.copy()
    first = np.array([part.start - 1 for part in window[::-1]]) - _TIE_BREAK
    matrix[:3, 3] = prior.ras_of(first[None])[0]
    return Volume(box, matrix).to_sitk()


def _window(image: sitk.Image, followup: Volume, transform: sitk.Transform) -> tuple[slice, slice, slice] | None:
    """The follow-up's voxels (numpy order) that the image's box may fall on; None where there are none."""
    every = tuple(int(max(1, _WINDOW_MM // spacing)) for spacing in followup.spacing_mm[::-1])
    sparse = _part(followup, tuple(slice(0, size) for size in followup.shape), every)
    margin = [int(np.ceil(_MARGIN_MM / spacing)) for spacing in image.GetSpacing()]
    box = sitk.ConstantPad(sitk.Image(image), margin, margin, 0.0) * 0.0 + 1.0
    hit = _onto(box, sparse, transform, 0.0) > 0
    if not hit.any():
        return None
    window = []
    for axis, (n, size) in enumerate(zip(every, followup.shape)):
        index = np.flatnonzero(hit.any(axis=tuple(other for other in range(3) if other != axis)))
        window.append(slice(max(0, int(index[0] - 1) * n), min(size, int(index[-1] + 1) * n + 1)))
    return tuple(window)
