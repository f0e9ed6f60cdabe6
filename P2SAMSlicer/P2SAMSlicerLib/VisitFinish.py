"""The end of a visit's run: the final volume of every structure, what the review says of it, and its points."""

from __future__ import annotations

import numpy as np

from .EditedSlices import centroidRas, measure
from .MRMLVolumes import volumeOf
from .Review import VisitReview
from .VisitNodes import showPoints
from .VisitResults import drawnSlices, merged

SLICES_A_STEP = 4


class VisitFinish:
    """Brings the worker's result into the scene.

    Parameters
    ----------
    job : VisitJob
        Its nodes are made, its writer is ready.
    """

    def __init__(self, job):
        self._job = job
        self._writer = job.writer
        self._axis = job.review.sliceAxis
        self._matrix = volumeOf(job.case.followup)[1]

    def steps(self, visit: dict):
        """Generator: all of it, a few slices a step. `visit` is the result as the worker reports it."""
        job, replaced, filled = self._job, {}, {}
        for structure in visit["structures"]:
            job.expect(structure["mask"], structure["aligned"])
        for structure in visit["structures"]:
            mask = job.take(structure["mask"], 3)
            structure["prior_centroid_ras"] = self._priorCentroid(structure)
            yield None
            replaced[structure["name"]] = yield from self._write(structure, mask, bool(visit["complete"]))
        if self._writer.honouring:
            self._writer.settleProposals(replaced)
        for structure in visit["structures"]:
            filled[structure["name"]] = yield from self._measured(structure, bool(visit["complete"]))
        job.review = self._writer.review = self._merged(visit, replaced, filled)
        yield None
        shown = {name: indices - self._writer.kept.get(name, set()) for name, indices in replaced.items()}
        yield from showPoints(job.run.scene, job.reviewNode, job.review, shown)

    def _write(self, structure: dict, mask: np.ndarray, complete: bool):
        """Generator: the slices that the run decided, written; the value is their numbers."""
        name = structure["name"]
        known = self._writer.review.structure(name).slices
        indices = drawnSlices(structure, mask, known, self._axis, complete, self._job.live.get(name, ()), self._job.slices)
        size = max(1, len(indices)) if self._writer.honouring else SLICES_A_STEP
        for start in range(0, len(indices), size):
            chunk = indices[start : start + size]
            isLast = start + size >= len(indices)
            self._writer.write(name, {index: np.take(mask, index, axis=self._axis) for index in chunk}, surfaces=isLast)
            self._job.hasDrawn = True
            yield None
        return set(indices)

    def _measured(self, structure: dict, complete: bool):
        """Generator: the slices that are filled now. Where the scene holds more or less than the run drew, its measures as well."""
        name = structure["name"]
        mask = self._writer.currentMask(name)
        yield None
        if self._writer.kept.get(name) or self._writer.honouring or self._job.slices or not complete:
            holder = self._writer.review.structure(name)
            holder.priorCentroidRas = structure["prior_centroid_ras"]
            measure(holder, mask, self._matrix)
            structure["volume_ml"], structure["centroid_shift_mm"] = holder.volumeMl, holder.centroidShiftMm
        others = tuple(one for one in range(3) if one != self._axis)
        return set(np.flatnonzero(mask.any(axis=others)).tolist())

    def _merged(self, visit: dict, replaced: dict, filled: dict) -> VisitReview:
        known = self._writer.review
        new = VisitReview.fromResult(visit, known.settings, known.model)
        new.provenance = {**known.provenance, **new.provenance}
        new.warnings = list(dict.fromkeys([*new.warnings, *self._job.warnings]))
        return merged(known, new, replaced, filled)

    def _priorCentroid(self, structure: dict):
        centroid = centroidRas(self._job.take(structure["aligned"], 3), self._matrix)
        return None if centroid is None else [float(value) for value in centroid]
