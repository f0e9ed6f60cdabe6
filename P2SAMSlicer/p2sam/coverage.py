"""Where the prior's scan ends within a structure, so that nothing is known of what lies beyond."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from .result import Flag
from .visit import Target, Visit

NEAR_MM = 10.0
"""So near to the end of the prior's scan the alignment has nothing on one side to hold on to."""
BEYOND_SHARE = 0.05
"""Of an outline, that must lie beyond the end for its slice to be one that the prior does not show."""
SIDE_PIXELS = 1.0
"""So near to the side of the prior's scan an outline is cut off by it."""
MOST_POINTS = 64
"""Of an outline that are carried to the prior."""
CODE = "beyond the prior's scan"


def is_cut_by_scan(mask: np.ndarray) -> bool:
    """Whether a mask reaches the border of the scan it was drawn on, so that its volume is a part."""
    return any(np.take(mask, end, axis=axis).any() for axis in range(mask.ndim) for end in (0, -1))


def beyond_flag(visit: Visit, target: Target, k: int) -> list[Flag]:
    """Of one slice, from it and the outermost two."""
    first, last = reach_of(visit, target)
    flag = beyond_flags(visit, target, sorted({first, k, last})).get(k)
    return [] if flag is None else [flag]


def reach_of(visit: Visit, target: Target) -> tuple[int, int]:
    """First and last of the slices to draw and the next one on either side."""
    return max(0, int(target.slices[0]) - 1), min(len(visit.followup.array) - 1, int(target.slices[-1]) + 1)


def beyond_flags(visit: Visit, target: Target, slices: Sequence[int] | None = None) -> dict[int, Flag]:
    """Canonical slice -> its flag, where the prior's scan does not show it, ends close to it, or cuts it at the side.

    Only of a structure whose contour on the prior reaches that end, and only where the follow-up shows more of it.
    """
    if not is_cut_by_scan(target.segment.mask):
        return {}
    if slices is None:
        first, last = reach_of(visit, target)
        slices = range(first, last + 1)
    drawn = visit.prior_order.apply(target.segment.mask)
    places = {k: places_in_prior(visit, k, outline) for k, outline in outlines(target, slices).items()}
    found = {k: Flag(CODE, "The prior's scan cuts the structure at its side here; what lies beyond was not segmented reliably.")
             for k, place in places.items() if is_at_side(place, drawn)}  # fmt: skip
    for end in (0, -1):
        if drawn[end].any():
            found |= end_flags({k: left_mm(place, end, visit) for k, place in places.items()})
    return found


def outlines(target: Target, slices: Sequence[int]) -> dict[int, np.ndarray]:
    """Slice -> (n, 2) pixels (column, row) on the outline of the aligned prior, where it is absent of the nearest slice that has
    it; pixels on the follow-up's own border are left out."""
    present, found = np.flatnonzero(target.aligned.any_slice(0.5)), {}
    for k in slices if len(present) else ():
        mask = target.aligned[int(present[np.abs(present - k).argmin()])] >= 0.5
        edge = mask & ~ndimage.binary_erosion(mask)
        edge[[0, -1]] = edge[:, [0, -1]] = False
        rows, columns = np.nonzero(edge)
        if len(rows):
            found[k] = np.column_stack([columns, rows])[:: -(-len(rows) // MOST_POINTS)]
    return found


def places_in_prior(visit: Visit, k: int, outline: np.ndarray) -> np.ndarray:
    """(n, 3) kji on the canonical prior of an outline on slice k."""
    ijk = np.column_stack([outline, np.full(len(outline), k)]).astype(float)
    ras = visit.alignment.to_prior(visit.followup.ras_of(ijk))
    return (np.column_stack([ras, np.ones(len(ras))]) @ visit.prior.ras_to_ijk.T)[:, 2::-1]


def left_mm(place: np.ndarray, end: int, visit: Visit) -> np.ndarray:
    """(n,) mm from an outline to the outer face of the prior's first (0) or last (-1) slice, negative beyond it."""
    k = place[:, 0]
    return (k + 0.5 if end == 0 else len(visit.prior.array) - 0.5 - k) * visit.prior.spacing_mm[2]


def end_flags(left: dict[int, np.ndarray]) -> dict[int, Flag]:
    """Flags of the slices beyond an end and close to it; none where no slice lies beyond."""
    beyond = {k for k, mm in left.items() if np.quantile(mm, BEYOND_SHARE) < 0}
    if not beyond:
        return {}
    there = Flag(CODE, "The prior's scan ends before this slice; what is drawn here is a guess from the slices beside it.")
    near = Flag(CODE, f"The prior's scan ends within {NEAR_MM:.0f} mm of this slice; the structure may reach farther than it was drawn.")
    return {k: there if k in beyond else near for k, mm in left.items() if k in beyond or np.median(mm) <= NEAR_MM}


def is_at_side(place: np.ndarray, drawn: np.ndarray) -> bool:
    """Whether an outline (kji on the prior) comes to a side of the prior's scan that the prior's contour touches."""
    for axis in (1, 2):
        last = drawn.shape[axis] - 1
        for end, left in ((0, place[:, axis]), (-1, last - place[:, axis])):
            if np.take(drawn, end, axis=axis).any() and (left < SIDE_PIXELS).any():
                return True
    return False
