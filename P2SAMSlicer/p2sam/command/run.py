"""One run of `p2sam propagate`: each follow-up aligned, segmented, measured and written, and what happened told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from ..align import Alignment, align
from ..errors import Cancelled, GeometryError, StructureError
from ..files.output import REPORT, write_visit
from ..files.provenance import as_json, run_facts
from ..models.base import PromptableModel
from ..propagation import propagate
from ..result import StructureResult, VisitResult
from ..truth import metric_rows
from .bars import Bars
from .inputs import Followup, Inputs
from .request import Request
from .stop import Stop

Tell = Callable[[dict], None]
"""Given the summary of each follow-up when its folder is written."""


def run(request: Request, inputs: Inputs, model: PromptableModel, bars: Bars, stop: Stop, tell: Tell) -> None:
    """Propagate to every follow-up in turn. One that does not fit the prior does not keep the others from being done.

    Raises
    ------
    Cancelled
        Stopped; what is done is written, an unfinished follow-up marked incomplete.
    GeometryError, StructureError
        After the last follow-up, where one of them failed.
    """
    failed: list[tuple[str, GeometryError | StructureError]] = []
    for number, followup in enumerate(inputs.followups):
        try:
            complete = run_followup(number, request, inputs, model, bars, stop, tell)
        except (GeometryError, StructureError) as error:
            failed.append((followup.name, error))
            complete = not stop()
        left = [one.name for one in inputs.followups[number + 1 :]]
        if stop() and (left or not complete):
            raise Cancelled(stopped(followup.name, complete, left))
    if failed and len(inputs.followups) == 1:
        raise failed[0][1]
    if failed:
        reasons = " ".join(f"{name}: {error}" for name, error in failed)
        raise type(failed[0][1])(f"{len(failed)} of {len(inputs.followups)} follow-ups were not segmented. {reasons}")


def stopped(name: str, complete: bool, left: list[str]) -> str:
    parts = [] if complete else [f"{name} is incomplete and marked so"]
    parts += [f"{', '.join(left)} {'was' if len(left) == 1 else 'were'} not begun"] if left else []
    return "; ".join(parts) + "."


def run_followup(number: int, request: Request, inputs: Inputs, model: PromptableModel, bars: Bars, stop: Stop, tell: Tell) -> bool:
    """Align, segment, measure, write and tell of one follow-up; False where it was stopped before its end."""
    followup = inputs.followups[number]
    started = datetime.now(timezone.utc).isoformat(timespec="seconds")
    bars.begin(followup.name)
    alignment = aligned(request, inputs, followup, bars, stop)
    visit = propagate(
        inputs.prior, inputs.segmentation, followup.volume, model, request.settings,
        names=inputs.structures, alignment=alignment, name=followup.name, progress=bars.stage, cancelled=stop,
    )  # fmt: skip
    if not visit.complete and not any(result.candidates for structure in visit.structures for result in structure.slices):
        raise Cancelled(f"{followup.name} was stopped before its first slice; nothing was written for it.")
    if visit.complete:
        bars.finish()
    visit = replace(
        visit,
        warnings=(*followup.warnings, *visit.warnings),
        seconds=visit.seconds + alignment.seconds,
        provenance=run_facts(model, request.settings, inputs.prior.meta, started),
    )
    rows = []
    if followup.truth and visit.complete:
        rows = metric_rows(visit, followup.truth, inputs.prior, inputs.segmentation, alignment)
    folder = write(number, request, inputs, visit, alignment, rows)
    tell(summary(visit, folder, rows))
    return visit.complete


def aligned(request: Request, inputs: Inputs, followup: Followup, bars: Bars, stop: Stop) -> Alignment:
    try:
        return align(inputs.prior, followup.volume, request.settings.alignment, request.transform, bars.align, stop)
    except Cancelled as error:
        raise Cancelled(f"{followup.name} was stopped while the prior was aligned; nothing was written for it.") from error


def write(number: int, request: Request, inputs: Inputs, visit: VisitResult, alignment: Alignment, rows: list[dict]) -> Path:
    followup = inputs.followups[number]
    files = {"prior_ct": request.prior, "prior_segmentation": request.segmentation, "followup_ct": request.followups[number]}
    if request.truths:
        files["truth"] = request.truths[number]
    if request.transform is not None:
        files["transform"] = request.transform
    return write_visit(
        visit,
        request.folder(visit.name),
        prior_on_followup=alignment.resample_image(inputs.prior, followup.volume, fill=np.nan),
        metrics_rows=rows or None,
        truth_masks=followup.truth or None,
        inputs=files,
        transform=alignment.transform,
        overwrite=request.overwrite,
    )


def summary(visit: VisitResult, folder: Path, rows: list[dict]) -> dict:
    """One follow-up in types that JSON knows."""
    told = {
        "visit": visit.name,
        "folder": str(folder),
        "report": str(folder / REPORT),
        "complete": visit.complete,
        "seconds": round(visit.seconds, 2),
        "alignment": visit.alignment,
        "structures": [structure_summary(structure, visit.aligned_masks[structure.segment.name]) for structure in visit.structures],
        "metrics": rows,
        "warnings": [*visit.alignment.get("warnings", ()), *visit.warnings, *(line for one in visit.structures for line in named(one))],
    }
    return as_json(told)


def named(structure: StructureResult) -> list[str]:
    """The structure's warnings, each with its name."""
    name = structure.segment.name
    return [line if name in line else f"{name}: {line}" for line in structure.warnings]


def structure_summary(structure: StructureResult, aligned: np.ndarray) -> dict:
    shift = structure.centroid_shift_mm
    return {
        "name": structure.segment.name,
        "volume_ml": round(structure.volume_ml, 3),
        "prior_volume_ml": round(structure.prior_volume_ml, 3),
        "cut_by_field_of_view": structure.is_cut(aligned),
        "cut_by_prior_scan": structure.prior_is_part,
        "centroid_shift_mm": None if shift is None else round(shift, 2),
        "slices": len(structure.slices),
        "flagged": sum(bool(result.flags) for result in structure.slices),
    }
