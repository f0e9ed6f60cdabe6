"""A result as the review of the scene has it: what was seen and settled, not what another run would say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from p2sam.assembly import centroid_shift_mm, structure_warnings
from p2sam.coverage import beyond_flags, is_cut_by_scan
from p2sam.errors import StructureError
from p2sam.prompts import PointPrompts
from p2sam.result import CandidateRecord, Flag, SliceResult, StructureResult, VisitResult
from p2sam.visit import Target

from .edited import drawn_by_hand
from .open_case import OpenCase
from .protocol import ProtocolError

BY_ITSELF = ("Nothing was found of '{name}'", "The prior scan ends within '{name}'", "The field of view cuts '{name}'")
"""How the sentences of `structure_warnings` begin: they follow the mask, and are not taken from the review."""
NOT_OF_THE_METHOD = "drawn by hand"


def stored_visit(opened: OpenCase, told: Mapping, masks: Mapping[str, np.ndarray]) -> VisitResult:
    """The visit of a review.

    Parameters
    ----------
    told : mapping
        `complete`, `seconds`, `alignment`, `warnings`, `provenance`, and `structures`: a list of `name`, `usual_distance`,
        `warnings` and `slices`, each slice as `codec.slice_message` tells it, with `by_hand`. What is absent was not stored.
    masks : structure name -> (K, J, I) bool
        As the scene has them; one for each structure.

    Raises
    ------
    StructureError
        A structure that the case does not have.
    ProtocolError
        A structure without its mask, or a slice that is outside the scan.
    """
    structures, aligned, by_hand = [], {}, {}
    for one in told["structures"]:
        name = str(one["name"])
        if name not in opened.case.targets:
            raise StructureError(f"There is no structure '{name}' in this visit; it has: {', '.join(opened.case.names)}.")
        if name not in masks:
            raise ProtocolError(f"The result of '{name}' was sent without its mask.")
        target = opened.case.targets[name]
        aligned[name] = opened.case.visit.order.undo(target.aligned.reaching(0.5))
        structures.append(stored_structure(opened, target, one, masks[name], aligned[name]))
        edited = [int(slice_["index"]) for slice_ in one["slices"] if slice_.get("by_hand")]
        by_hand |= {name: edited} if edited else {}
    lines = [f"'{name}' was edited by hand on {len(slices)} slice{'s' if len(slices) > 1 else ''}." for name, slices in by_hand.items()]
    provenance = {**opened.facts, **(told.get("provenance") or {}), **({"edited_slices": by_hand} if by_hand else {})}
    return VisitResult(
        name=opened.case.name,
        followup=opened.followup,
        structures=tuple(structures),
        aligned_masks=aligned,
        alignment=dict(told.get("alignment") or {}),
        complete=bool(told.get("complete", True)),
        warnings=(*(str(line) for line in told.get("warnings") or ()), *other_alignment(opened, told.get("alignment") or {}), *lines),
        seconds=float(told.get("seconds") or 0.0),
        provenance=provenance,
    )


def other_alignment(opened: OpenCase, stored: Mapping) -> list[str]:
    """A sentence where the case, opened again, was aligned otherwise than the one that was reviewed."""
    now = opened.case.alignment.summary()
    if not stored or all(stored.get(key) in (None, now[key]) for key in ("used", "quality")):
        return []
    return [
        f"The alignment was computed again for this report ('{now['used']}', quality {now['quality']}) and differs from the one that was reviewed; "
        "the aligned prior in the pictures, and transform.h5, are of the new one."
    ]


def stored_structure(opened: OpenCase, target: Target, told: Mapping, mask: np.ndarray, aligned: np.ndarray) -> StructureResult:
    """One structure: what the method said of it from the review, what is measured from the mask."""
    axis, spacing_kji, name = opened.case.slice_axis, opened.followup.spacing_mm[::-1], str(told["name"])
    areas = np.count_nonzero(mask, axis=tuple(one for one in range(3) if one != axis)) * float(np.prod(np.delete(spacing_kji, axis)))
    stored = {int(one["index"]): one for one in told["slices"]}
    outside = [index for index in stored if not 0 <= index < len(areas)]
    if outside:
        raise ProtocolError(f"The review of '{name}' has a slice {outside[0]}; the scan has {len(areas)}.")
    drawn = set(stored) | set(np.flatnonzero(areas).tolist())
    fresh = {one.index: one for one in drawn_by_hand(opened.followup, axis, areas, sorted(drawn))}
    slices = [stored_slice(opened, stored[index], one) if index in stored else one for index, one in fresh.items()]
    structure = StructureResult(
        target.segment.with_mask(mask),
        tuple(sorted(slices, key=lambda one: one.index)),
        float(np.count_nonzero(mask) * spacing_kji.prod() / 1000),
        float(np.count_nonzero(target.segment.mask) * opened.prior.spacing_mm.prod() / 1000),
        centroid_shift_mm(mask, aligned, spacing_kji),
        usual_distance=told.get("usual_distance"),
        prior_is_part=is_cut_by_scan(target.segment.mask),
        reaches_beyond_prior=bool(beyond_flags(opened.case.visit, target)),
    )
    return with_warnings(structure, aligned, told.get("warnings") or ())


def with_warnings(structure: StructureResult, aligned: np.ndarray, stored: Iterable[str]) -> StructureResult:
    own = tuple(start.format(name=structure.segment.name) for start in BY_ITSELF)
    kept = tuple(str(line) for line in stored if not str(line).startswith(own))
    return replace(structure, warnings=(*structure_warnings(structure, aligned), *kept))


def stored_slice(opened: OpenCase, told: Mapping, bare: SliceResult) -> SliceResult:
    """A slice of the review; `bare` has what follows from the mask and the scan."""
    prompts, ras = prompts_of(opened, told.get("points") or ())
    candidates, chosen = candidates_of(told)
    reference = told.get("reference_index")
    return SliceResult(
        index=bare.index,
        position_mm=bare.position_mm if told.get("position_mm") is None else float(told["position_mm"]),
        reference_index=None if reference is None else int(reference),
        prompts=prompts,
        prompts_ras=ras,
        candidates=candidates,
        chosen=chosen,
        area_mm2=bare.area_mm2,
        prior_area_mm2=float(told.get("prior_area_mm2") or 0.0),
        flags=tuple(Flag(str(flag["code"]), str(flag["reason"])) for flag in told.get("flags") or ()),
    )


def candidates_of(told: Mapping) -> tuple[tuple[CandidateRecord, ...], int | None]:
    """The candidates that were stored and the chosen one; only the chosen one where the others were not stored."""
    stored = tuple(
        CandidateRecord(str(one["kind"]), int(one.get("n_positive") or 0), int(one.get("n_negative") or 0), one.get("distance"), float(one.get("area_mm2") or 0.0))
        for one in told.get("candidates") or ()
    )
    if stored:
        return stored, told.get("chosen")
    kind = told.get("kind")
    if not kind or kind == NOT_OF_THE_METHOD:
        return (), None
    only = CandidateRecord(str(kind), int(told.get("n_positive") or 0), int(told.get("n_negative") or 0), told.get("distance"), float(told.get("area_mm2") or 0.0))
    return (only,), 0


def prompts_of(opened: OpenCase, points: Iterable[Mapping]) -> tuple[PointPrompts, np.ndarray]:
    """Points as the review has them, on the canonical slice and in patient space; -1 is the part of a point that a person added."""
    points = list(points)
    if not points:
        return PointPrompts.empty(), np.zeros((0, 3))
    ras = np.array([point["ras"] for point in points], float)
    canonical = opened.case.visit.followup
    ijk = (np.column_stack([ras, np.ones(len(ras))]) @ canonical.ras_to_ijk.T)[:, :3]
    similarity = [np.nan if point.get("similarity") is None else float(point["similarity"]) for point in points]
    labels, parts = ([int(point[key]) for point in points] for key in ("label", "part"))
    prompts = PointPrompts(np.round(ijk[:, :2], 3).astype(np.float32), np.array(labels, np.int8), np.array(parts), np.array(similarity, np.float32))
    return prompts, ras
