"""A result in which a person changed contours: the same visit with the new masks, and every figure that follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from p2sam.assembly import centroid_shift_mm, structure_warnings
from p2sam.errors import StructureError
from p2sam.prompts import PointPrompts
from p2sam.result import SliceResult, StructureResult, VisitResult
from p2sam.slices import slice_positions_mm
from p2sam.volume import Volume, canonical


def with_masks(visit: VisitResult, masks: Mapping[str, np.ndarray], slice_axis: int) -> VisitResult:
    """The visit with some structures' masks replaced; masks that are equal to the result change nothing.

    Parameters
    ----------
    masks : structure name -> (K, J, I) bool
        On the follow-up's own grid.

    Raises
    ------
    StructureError
        A structure that the visit does not have.
    """
    names = [one.segment.name for one in visit.structures]
    for name in masks:
        if name not in names:
            raise StructureError(f"There is no structure '{name}' in this visit; it has: {', '.join(names)}.")
    edits = {
        one.segment.name: edited_slices(one.segment.mask, masks[one.segment.name], slice_axis) for one in visit.structures if one.segment.name in masks
    }
    edits = {name: slices for name, slices in edits.items() if slices}
    if not edits:
        return visit
    structures = tuple(
        changed(one, masks[one.segment.name], visit, slice_axis) if one.segment.name in edits else one for one in visit.structures
    )
    told = tuple(f"'{name}' was edited by hand on {len(slices)} slice{'s' if len(slices) > 1 else ''}." for name, slices in edits.items())
    provenance = {**visit.provenance, "edited_slices": edits}
    return replace(visit, structures=structures, warnings=(*visit.warnings, *told), provenance=provenance)


def edited_slices(before: np.ndarray, after: np.ndarray, slice_axis: int) -> list[int]:
    """Indices of the slices on which two masks differ."""
    others = tuple(axis for axis in range(3) if axis != slice_axis)
    return np.flatnonzero((before != after).any(axis=others)).tolist()


def changed(structure: StructureResult, mask: np.ndarray, visit: VisitResult, slice_axis: int) -> StructureResult:
    """One structure with another mask: volume, shift, areas and warnings follow it; flags and points stay, as they tell of the method."""
    name, aligned = structure.segment.name, visit.aligned_masks[structure.segment.name]
    spacing_kji = visit.followup.spacing_mm[::-1]
    pixel_mm2 = float(np.prod(np.delete(spacing_kji, slice_axis)))
    areas = np.count_nonzero(mask, axis=tuple(axis for axis in range(3) if axis != slice_axis)) * pixel_mm2
    known = [replace(one, area_mm2=float(areas[one.index])) for one in structure.slices]
    further = set(np.flatnonzero(areas).tolist()) - {one.index for one in known}
    new = replace(
        structure,
        segment=structure.segment.with_mask(mask),
        slices=tuple(sorted([*known, *drawn_by_hand(visit.followup, slice_axis, areas, further)], key=lambda one: one.index)),
        volume_ml=float(np.count_nonzero(mask) * spacing_kji.prod() / 1000),
        centroid_shift_mm=centroid_shift_mm(mask, aligned, spacing_kji),
    )
    old = structure_warnings(structure, aligned)
    kept = tuple(line for line in structure.warnings if line not in old)
    return replace(new, warnings=(*structure_warnings(new, aligned), *kept))


def drawn_by_hand(followup: Volume, slice_axis: int, areas: np.ndarray, indices: Iterable[int]) -> list[SliceResult]:
    """Slices on which only a person drew: no points, no candidates, no distance."""
    volume, order = canonical(followup)
    positions = slice_positions_mm(volume)
    if order.flips[0]:
        positions = positions[::-1]
    nothing, points = PointPrompts.empty(), np.zeros((0, 3))
    return [SliceResult(index, float(positions[index]), None, nothing, points, (), None, float(areas[index]), 0.0) for index in indices]
