"""propagate, redraw."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from p2sam.errors import OutputError
from p2sam.result import VisitResult

from ..codec import slice_message, visit_message
from ..incoming import anchors_of, numbers_of
from ..job import JobFolder
from ..open_case import OpenCase
from ..protocol import ProtocolError
from ..session import Session
from ..task import Stopped, Task


def propagate(session: Session, task: Task) -> dict:
    """Draw every structure of a case; each slice is told of as it is drawn.

    Raises
    ------
    Stopped
        Cancelled between slices; carries what was drawn.
    """
    opened = session.cases.get(task.request.get("case", str))
    anchors = anchors_of(task.request, session.job)
    slices = slices_of(task)
    session.loaded().for_task(task)
    task.visit = opened.case.name
    began, drawn = time.monotonic(), SliceTeller(opened.id, session.job, task)
    result = opened.case.propagate(anchors=anchors or None, slices=slices, progress=task.progress, cancelled=task.cancelled, drawn=drawn)
    size_hw = tuple(int(n) for n in np.delete(opened.followup.array.shape, opened.case.slice_axis))
    session.speed.note(f"slices {session.loaded().speed_key(opened.settings, size_hw)}", drawn.count, time.monotonic() - began)
    opened.result = finished(opened, result, session)
    message = {"result": visit_message(opened.result, opened.case.slice_axis, session.job)}
    if not result.complete:
        raise Stopped("The propagation was cancelled.", message)
    return message


def finished(opened: OpenCase, result: VisitResult, session: Session) -> VisitResult:
    """The result with the warnings of the opening, the alignment's seconds, and where it comes from, as the command line has it."""
    facts = {**opened.facts, "model": {**opened.facts["model"], "device": str(session.loaded().model.device)}}
    seconds = result.seconds + (opened.case.alignment.seconds if opened.result is None else 0.0)
    return replace(result, warnings=(*opened.warnings, *result.warnings), seconds=seconds, provenance=facts)


def slices_of(task: Task) -> tuple[int, int] | None:
    told = task.request.get("slices", list, None)
    if told is None:
        return None
    if len(told) != 2 or not all(isinstance(one, int) for one in told) or told[0] > told[1]:
        raise ProtocolError(f"'slices' is {told}; give the first and the last slice, both whole numbers, the lower one first.")
    return told[0], told[1]


class SliceTeller:
    """Tells Slicer of each slice as it is drawn. What cannot be shown does not stop the run: a full disk is told of once."""

    def __init__(self, case: str, job: JobFolder, task: Task):
        self._case, self._job, self._task = case, job, task
        self._silent = False
        self.count = 0

    def __call__(self, name: str, index: int, mask: np.ndarray) -> None:
        self.count += 1
        if self._silent:
            return
        try:
            file = self._job.save_array(mask.astype(np.uint8), "slice")
        except OutputError as error:
            self._silent = True
            self._task.warn(f"Slices are not shown while they are drawn: {error}")
            return
        self._task.send("slice", case=self._case, structure=name, index=int(index), file=file)


def redraw(session: Session, task: Task) -> dict:
    """Draw one slice of one structure from given points."""
    request = task.request
    opened = session.cases.get(request.get("case", str))
    points = numbers_of(request.get("points_ras", list), (-1, 3), "A redraw needs 'points_ras' as three millimetres for each point")
    labels, parts = (numbers_of(request.get(key, list), (-1,), f"A redraw needs '{key}' as whole numbers", int) for key in ("labels", "parts"))
    if not len(points) == len(labels) == len(parts):
        raise ProtocolError(f"A redraw got {len(points)} points, {len(labels)} labels and {len(parts)} parts; send one of each for every point.")
    if not np.isin(labels, (0, 1)).all():
        raise ProtocolError(f"A redraw needs labels that are 1 (positive) or 0 (negative); it got {labels.tolist()}.")
    session.loaded().for_task(task)
    redrawn = opened.case.redraw(request.get("structure", str), request.get("index", int), points, labels, parts)
    return {"mask": session.job.save_array(redrawn.mask.astype(np.uint8), "redrawn"), "slice": slice_message(redrawn.slice)}
