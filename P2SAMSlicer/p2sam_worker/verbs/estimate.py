"""estimate: how long a propagation will take here, from what was measured here."""

from __future__ import annotations

import math

import numpy as np

from p2sam.settings import Settings

from ..benchmark import seconds_a_slice
from ..protocol import ProtocolError
from ..session import Session
from ..task import Task

ALIGN_S = {"none": 0.5, "centre": 0.5, "rigid": 1.8, "deformable": 5.0}
"""Until an alignment was timed in this session: seconds of one core of a server, the larger of one run each on the phantom
at scale 2 (30 x 88 x 114 voxels) and on the public case LUNG1-001 to its second visit (134 x 512 x 512 onto 56 x 207 x 214)."""
TRACK_S, TRACKED_VOXELS = 4.3, 2.5e6
"""The same for one structure, tumour, cord and lungs taken together, on a follow-up of so many voxels or more; on the phantom,
a follow-up of 0.3 million, it was 0.34 s."""
ENCODED_A_SLICE = 2
"""The follow-up's slice, and one of the prior."""


def estimate(session: Session, task: Task) -> dict:
    """Seconds of aligning and drawing.

    Either `case`, an opened one, whose drawing alone is estimated; or `shape` [K, J, I] of the follow-up with
    `structures` (a count or a list of names) and, where known, `slices`: how many slices hold a structure, added up over
    all structures (otherwise a third of all slices for each). The model must be loaded; one slice is drawn with it, once, on
    its device, so that SAM on a CPU is foretold to take as long as it does. `measured` is False as long as the aligning
    or the tracking is foretold from elsewhere, because nothing was aligned in this session.
    """
    request = task.request
    if request.get("case", str, None) is not None:
        return of_case(session, task)
    shape = request.get("shape", list)
    if len(shape) != 3 or not all(isinstance(n, int) and n > 0 for n in shape):
        raise ProtocolError(f"'shape' is {shape}; give the follow-up's size as three whole numbers, K, J, I.")
    told = request.parameters.get("structures")
    structures = len(told) if isinstance(told, list) else request.get("structures", int)
    slices = request.get("slices", int, max(1, structures * shape[0] // 3))
    settings = session.loaded().settings(request.get("settings", dict, {}))
    align_s, track_s = session.speed.seconds(f"align {settings.alignment}"), session.speed.seconds("track")
    measured = align_s is not None and track_s is not None
    align_s = ALIGN_S[settings.alignment] if align_s is None else align_s
    track_s = structures * (TRACK_S * min(1.0, math.prod(shape) / TRACKED_VOXELS) if track_s is None else track_s)
    draw_s = drawing_seconds(session, task, settings, (shape[1], shape[2]), slices, min(slices, shape[0]))
    return answer(align_s + track_s, draw_s, measured)


def of_case(session: Session, task: Task) -> dict:
    opened = session.cases.get(task.request.get("case", str))
    drawn = [opened.case.slices_of(name) for name in opened.case.names]
    size_hw = tuple(int(n) for n in np.delete(opened.followup.array.shape, opened.case.slice_axis))
    draw_s = drawing_seconds(session, task, opened.settings, size_hw, sum(map(len, drawn)), len(set().union(*drawn)))
    return answer(0.0, draw_s, True)


def drawing_seconds(session: Session, task: Task, settings: Settings, size_hw: tuple[int, int], slices: int, encoded: int) -> float:
    """Of so many structure-slices on so many different slices: as measured in a run of this session, or on one slice."""
    model = session.loaded()
    key = model.speed_key(settings, size_hw)
    known = session.speed.seconds(f"slices {key}")
    if known is not None:
        return slices * known
    encode_s, draw_s = session.speed.seconds(f"encode {key}"), session.speed.seconds(f"draw {key}")
    if encode_s is None or draw_s is None:
        encode_s, draw_s = seconds_a_slice(model.for_task(task), settings, size_hw)
        session.speed.note(f"encode {key}", 1, encode_s)
        session.speed.note(f"draw {key}", 1, draw_s)
    return encoded * ENCODED_A_SLICE * encode_s + slices * draw_s


def answer(before_s: float, draw_s: float, measured: bool) -> dict:
    return {"seconds": round(before_s + draw_s, 1), "before_s": round(before_s, 2), "draw_s": round(draw_s, 2), "measured": measured}
