"""From slices back to a volume: ends decided, specks removed, overlaps settled, and every removal given its reason."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from . import flags
from .boxed import Boxed, union
from .coverage import beyond_flags, is_cut_by_scan
from .drafts import ANCHOR_LOGIT, LEAST_LOGIT
from .result import Flag, SliceResult, StructureResult
from .settings import Settings
from .volume import Volume

if TYPE_CHECKING:
    from .drafts import Draft, DrawnSlice
    from .visit import Visit

NESTED = 0.05
"""Structures that share more than this fraction of the smaller one on the prior are meant to overlap."""


def assemble(
    visit: Visit, drafts: list[Draft], followup: Volume, settings: Settings
) -> tuple[tuple[StructureResult, ...], dict[str, np.ndarray], tuple[str, ...]]:
    """Stack, clean and settle all structures.

    Returns
    -------
    (structures, aligned masks by name, warnings)
        Everything on the follow-up's own grid.
    """
    stacks, reasons = [], []
    for draft in drafts:
        stack = stacked(draft, visit.followup.array.shape)
        why: dict[int, list[Flag]] = {}
        decide_ends(draft, stack, visit, settings, why)
        remove_specks(draft, stack, visit, settings, why)
        stacks.append(stack)
        reasons.append(why)
    warnings = settle_overlaps(drafts, stacks)
    structures = tuple(
        structure_of(visit, draft, stack, why, settings) for draft, stack, why in zip(drafts, stacks, reasons)
    )
    aligned = {draft.target.segment.name: visit.order.undo(draft.target.aligned.reaching(0.5)) for draft in drafts}
    return structures, aligned, warnings


def stacked(draft: Draft, shape: tuple[int, int, int]) -> Boxed:
    """Logits of every drawn slice, in the box that holds their foreground; -16 where nothing was drawn."""
    if not draft.drawn:
        return Boxed(np.zeros((0, 0, 0), np.float16), (slice(0, 0),) * 3, shape, -16.0)
    in_plane = union([drawn.logits.box for drawn in draft.drawn.values()])
    box = (slice(min(draft.drawn), max(draft.drawn) + 1), *in_plane)
    inside = np.full([one.stop - one.start for one in box], -16.0, np.float16)
    for k, drawn in draft.drawn.items():
        inside[k - box[0].start] = drawn.logits.over(in_plane)
    return Boxed(inside, box, shape, -16.0)


def usual_distance(draft: Draft, settings: Settings) -> float | None:
    """What the prior shows against itself: a high quantile over neighbouring slices; None with fewer than two."""
    known = list(draft.self_distances.values())
    return float(np.quantile(known, settings.extent_quantile)) if len(known) >= 2 else None


def decide_ends(draft: Draft, stack: Boxed, visit: Visit, settings: Settings, why: dict[int, list[Flag]]) -> None:
    """Slices beyond the prior's ends, up to `extent_mm`, stay while they look like the prior and touch the slice before.

    What a person accepted stays. Where the aligned prior has something too, the removal is told of.
    """
    if not settings.use_prior:
        return
    target, usual = draft.target, usual_distance(draft, settings)
    reach = int(settings.extent_mm // visit.spacing_kji[0])
    for end, step in ((target.first, -1), (target.last, 1)):
        k = end + step
        while k in draft.drawn:
            distance = draft.drawn[k].distance
            touches = ((stack[k] > 0) & (stack[k - step] > 0)).any()
            if abs(k - end) > reach or not touches or distance is None or usual is None or distance > usual:
                break
            why.setdefault(k, []).append(Flag("extent end", "Drawn beyond the prior's end: it still looks like the structure."))
            k += step
        while k in draft.drawn:
            if k not in draft.anchors:
                removed = float(np.count_nonzero(stack[k] > 0) * visit.spacing_kji[1:].prod())
                if removed and (target.aligned[k] >= 0.5).any():
                    why.setdefault(k, []).append(flags.end_flag(removed))
                stack.inside[k - stack.box[0].start] = -16.0
            k += step


def remove_specks(draft: Draft, stack: Boxed, visit: Visit, settings: Settings, why: dict[int, list[Flag]]) -> None:
    """Take away 3D pieces that are small against the largest and were neither in the tracked prior nor accepted."""
    inside = stack.inside > 0
    pieces, count = ndimage.label(inside)
    if count < 2 or settings.speck_fraction == 0:
        return
    known_voxels = draft.target.tracked.over(stack.box) >= 0.5
    first = stack.box[0].start
    for k in draft.anchors:
        if k in draft.drawn:
            known_voxels[k - first] |= inside[k - first]
    sizes = np.bincount(pieces.ravel())[1:]
    known = np.bincount(pieces[known_voxels].ravel(), minlength=count + 1)[1:]
    accepted = np.zeros(count + 1, bool)
    accepted[[p for k in draft.anchors if k in draft.drawn for p in np.unique(pieces[k - first])]] = True
    small = (sizes < settings.speck_fraction * sizes.max()) & (known < 0.5 * sizes) & ~accepted[1:]
    voxel_ml = visit.spacing_kji.prod() / 1000
    boxes = ndimage.find_objects(pieces)
    for piece in np.flatnonzero(small):
        box = boxes[piece]
        here = pieces[box] == piece + 1
        stack.inside[box][here] = -16.0
        for k in range(box[0].start, box[0].stop):
            if here[k - box[0].start].any():
                why.setdefault(k + first, []).append(Flag("speck removed", f"A separate piece of {sizes[piece] * voxel_ml:.2f} ml was removed."))


def settle_overlaps(drafts: list[Draft], stacks: list[Boxed]) -> tuple[str, ...]:
    """Give each voxel that two structures claim to the more probable one, unless they overlap on the prior too.

    An accepted slice keeps what it has; where both were accepted, both do.
    """
    warnings = []
    for a in range(len(stacks)):
        for b in range(a + 1, len(stacks)):
            one, other = common_part(stacks[a], stacks[b])
            both = (one > 0) & (other > 0) & ((one < ANCHOR_LOGIT) | (other < ANCHOR_LOGIT))
            voxels = int(both.sum())
            if voxels == 0:
                continue
            first, second = drafts[a].target.segment, drafts[b].target.segment
            shared = np.count_nonzero(first.mask & second.mask)
            if shared > NESTED * min(np.count_nonzero(first.mask), np.count_nonzero(second.mask)):
                warnings.append(f"'{first.name}' and '{second.name}' overlap, as they do on the prior; left as they are.")
                continue
            to_first = both & (one >= other)
            other[to_first] = -16.0
            one[both & ~to_first] = -16.0
            warnings.append(f"'{first.name}' and '{second.name}' claimed {voxels} voxels both; each went to the more probable one.")
    return tuple(warnings)


def common_part(one: Boxed, other: Boxed) -> tuple[np.ndarray, np.ndarray]:
    """Views of two stacks where their boxes meet."""
    low = [max(a.start, b.start) for a, b in zip(one.box, other.box)]
    high = [max(start, min(a.stop, b.stop)) for start, a, b in zip(low, one.box, other.box)]
    views = (
        boxed.inside[tuple(slice(start - axis.start, stop - axis.start) for start, stop, axis in zip(low, high, boxed.box))]
        for boxed in (one, other)
    )
    return tuple(views)


def structure_of(
    visit: Visit, draft: Draft, stack: Boxed, why: dict[int, list[Flag]], settings: Settings
) -> StructureResult:
    """The structure's slices with their flags, and its figures."""
    target = draft.target
    spacing = visit.spacing_kji
    usual = usual_distance(draft, settings)
    prior_slices = visit.prior_slices()
    slices, beyond = [], beyond_flags(visit, target)
    outlines = {k: flags.outline(stack[k] > 0, spacing[1:]) for k in draft.drawn}
    priors = {k: flags.outline(target.aligned[k] >= 0.5, spacing[1:]) for k in draft.drawn}
    for k in sorted(draft.drawn, key=visit.own_index):
        drawn = draft.drawn[k]
        found = list(why.get(k, []))
        if "empty" not in [flag.code for flag in found]:
            found += flags.empty_flag(outlines[k], priors[k])
        if k - 1 in outlines:
            found += flags.jump_flags(outlines[k], outlines[k - 1], priors[k], priors[k - 1], f"slice {visit.own_index(k - 1)}")
        if outlines[k].area_mm2 > 0:
            found += flags.distance_flags(drawn.distance, True, usual)
            found += flags.prompt_flags(drawn.prompts, visit.followup.array[k])
        found += [beyond[k]] if k in beyond else []
        slices.append(slice_result(visit, k, int(prior_slices[k]), drawn, outlines[k], priors[k], found))
    mask, aligned = stack.reaching(LEAST_LOGIT / 2), target.aligned.reaching(0.5)
    structure = StructureResult(
        target.segment.with_mask(visit.order.undo(mask)),
        tuple(slices),
        float(mask.sum() * spacing.prod() / 1000),
        float(target.segment.mask.sum() * visit.prior.spacing_mm.prod() / 1000),
        centroid_shift_mm(mask, aligned, spacing),
        usual_distance=usual,
        prior_is_part=is_cut_by_scan(target.segment.mask),
        reaches_beyond_prior=bool(beyond),
    )
    told = tuple(f"The tracking of '{target.segment.name}': {reason}; check its place." for reason in target.given_up)
    return replace(structure, warnings=(*structure_warnings(structure, visit.order.undo(aligned)), *told))


def slice_result(
    visit: Visit, k: int, prior_k: int, drawn: DrawnSlice, here: flags.Outline, prior: flags.Outline, found: list[Flag]
) -> SliceResult:
    points = np.column_stack([drawn.prompts.points_xy, np.full(len(drawn.prompts), k)]).astype(float)
    return SliceResult(
        visit.own_index(k),
        float(visit.positions_mm[k]),
        None if prior_k < 0 else visit.prior_own_index(prior_k),
        drawn.prompts,
        visit.followup.ras_of(points),
        drawn.candidates,
        drawn.chosen,
        here.area_mm2,
        prior.area_mm2,
        tuple(found),
    )


def centroid_shift_mm(mask: np.ndarray, aligned: np.ndarray, spacing: np.ndarray) -> float | None:
    if not mask.any() or not aligned.any():
        return None
    here, there = (np.array([axis.mean() for axis in np.nonzero(m)]) for m in (mask, aligned))
    return float(np.linalg.norm((here - there) * spacing))


def structure_warnings(structure: StructureResult, aligned: np.ndarray) -> tuple[str, ...]:
    """What holds for the structure as a whole; `aligned` (K, J, I) is the aligned prior on the follow-up's own grid."""
    name, found = structure.segment.name, []
    if structure.volume_ml == 0:
        found.append(f"Nothing was found of '{name}' on this visit.")
    if structure.reaches_beyond_prior:
        found.append(f"The prior scan ends within '{name}'; what lies beyond it was not segmented reliably, and its volume is not complete.")
    if structure.is_cut(aligned):
        found.append(f"The field of view cuts '{name}'{'' if structure.reaches_beyond_prior else '; its volume is that of the part inside'}.")
    return tuple(found)
