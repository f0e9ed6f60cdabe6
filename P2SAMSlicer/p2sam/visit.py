"""One follow-up made ready: canonical slices, the aligned prior beside them, and for each slice what the prior says of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from .align import Alignment
from .boxed import Boxed
from .errors import GeometryError
from .guide import Guide
from .segmentation import Segment
from .settings import Settings
from .slices import slice_positions_mm
from .tracking import track
from .volume import AxisOrder, Volume, canonical

TAPER = 1.0
"""Beyond the prior's ends the guide shrinks by so many millimetres a millimetre."""


@dataclass(frozen=True)
class Visit:
    """A follow-up and the aligned prior on its grid, both canonical: (K, H, W), slices first.

    Attributes
    ----------
    followup, prior : Volume
        Canonical, each on its own grid.
    order, prior_order : AxisOrder
        Back to the order of the files.
    prior_hu : (K, H, W) float32
        The prior resampled onto the follow-up.
    """

    followup: Volume
    order: AxisOrder
    prior: Volume
    prior_order: AxisOrder
    alignment: Alignment
    prior_hu: np.ndarray

    @classmethod
    def of(cls, prior: Volume, followup: Volume, alignment: Alignment) -> Visit:
        turned, order = canonical(followup)
        prior_turned, prior_order = canonical(prior)
        return cls(turned, order, prior_turned, prior_order, alignment, alignment.resample_image(prior, turned))

    @cached_property
    def spacing_kji(self) -> np.ndarray:
        return self.followup.spacing_mm[::-1]

    @cached_property
    def positions_mm(self) -> np.ndarray:
        return slice_positions_mm(self.followup)

    def own_index(self, k: int) -> int:
        """Canonical slice number to the number along the file's own slice axis."""
        return len(self.followup.array) - 1 - k if self.order.flips[0] else k

    def prior_slices(self) -> np.ndarray:
        """(K,) canonical prior slice in which each follow-up slice's centre lies nearest; -1 beyond its ends."""
        n, height, width = self.followup.array.shape
        centres = np.column_stack([np.full(n, (width - 1) / 2), np.full(n, (height - 1) / 2), np.arange(n)])
        ras = self.alignment.to_prior(self.followup.ras_of(centres))
        k = (np.column_stack([ras, np.ones(n)]) @ self.prior.ras_to_ijk.T)[:, 2]
        nearest = np.rint(k).astype(int)
        return np.where((nearest >= 0) & (nearest < len(self.prior.array)), nearest, -1)

    def prior_own_index(self, k: int) -> int:
        return len(self.prior.array) - 1 - k if self.prior_order.flips[0] else k


@dataclass(frozen=True)
class Target:
    """One structure to be found on a visit.

    Attributes
    ----------
    segment : Segment
        Of the prior, in the prior file's own grid.
    aligned, tracked : Boxed of (K, H, W) float16
        Probability on the follow-up's canonical grid.
    slices : (n,) int
        Canonical slices to draw, ascending.
    first, last : int
        The slices among them where the tracked prior is; beyond are trials.
    """

    segment: Segment
    aligned: Boxed
    tracked: Boxed
    slices: np.ndarray
    first: int
    last: int
    given_up: tuple[str, ...] = ()
    """Why the tracking was given up, where it was."""

    @classmethod
    def of(cls, segment: Segment, prior: Volume, visit: Visit, settings: Settings) -> Target:
        probability = visit.alignment.resample_mask(segment.mask, prior, visit.followup)
        reach = settings.track_deformable_mm if visit.alignment.used == "deformable" else settings.track_mm
        given_up: list[str] = []
        moved = track(visit.followup.array, visit.prior_hu, probability, visit.spacing_kji, reach, given_up.append)
        aligned, tracked = (Boxed.of(one, dtype=np.float16) for one in (probability, moved))
        present = np.flatnonzero(aligned.any_slice(0.5) | tracked.any_slice(0.5))
        if len(present) == 0:
            raise GeometryError(
                f"The aligned prior's '{segment.name}' lies outside the follow-up (or is thinner than its voxels);"
                " check that both scans show the same region, or give a transform."
            )
        within = np.flatnonzero(tracked.any_slice(0.5))
        first, last = (int(end) for end in (within if len(within) else present)[[0, -1]])
        beyond = int(settings.extent_mm // visit.spacing_kji[0])
        slices = np.arange(min(max(0, first - beyond), present[0]), max(min(len(visit.followup.array) - 1, last + beyond), present[-1]) + 1)
        return cls(segment, aligned, tracked, slices, first, last, tuple(given_up))

    def guide(self, k: int, spacing_mm: np.ndarray) -> Guide:
        """The prior on slice k; beyond its ends, its last slice tapering off."""
        in_plane = (float(spacing_mm[1]), float(spacing_mm[2]))
        if self.first <= k <= self.last:
            return Guide(self.aligned[k].astype(np.float32), self.tracked[k].astype(np.float32), in_plane)
        return Guide(self.aligned[k].astype(np.float32), probability_of(self.depth(k, spacing_mm), in_plane), in_plane)

    def depth(self, k: int, spacing_mm: np.ndarray) -> np.ndarray:
        """(H, W) mm: distance from the tracked prior's border, positive inside; beyond its ends its last slice tapers off."""
        inside = min(max(k, self.first), self.last)
        return depth_mm(self.tracked[inside] >= 0.5, (float(spacing_mm[1]), float(spacing_mm[2]))) - TAPER * abs(k - inside) * spacing_mm[0]


def surroundings(inside: np.ndarray, spacing_mm: np.ndarray, reach_mm: float) -> np.ndarray:
    """(H, W) bool: outside a mask, but within reach of it."""
    return ~inside & (ndimage.distance_transform_edt(~inside, sampling=spacing_mm[1:]) <= reach_mm)


def depth_mm(mask: np.ndarray, spacing_mm: tuple[float, float]) -> np.ndarray:
    """(H, W) mm: distance from the border, positive inside a mask."""
    inside, outside = (ndimage.distance_transform_edt(one, sampling=spacing_mm) for one in (mask, ~mask))
    return inside - outside


def probability_of(depth: np.ndarray, spacing_mm: tuple[float, float]) -> np.ndarray:
    """(H, W) float32: the logistic function of a depth in pixels, 0.5 at the border."""
    return (1 / (1 + np.exp(-np.clip(depth / max(spacing_mm), -20, 20)))).astype(np.float32)

