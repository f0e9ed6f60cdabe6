"""A prior and a follow-up, open: aligned and tracked once, drawn as often as asked, slice by slice if need be."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from .align import Alignment, align
from .anchors import anchored
from .assembly import assemble
from .correction import Redrawn, redrawn_slice
from .drafts import Draft, DrawnSlice, nearest_references, references_of
from .drawing import Drawing, Progress
from .errors import Cancelled, GeometryError, StructureError
from .models.base import PromptableModel
from .result import VisitResult
from .segmentation import Segmentation
from .settings import Settings
from .visit import Target, Visit
from .volume import Volume, same_grid

Anchors = Mapping[str, Mapping[int, np.ndarray]]
"""Structure name -> slice index along the follow-up's own slice axis -> (rows, columns) bool as the follow-up stores them."""


class Case:
    """One prior with its segmentation, and one follow-up, ready to be drawn. Made by `open`."""

    def __init__(self, name: str, visit: Visit, followup: Volume, targets: Sequence[Target], model: PromptableModel, settings: Settings, seconds: float):
        self.name, self.visit, self.followup, self.settings = name, visit, followup, settings
        self.targets = {target.segment.name: target for target in targets}
        """Structure name -> the structure as it was tracked."""
        self._drawing = Drawing(visit, model, settings)
        self._drafts = {name: self._draft(name, {}) for name in self.targets}
        self._seconds = seconds

    @classmethod
    def open(
        cls,
        prior: Volume,
        segmentation: Segmentation,
        followup: Volume,
        model: PromptableModel,
        settings: Settings,
        *,
        names: Sequence[str] | None = None,
        alignment: Alignment | None = None,
        name: str = "followup",
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Case:
        """Align, and track every structure; parameters as in `propagation.propagate`.

        Raises
        ------
        StructureError, GeometryError
            As `propagate` raises them.
        Cancelled
        """
        started = time.monotonic()
        tell = progress or (lambda stage, done, total: None)
        segments = wanted(prior, segmentation, names)
        if alignment is None:
            tell("align", 0, 100)
            alignment = align(
                prior, followup, settings.alignment, progress=lambda _, done: tell("align", int(100 * done), 100), cancelled=cancelled
            )
        visit = Visit.of(prior, followup, alignment)
        targets = []
        for number, segment in enumerate(segments):
            if cancelled is not None and cancelled():
                raise Cancelled(f"{name} was stopped before its first slice; nothing was written for it.")
            tell("track", number, len(segments))
            targets.append(Target.of(segment, prior, visit, settings))
        return cls(name, visit, followup, targets, model, settings, time.monotonic() - started)

    @property
    def alignment(self) -> Alignment:
        return self.visit.alignment

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.targets)

    def slices_of(self, name: str) -> tuple[int, ...]:
        """The slices on which a structure is drawn, along the follow-up's own slice axis, ascending."""
        return tuple(sorted(self.visit.own_index(k) for k in self._drafts[name].references))

    @property
    def slice_axis(self) -> int:
        """Numpy axis of the follow-up's own array along which its slices lie."""
        return self.visit.order.slice_axis

    def propagate(
        self,
        *,
        anchors: Anchors | None = None,
        slices: tuple[int, int] | None = None,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
        drawn: Callable[[str, int, np.ndarray], None] | None = None,
    ) -> VisitResult:
        """Draw every structure.

        Parameters
        ----------
        anchors : structure -> slice -> mask
            Slices that a person accepted. They stay bit for bit, win every overlap, and are the nearest priors of
            the slices around them.
        slices : (first, last)
            Own slice indices, both inclusive, to draw; others keep what the last call drew there, or nothing.
        progress, cancelled
            Called between slices. A cancelled run gives back what is done, `complete=False`.
        drawn : callable(name, index, mask)
            Told each slice as it is drawn. The final volume may differ where ends, specks or overlaps are decided.
        """
        started = time.monotonic()
        before = self._drafts
        self._drafts = {name: self._draft(name, (anchors or {}).get(name, {}), before[name].drawn) for name in self.targets}
        drafts = list(self._drafts.values())
        todo = [(draft, self._to_draw(draft, slices)) for draft in drafts]
        complete = self._drawing.draw(todo, progress or (lambda *what: None), cancelled, self._teller(drawn))
        structures, aligned, warnings = assemble(self.visit, drafts, self.followup, self.settings)
        if not complete:
            warnings = (*warnings, "The run was stopped; slices that were not reached are empty.")
        seconds, self._seconds = self._seconds + time.monotonic() - started, 0.0
        return VisitResult(self.name, self.followup, structures, aligned, self.alignment.summary(), complete, warnings, seconds)

    def redraw(self, name: str, index: int, points_ras: np.ndarray, labels: np.ndarray, parts: np.ndarray) -> Redrawn:
        """Draw one slice of one structure again, from the points that a person left there.

        Parameters
        ----------
        index : int
            Along the follow-up's own slice axis.
        points_ras : (n, 3)
            Millimetres; n may be 0.
        labels : (n,) 1 positive, 0 negative
        parts : (n,) int
            Number of the part within its label, as the result told it; -1 for a point that a person added.

        Raises
        ------
        StructureError
            No structure of that name.
        GeometryError
            A slice that the follow-up does not have.
        """
        if name not in self._drafts:
            raise StructureError(f"There is no structure '{name}' in this case; it has: {', '.join(self.names)}.")
        count = self.followup.array.shape[self.slice_axis]
        if not 0 <= index < count:
            raise GeometryError(f"There is no slice {index}; the follow-up has slices 0 to {count - 1}.")
        return redrawn_slice(self._drawing, self._drafts[name], self.visit.own_index(index), points_ras, labels, parts)

    def _draft(self, name: str, anchors: Mapping[int, np.ndarray], drawn: Mapping[int, DrawnSlice] | None = None) -> Draft:
        own = {self.visit.own_index(index): self._canonical(index, mask) for index, mask in anchors.items()}
        target = anchored(self.targets[name], own, self.visit.spacing_kji)
        references = references_of(target, self.visit, self.settings, own)
        for k in own.keys() - references.keys() if references else ():
            references[k] = nearest_references(references, k)
        return Draft(target, references, own, dict(drawn or {}))

    def _canonical(self, index: int, mask: np.ndarray) -> np.ndarray:
        axis, shape = self.slice_axis, self.followup.array.shape
        expected = tuple(np.delete(shape, axis))
        if not 0 <= index < shape[axis] or mask.shape != expected:
            raise GeometryError(
                f"An accepted slice {index} of shape {mask.shape} does not fit the follow-up, whose slices 0 to {shape[axis] - 1} have shape {expected}."
            )
        return self.visit.order.apply_slice(np.asarray(mask, bool))

    def _to_draw(self, draft: Draft, slices: tuple[int, int] | None) -> set[int]:
        """The slices to be drawn now, which lose what was drawn there before, and every accepted one."""
        asked = {k for k in draft.references if slices is None or slices[0] <= self.visit.own_index(k) <= slices[1]}
        dropped = set(draft.drawn) if slices is None else asked
        draft.drawn = {k: drawn for k, drawn in draft.drawn.items() if k not in dropped or k in draft.anchors}
        return asked | (draft.anchors.keys() & draft.references.keys())

    def _teller(self, drawn: Callable[[str, int, np.ndarray], None] | None) -> Callable[[Draft, int], None] | None:
        if drawn is None:
            return None
        order = self.visit.order
        return lambda draft, k: drawn(draft.target.segment.name, self.visit.own_index(k), order.undo_slice(draft.drawn[k].logits.reaching(0.0)))


def wanted(prior: Volume, segmentation: Segmentation, names: Sequence[str] | None) -> list:
    """The prior's segments asked for, each with at least one voxel."""
    if tuple(segmentation.shape) != prior.array.shape or not same_grid(prior, segmentation):
        raise StructureError("The segmentation does not lie on the prior CT's grid; read it with the prior as its reference.")
    chosen = segmentation.segments if names is None else [segmentation.segment(one) for one in names]
    segments = list({segment.id: segment for segment in chosen}.values())
    doubled = {one.name for one in segments if sum(other.name == one.name for other in segments) > 1}
    if doubled:
        raise StructureError(f"Several structures are named '{min(doubled)}'; rename them, or choose one by its id.")
    if not segments:
        raise StructureError("The segmentation has no structure; give one with at least one contour.")
    for segment in segments:
        if not segment.mask.any():
            raise StructureError(f"The structure '{segment.name}' is empty on the prior; leave it out, or contour it there.")
    return segments
