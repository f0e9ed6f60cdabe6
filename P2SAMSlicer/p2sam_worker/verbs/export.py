"""export: the folder of a visit, as the command line writes it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from p2sam.errors import InputError
from p2sam.files.output import REPORT, write_visit
from p2sam.files.provenance import as_json
from p2sam.result import VisitResult
from p2sam.truth import metric_rows

from ..edited import with_masks
from ..incoming import mask_of, masks_of
from ..job import JobFolder
from ..open_case import OpenCase
from ..request import Request
from ..session import Session
from ..stored import stored_visit
from ..task import Task


def export(session: Session, task: Task) -> dict:
    """Write a result as it was stored with its review (`stored`), or the last one of the case, with what a person changed; how it was
    reviewed, and how it compares with a `reference` that the user named."""
    request = task.request
    opened = session.cases.get(request.get("case", str))
    folder = Path(request.get("folder", str)).expanduser()
    if not folder.is_absolute():
        raise InputError(f"The folder '{folder}' is not an absolute path; give the whole path.")
    visit = visit_of(request, opened, session.job)
    review = request.get("review", dict, None)
    if review is not None:
        told = [str(text) for text in review.get("warnings") or ()]
        visit = replace(visit, provenance={**visit.provenance, "review": as_json(review)}, warnings=tuple(dict.fromkeys([*visit.warnings, *told])))
    task.visit = visit.name
    alignment = opened.case.alignment
    truth = truth_of(request, opened, session.job)
    rows = metric_rows(visit, truth, opened.prior, opened.segmentation, alignment) if truth and visit.complete else []
    written = write_visit(
        visit,
        folder,
        prior_on_followup=alignment.resample_image(opened.prior, opened.followup, fill=np.nan),
        metrics_rows=rows or None,
        truth_masks=truth or None,
        inputs={} if opened.transform is None else {"transform": opened.transform},
        transform=alignment.transform,
        overwrite=request.get("overwrite", bool, False),
    )
    return {"folder": str(written), "report": str(written / REPORT)}


def visit_of(request: Request, opened: OpenCase, job: JobFolder) -> VisitResult:
    """What the request says was reviewed; without that, the last propagation with the masks that were sent."""
    masks = masks_of(request.get("masks", dict, {}), job, opened.followup.array.shape)
    stored = request.get("stored", dict, None)
    if stored is not None:
        return stored_visit(opened, stored, masks)
    if opened.result is None:
        raise InputError(f"The case '{opened.id}' was not propagated in the worker; propagate it, then export.")
    return with_masks(opened.result, masks, opened.case.slice_axis)


def truth_of(request: Request, opened: OpenCase, job: JobFolder) -> dict[str, np.ndarray]:
    """`reference`: structure name -> `{mask, ijk_to_ras}`, on the follow-up's grid."""
    told = request.get("reference", dict, {})
    return {name: mask_of(one, opened.followup, job, f"reference of '{name}'") for name, one in told.items()}
