"""export: the folder of a visit, as the command line writes it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from p2sam.errors import InputError
from p2sam.files.output import REPORT, write_visit
from p2sam.files.provenance import as_json

from ..edited import with_masks
from ..incoming import masks_of
from ..session import Session
from ..task import Task


def export(session: Session, task: Task) -> dict:
    """Write the last result of a case, with what a person changed and how it was reviewed."""
    request = task.request
    opened = session.cases.get(request.get("case", str))
    if opened.result is None:
        raise InputError(f"The case '{opened.id}' was not propagated in the worker; propagate it, then export.")
    folder = Path(request.get("folder", str)).expanduser()
    if not folder.is_absolute():
        raise InputError(f"The folder '{folder}' is not an absolute path; give the whole path.")
    masks = masks_of(request.get("masks", dict, {}), session.job, opened.followup.array.shape)
    visit = with_masks(opened.result, masks, opened.case.slice_axis)
    review = request.get("review", dict, None)
    if review is not None:
        told = [str(text) for text in review.get("warnings") or ()]
        visit = replace(visit, provenance={**visit.provenance, "review": as_json(review)}, warnings=tuple(dict.fromkeys([*visit.warnings, *told])))
    task.visit = visit.name
    alignment = opened.case.alignment
    written = write_visit(
        visit,
        folder,
        prior_on_followup=alignment.resample_image(opened.prior, opened.followup, fill=np.nan),
        inputs={} if opened.transform is None else {"transform": opened.transform},
        transform=alignment.transform,
        overwrite=request.get("overwrite", bool, False),
    )
    return {"folder": str(written), "report": str(written / REPORT)}
