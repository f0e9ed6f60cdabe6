"""open_case, close_case."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from p2sam.align import align
from p2sam.case import Case
from p2sam.errors import StructureError
from p2sam.files.provenance import run_facts

from ..incoming import segmentation_of, volume_of
from ..job import JobFolder
from ..open_case import OpenCase, voxels_sha256
from ..request import Request
from ..session import Session
from ..task import Task


def open_case(session: Session, task: Task) -> dict:
    """Read the prior, its segments and the follow-up from the job folder, align them, and track the structures."""
    request, started = task.request, datetime.now(timezone.utc).isoformat(timespec="seconds")
    model = session.loaded()
    id, name = request.get("case", str), request.get("name", str, "followup")
    session.cases.close(id)
    settings = model.settings(request.get("settings", dict, {}))
    prior = volume_of(request.get("prior", dict), session.job, "prior")
    followup = volume_of(request.get("followup", dict), session.job, "follow-up")
    segmentation = segmentation_of(request.get("segments", list), prior, session.job)
    names = request.get("structures", list, None)
    empty: tuple[str, ...] = ()
    if names is None:
        segmentation, empty = without_empty(segmentation)
    task.visit = name
    transform = transform_of(request, session.job)
    alignment = align(prior, followup, settings.alignment, transform, lambda _, done: task.progress("align", round(100 * done), 100), task.cancelled)
    with session.speed.timing("track", len(names or segmentation.segments)):
        case = Case.open(
            prior, segmentation, followup, model.for_task(task), settings,
            names=names, alignment=alignment, name=name, progress=task.progress, cancelled=task.cancelled,
        )  # fmt: skip
    session.speed.note(f"align {settings.alignment if transform is None else 'file'}", 1, alignment.seconds)
    facts = run_facts(model.model, settings, prior.meta, started)
    inputs = {"prior_ct": (prior, prior.array), "followup_ct": (followup, followup.array)}
    facts["inputs"] = {role: {"path": scan.meta.get("source"), "voxels_sha256": voxels_sha256(array)} for role, (scan, array) in inputs.items()}
    for one in segmentation.segments:
        if one.name in case.names:
            facts["inputs"][f"prior_segment {one.name}"] = {"path": None, "voxels_sha256": voxels_sha256(one.mask)}
    warnings = (*alignment.warnings, *empty)
    session.cases.put(OpenCase(id, case, prior, segmentation, followup, settings, facts, warnings, transform))
    return {"alignment": alignment.summary(), "slice_axis": case.slice_axis, "structures": list(case.names), "warnings": list(warnings)}


def close_case(session: Session, task: Task) -> dict:
    """Let go of a case; that it is not open is no error."""
    return {"closed": session.cases.close(task.request.get("case", str))}


def without_empty(segmentation):
    """The segmentation without segments that have no voxel, and a warning for each, as the command line has it."""
    filled = tuple(segment for segment in segmentation.segments if segment.mask.any())
    if not filled:
        raise StructureError("Every structure of the prior segmentation is empty; contour one on the prior CT.")
    empty = [segment.name for segment in segmentation.segments if not segment.mask.any()]
    return replace(segmentation, segments=filled), tuple(f"The structure '{name}' is empty on the prior; it is left out." for name in empty)


def transform_of(request: Request, job: JobFolder) -> Path | None:
    """The transform's file: a name of the job folder, or an absolute path."""
    told = request.get("transform", str, None)
    if told is None:
        return None
    return Path(told) if Path(told).is_absolute() else job.path_of(told)
