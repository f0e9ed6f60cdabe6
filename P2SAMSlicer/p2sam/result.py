"""What a run hands over: for every slice the prompts, the candidates, the choice, and the reason to look at it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .prompts import PointPrompts
from .segmentation import Segment
from .volume import Volume


@dataclass(frozen=True)
class Flag:
    """Why a person should look at a slice: a short `code` for tables and a `reason` in one sentence."""

    code: str
    reason: str


@dataclass(frozen=True)
class CandidateRecord:
    """One candidate without its voxels. `distance` is None where the mask is empty (it has no score)."""

    kind: str
    """"parts" (drawn from prompts), "aligned prior" (the registered contour), or "tracked prior" (the same, tracked)."""
    n_positive: int
    n_negative: int
    distance: float | None
    area_mm2: float


@dataclass(frozen=True)
class SliceResult:
    """One slice of one structure.

    Attributes
    ----------
    index : int
        Slice number along the follow-up's own slice axis, 0-based, as Slicer's IJK counts it.
    position_mm : float
        Along the slice normal, from the patient origin.
    reference_index : int or None
        The paired slice of the prior, along the prior's own slice axis; None where the prior does not reach.
    prompts : PointPrompts
        Of the chosen candidate, or, where the registered prior was kept, of the nearest drawn one; empty where nothing was
        drawn.
    prompts_ras : (n, 3) float64
        The same points in patient space, millimetres.
    candidates : tuple of CandidateRecord
    chosen : int or None
        Index into `candidates`; None where every candidate was empty.
    area_mm2, prior_area_mm2 : float
        Of the result, and of the aligned prior, on this slice.
    flags : tuple of Flag
        Empty where nothing calls for a look.
    """

    index: int
    position_mm: float
    reference_index: int | None
    prompts: PointPrompts
    prompts_ras: np.ndarray
    candidates: tuple[CandidateRecord, ...]
    chosen: int | None
    area_mm2: float
    prior_area_mm2: float
    flags: tuple[Flag, ...] = ()

    @property
    def distance(self) -> float | None:
        """Distribution distance of the chosen candidate."""
        return None if self.chosen is None else self.candidates[self.chosen].distance


@dataclass(frozen=True)
class StructureResult:
    """One structure of one follow-up, in the follow-up's own grid. `segment.mask` is the result."""

    segment: Segment
    slices: tuple[SliceResult, ...]
    volume_ml: float
    prior_volume_ml: float
    centroid_shift_mm: float | None
    """Between the aligned prior's centroid and the result's; None where the result is empty."""
    warnings: tuple[str, ...] = ()
    usual_distance: float | None = None
    """What the prior shows against itself; None where too few of its slices were compared."""
    prior_is_part: bool = False
    """Whether the prior's contour reaches the border of the prior's scan, so that its volume is that of a part."""
    reaches_beyond_prior: bool = False
    """Whether the follow-up shows more of the structure than such a prior does."""

    def is_part(self, aligned: np.ndarray) -> bool:
        """Whether one of the two volumes is that of a part, so that they are not to be compared; `aligned` as in `is_cut`."""
        return self.prior_is_part or self.is_cut(aligned)

    def is_cut(self, aligned: np.ndarray) -> bool:
        """Whether the result or the aligned prior (K, J, I) reaches the border of the scan, so that its volume is a part."""
        either = self.segment.mask | aligned
        return any(np.take(either, end, axis=axis).any() for axis in range(3) for end in (0, -1))


@dataclass(frozen=True)
class VisitResult:
    """One follow-up: every structure asked for, and how the prior was brought onto it."""

    name: str
    followup: Volume
    structures: tuple[StructureResult, ...]
    aligned_masks: dict[str, np.ndarray]
    """Structure name -> (K, J, I) bool: the registered prior's contour on the follow-up's grid."""
    alignment: dict
    """`Alignment.summary()`: requested, used, quality, seconds, warnings."""
    complete: bool = True
    """False where the run was stopped; the slices done are kept."""
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    provenance: dict = field(default_factory=dict)
