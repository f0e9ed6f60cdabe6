"""Named structures on one grid. A segment keeps what Slicer knows of it: id, colour, terminology."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, field, replace

import numpy as np

from .errors import GeometryError, StructureError


@dataclass(frozen=True, eq=False)
class Segment:
    """One structure.

    Attributes
    ----------
    name : str
    mask : (K, J, I) bool
        On the grid of the segmentation that holds it.
    id : str
        Slicer's segment id, e.g. "Segment_1"; kept through a run.
    color_rgb : 3 floats in 0..1
    terminology : str or None
        Slicer's `TerminologyEntry` tag, unchanged; None where the source had none.
    """

    name: str
    mask: np.ndarray
    id: str
    color_rgb: tuple[float, float, float] = (0.9, 0.3, 0.2)
    terminology: str | None = None

    def with_mask(self, mask: np.ndarray) -> Segment:
        return replace(self, mask=mask)


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Segments on one grid; they may overlap. `ijk_to_ras` and `shape` (K, J, I) as in `Volume`."""

    segments: tuple[Segment, ...]
    ijk_to_ras: np.ndarray
    shape: tuple[int, int, int]
    meta: dict = field(default_factory=dict)
    """May hold `source` (path) and `warnings` (sentences a person must see)."""

    def __post_init__(self):
        ids = [segment.id for segment in self.segments]
        if len(set(ids)) != len(ids):
            raise StructureError(
                f"Two segments have the same id ({', '.join(sorted({one for one in ids if ids.count(one) > 1}))});"
                " ids must differ."
            )
        for segment in self.segments:
            if segment.mask.shape != tuple(self.shape):
                raise GeometryError(
                    f"Segment '{segment.name}' has shape {segment.mask.shape}, its grid has {tuple(self.shape)}."
                )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(segment.name for segment in self.segments)

    def segment(self, name: str) -> Segment:
        """The structure of this name (or, where no name fits, of this id).

        Raises
        ------
        StructureError
            There is none, or several have the name and the id must say which.
        """
        named = [segment for segment in self.segments if segment.name == name]
        found = named or [segment for segment in self.segments if segment.id == name]
        if len(found) > 1:
            raise StructureError(
                f"{len(found)} structures are named '{name}'; choose one by its id:"
                f" {', '.join(segment.id for segment in found)}."
            )
        if not found:
            raise StructureError(
                f"There is no structure '{name}' in the segmentation; it has: {', '.join(self.names) or 'none'}."
            )
        return found[0]


def distinct_color(index: int) -> tuple[float, float, float]:
    """An RGB colour in 0..1 for structure number `index`: hues a golden angle apart, so neighbours differ most."""
    return colorsys.hsv_to_rgb((0.02 + index * 0.6180339887) % 1.0, 0.65, 0.9 if index % 2 == 0 else 0.7)
