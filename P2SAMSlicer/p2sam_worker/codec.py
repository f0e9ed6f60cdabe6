"""Results as messages: figures in JSON, voxels as arrays in the job folder."""

from __future__ import annotations

import numpy as np

from p2sam.files.provenance import as_json
from p2sam.result import CandidateRecord, SliceResult, StructureResult, VisitResult

from .job import JobFolder


def visit_message(visit: VisitResult, slice_axis: int, job: JobFolder) -> dict:
    """A visit; each structure's result and aligned prior are saved as (K, J, I) uint8 in the follow-up's own order."""
    return {
        "name": visit.name,
        "complete": visit.complete,
        "warnings": list(visit.warnings),
        "seconds": round(visit.seconds, 3),
        "alignment": as_json(visit.alignment),
        "slice_axis": slice_axis,
        "shape": list(visit.followup.array.shape),
        "spacing_mm": visit.followup.spacing_mm.tolist(),
        "ijk_to_ras": visit.followup.ijk_to_ras.tolist(),
        "structures": [structure_message(one, visit.aligned_masks[one.segment.name], job) for one in visit.structures],
        "provenance": as_json(visit.provenance),
    }


def structure_message(structure: StructureResult, aligned: np.ndarray, job: JobFolder) -> dict:
    segment = structure.segment
    return {
        "name": segment.name,
        "id": segment.id,
        "color_rgb": list(segment.color_rgb),
        "terminology": segment.terminology,
        "mask": job.save_array(segment.mask.astype(np.uint8), "mask"),
        "aligned": job.save_array(aligned.astype(np.uint8), "aligned"),
        "volume_ml": structure.volume_ml,
        "prior_volume_ml": structure.prior_volume_ml,
        "centroid_shift_mm": structure.centroid_shift_mm,
        "cut_by_field_of_view": structure.is_cut(aligned),
        "cut_by_prior_scan": structure.prior_is_part,
        "usual_distance": structure.usual_distance,
        "warnings": list(structure.warnings),
        "slices": [slice_message(one) for one in structure.slices],
    }


def slice_message(result: SliceResult) -> dict:
    """A slice: its figures, why to look at it, its candidates without voxels, and the points that were used."""
    chosen = None if result.chosen is None else result.candidates[result.chosen]
    prompts = result.prompts
    return as_json({
        "index": result.index,
        "position_mm": result.position_mm,
        "reference_index": result.reference_index,
        "distance": result.distance,
        "area_mm2": result.area_mm2,
        "prior_area_mm2": result.prior_area_mm2,
        "kind": None if chosen is None else chosen.kind,
        "n_positive": None if chosen is None else chosen.n_positive,
        "n_negative": None if chosen is None else chosen.n_negative,
        "flags": [{"code": flag.code, "reason": flag.reason} for flag in result.flags],
        "candidates": [candidate_message(one) for one in result.candidates],
        "chosen": result.chosen,
        "points": [
            {"label": int(label), "part": int(part), "similarity": float(similarity), "ras": place}
            for label, part, similarity, place in zip(prompts.labels, prompts.parts, prompts.similarity, result.prompts_ras)
        ],
    })  # fmt: skip


def candidate_message(candidate: CandidateRecord) -> dict:
    return {
        "kind": candidate.kind,
        "n_positive": candidate.n_positive,
        "n_negative": candidate.n_negative,
        "distance": candidate.distance,
        "area_mm2": candidate.area_mm2,
    }
