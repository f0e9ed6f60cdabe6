"""Named structures on one grid. A segment keeps what Slicer knows of it: id, colour, terminology."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from .errors import GeometryError, StructureError


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Segmentation:
    """Segments on one grid; they may overlap. `ijk_to_ras` and `shape` (K, J, I) as in `Volume`."""

    segments: tuple[Segment, ...]
    ijk_to_ras: np.ndarray
    shape: tuple[int, int, int]
    meta: dict = field(default_factory=dict)

    def __post_init__(self):
        for segment in self.segments:
            if segment.mask.shape != tuple(self.shape):
                raise GeometryError(f"Segment '{segment.name}' has shape {segment.mask.shape}, its grid has {tuple(self.shape)}.")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(segment.name for segment in self.segments)

    def segment(self, name: str) -> Segment:
        for segment in self.segments:
            if segment.name == name:
                return segment
        raise StructureError(f"There is no structure '{name}' in the segmentation; it has: {', '.join(self.names) or 'none'}.")
