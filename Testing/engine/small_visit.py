"""A small patient made of formulas in millimetres, imaged on any grid; and the tools that tests of whole visits share."""

from dataclasses import replace

import numpy as np
import SimpleITK as sitk
from p2sam.align import Alignment
from p2sam.segmentation import Segment, Segmentation
from p2sam.settings import preset
from p2sam.volume import Volume
from scipy import ndimage
from scipy.spatial.transform import Rotation

CENTRE = np.array([-12.0, 9.0, 20.0])
RADII = np.array([11.0, 13.0, 15.0])
SHIFT = np.array([2.0, -1.5, 1.0])
"""How far the structure moves from the prior to the follow-up."""
BODY_HU, TUMOUR_HU, CORE_HU, AIR_HU = 0.0, 200.0, 420.0, -1000.0

CLINICAL = replace(
    preset("clinical"), n_positive=(1, 2), n_negative=(2,), track_mm=0.0, track_deformable_mm=0.0, pool_slices=1,
    extent_mm=8.0, extent_quantile=1.0, reach_mm=12.0, prior_sigma_mm=8.0, box_margin_mm=6.0, cascade_steps=2, keep_margin=0.0,
)  # fmt: skip
"""Every number that a test leans on, whatever the defaults are."""

OBLIQUE = Rotation.from_euler("xyz", [9.0, -8.0, 15.0], degrees=True).as_matrix()


def in_place(used="none"):
    return moved_by((0, 0, 0), used)


def moved_by(shift_ras, used="rigid"):
    """Follow-up points + shift = prior points."""
    lps = (np.array(shift_ras, float) * [-1, -1, 1]).tolist()
    return Alignment(used, used, sitk.TranslationTransform(3, lps), 1.0, {}, (), 0.0)


def grid(shape=(16, 32, 26), spacing_ijk=(2.2, 1.8, 4.0), direction=OBLIQUE @ np.diag([-1.0, 1.0, -1.0]), centre=CENTRE + [3, -2, 1]):
    """A volume of zeros around the structure; by default not square, anisotropic, oblique and flipped."""
    matrix = np.eye(4)
    matrix[:3, :3] = direction * np.array(spacing_ijk)
    matrix[:3, 3] = centre - matrix[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)
    return Volume(np.zeros(shape, np.float32), matrix)


def ras_of(volume):
    k, j, i = np.indices(volume.shape)
    return volume.ras_of(np.stack([i, j, k], axis=-1).reshape(-1, 3).astype(float)).reshape(*volume.shape, 3)


def tumour(volume, shift=(0, 0, 0), scale=1.0):
    return np.linalg.norm((ras_of(volume) - CENTRE - shift) / (scale * RADII), axis=-1) < 1


def scan(volume, shift=(0, 0, 0), noise=4.0, seed=0, core=False):
    """The patient on a volume's grid: a body in air, the structure in it, with a core of its own if asked."""
    ras = ras_of(volume)
    body = np.linalg.norm(ras[..., :2] / [60.0, 50.0], axis=-1) < 1
    hu = np.where(body, BODY_HU, AIR_HU)
    hu[tumour(volume, shift)] = TUMOUR_HU
    if core:
        hu[tumour(volume, shift, 0.5)] = CORE_HU
    hu = hu + np.random.default_rng(seed).normal(0, noise, hu.shape)
    return volume.with_array(hu.astype(np.float32))


def segmentation(volume, **masks):
    segments = tuple(Segment(name, mask, f"Segment_{n}") for n, (name, mask) in enumerate(masks.items(), 1))
    return Segmentation(segments, volume.ijk_to_ras, volume.shape)


def stored(volume, axes, flips, *masks):
    """The same voxels in the same places, stored in another order: numpy axes permuted, then flipped."""
    def turn(array):
        return np.ascontiguousarray(np.flip(array.transpose(axes), [a for a in range(3) if flips[a]]))

    matrix = np.eye(4)
    matrix[:3, 3] = volume.ijk_to_ras[:3, 3]
    for place, (axis, flip) in enumerate(zip(axes, flips)):
        column = volume.ijk_to_ras[:3, 2 - axis]
        if flip:
            matrix[:3, 3] += column * (volume.shape[axis] - 1)
        matrix[:3, 2 - place] = -column if flip else column
    return Volume(turn(volume.array), matrix), *(turn(mask) for mask in masks)


def dice(a, b):
    return 2 * np.count_nonzero(a & b) / max(1, np.count_nonzero(a) + np.count_nonzero(b))


def textured(shape, spacing_mm, grain_mm, seed=0):
    """(K, H, W) noise of deviation 1, correlated over some millimetres."""
    noise = np.random.default_rng(seed).normal(size=shape)
    noise = ndimage.gaussian_filter(noise, np.array(grain_mm) / spacing_mm, mode="wrap")
    return noise / noise.std()
