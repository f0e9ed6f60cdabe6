"""Pictures of the report: a crop of a canonical CT slice as SVG in millimetres, with contours, points and a scale bar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..prompts import PointPrompts
from .pixels import outlines, png_uri, shrink
from .text import escape
from ..volume import Volume

MARGIN_MM = 20.0
SMALLEST_SIDE_MM = 80.0
LETTERS = (("L", "R"), ("P", "A"), ("I", "S"))
"""Patient directions by RAS axis: negative, positive."""


@dataclass(frozen=True)
class Frame:
    """The part of a canonical slice that is shown, the same on every slice of a structure.

    Attributes
    ----------
    rows, columns : slice
        Pixels of the canonical slice.
    spacing_mm : (2,) float64
        (column, row) pixel size.
    letters : dict
        "left", "right", "top", "bottom" to patient letters, e.g. "R"; "RA" where the plane is oblique by more than 20 degrees.
    """

    rows: slice
    columns: slice
    spacing_mm: np.ndarray
    letters: dict[str, str]

    @property
    def size_mm(self) -> tuple[float, float]:
        """(width, height)."""
        width = (self.columns.stop - self.columns.start) * self.spacing_mm[0]
        height = (self.rows.stop - self.rows.start) * self.spacing_mm[1]
        return float(width), float(height)

    def crop(self, image: np.ndarray) -> np.ndarray:
        return image[self.rows, self.columns]

    def to_mm(self, points_xy: np.ndarray) -> np.ndarray:
        """(n, 2) pixels (column, row) of the canonical slice to (n, 2) millimetres from the frame's top left corner."""
        corner = np.array([self.columns.start, self.rows.start], float)
        return (np.asarray(points_xy, float) - corner + 0.5) * self.spacing_mm

    def holds(self, points_xy: np.ndarray) -> np.ndarray:
        """(n,) bool: which points lie in the frame."""
        place = self.to_mm(points_xy)
        return np.all((place >= 0) & (place <= self.size_mm), axis=1)


def frame_of(canonical_volume: Volume, masks: list[np.ndarray], points_xy: np.ndarray) -> Frame:
    """Frame what must be seen: all masks (K, J, I, canonical) and points (n, 2), a margin around, about square in millimetres.

    Where there is nothing to frame, the middle of the slice is shown.
    """
    spacing = canonical_volume.spacing_mm[:2]
    shape = canonical_volume.array.shape[1:]
    shadow = np.zeros(shape, bool)
    for mask in masks:
        shadow |= mask.any(axis=0)
    seen = np.vstack([np.argwhere(shadow)[:, ::-1], np.asarray(points_xy, float).reshape(-1, 2)])
    if len(seen) == 0:
        seen = np.array([[shape[1] / 2, shape[0] / 2]])
    low, high = seen.min(axis=0), seen.max(axis=0) + 1
    side_mm = max(((high - low) * spacing).max() + 2 * MARGIN_MM, SMALLEST_SIDE_MM)
    columns, rows = (
        _span((low[axis] + high[axis]) / 2, side_mm / spacing[axis], shape[1 - axis]) for axis in range(2)
    )
    return Frame(rows, columns, spacing, plane_letters(canonical_volume))


def plane_letters(canonical_volume: Volume) -> dict[str, str]:
    """The patient letters at the four sides of a canonical slice."""
    direction = canonical_volume.ijk_to_ras[:3, :3] / canonical_volume.spacing_mm
    return {
        "left": _letters(-direction[:, 0]),
        "right": _letters(direction[:, 0]),
        "top": _letters(-direction[:, 1]),
        "bottom": _letters(direction[:, 1]),
    }


def slice_svg(frame: Frame, hu: np.ndarray, layers: list[tuple[str, np.ndarray]], prompts: PointPrompts, title: str, side: int) -> str:
    """One slice as SVG.

    Parameters
    ----------
    frame : Frame
    hu : (h, w)
        The whole canonical slice in HU.
    layers : list of (str, (h, w) bool)
        Class of the line ("result", "prior", "truth") and its mask, drawn in this order.
    prompts : PointPrompts
        Points that lie outside the frame are not drawn; say so beside the picture.
    title : str
        Read aloud by a screen reader.
    side : int
        Largest side of the embedded picture in pixels.
    """
    width, height = frame.size_mm
    unit = max(width, height) / 100
    parts = [
        f'<svg viewBox="0 0 {width:.2f} {height:.2f}" role="img" aria-label="{escape(title)}">',
        f'<image width="{width:.2f}" height="{height:.2f}" preserveAspectRatio="none" href="{png_uri(shrink(frame.crop(hu), side))}"/>',
    ]
    parts += [path for kind, mask in layers if (path := _contour(frame, mask, kind))]
    parts += _points(frame, prompts, unit)
    parts += _marks(frame, unit)
    return "".join(parts) + "</svg>"


def _span(middle: float, length: float, limit: int) -> slice:
    """`length` pixels around the middle, pushed inside 0..limit, or all of it where it is shorter."""
    count = min(int(np.ceil(length)), limit)
    start = int(np.clip(round(middle - count / 2), 0, limit - count))
    return slice(start, start + count)


def _letters(direction: np.ndarray) -> str:
    """Letters of the patient axes a direction runs along, strongest first, those below 20 degrees left out."""
    order = np.argsort(-np.abs(direction))
    return "".join(LETTERS[axis][int(direction[axis] > 0)] for axis in order if abs(direction[axis]) > np.sin(np.radians(20)))


def _contour(frame: Frame, mask: np.ndarray, kind: str) -> str:
    """A path with a dark edge under it, so that the line is seen on white bone as well as in black lung."""
    loops = [frame.to_mm(loop) for loop in outlines(mask)]
    if not loops:
        return ""
    data = "".join("M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in loop) + "Z" for loop in loops)
    return f'<g class="line"><path class="edge" d="{data}"/><path class="{kind}" d="{data}"/></g>'


def _points(frame: Frame, prompts: PointPrompts, unit: float) -> list[str]:
    """Positive: a green ring with the number of its part, counted from 1. Negative: a red cross."""
    drawn = []
    inside = frame.holds(prompts.points_xy)
    for (x, y), label, part, similarity, seen in zip(
        frame.to_mm(prompts.points_xy), prompts.labels, prompts.parts, prompts.similarity, inside, strict=True
    ):
        if not seen:
            continue
        word = "Positive" if label == 1 else "Negative"
        told = f"part {part + 1}, similarity {similarity:.3f}" if part >= 0 else "added by a person"
        tip = f"<title>{word} point, {told}</title>"
        if label == 1:
            drawn.append(
                f'<g class="positive">{tip}<circle class="edge" cx="{x:.2f}" cy="{y:.2f}" r="{1.25 * unit:.2f}"/>'
                f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{1.25 * unit:.2f}"/>'
                f'<text x="{x + 1.7 * unit:.2f}" y="{y - 1.1 * unit:.2f}" font-size="{3.6 * unit:.2f}">{part + 1 if part >= 0 else "+"}</text></g>'
            )
        else:
            arm = 1.2 * unit
            cross = f"M{x - arm:.2f} {y - arm:.2f}L{x + arm:.2f} {y + arm:.2f}M{x - arm:.2f} {y + arm:.2f}L{x + arm:.2f} {y - arm:.2f}"
            drawn.append(f'<g class="negative">{tip}<path class="edge" d="{cross}"/><path d="{cross}"/></g>')
    return drawn


def _marks(frame: Frame, unit: float) -> list[str]:
    """Orientation letters at the sides and a scale bar at the lower left."""
    width, height = frame.size_mm
    size = 4.4 * unit
    places = {
        "left": (1.5 * unit, height / 2, "start"),
        "right": (width - 1.5 * unit, height / 2, "end"),
        "top": (width / 2, 1.2 * size, "middle"),
        "bottom": (width / 2, height - 0.5 * size, "middle"),
    }
    marks = [
        f'<text class="mark" x="{x:.2f}" y="{y:.2f}" font-size="{size:.2f}" text-anchor="{anchor}">{frame.letters[side]}</text>'
        for side, (x, y, anchor) in places.items()
    ]
    bar = max(length for length in (1, 2, 5, 10, 20, 50, 100, 200) if length <= max(0.25 * width, 1))
    x, y = 3 * unit, height - 3 * unit
    marks.append(f'<path class="edge" d="M{x:.2f} {y:.2f}h{bar}"/><path class="scale" d="M{x:.2f} {y:.2f}h{bar}"/>')
    marks.append(f'<text class="mark" x="{x:.2f}" y="{y - 1.6 * unit:.2f}" font-size="{0.85 * size:.2f}">{bar} mm</text>')
    return marks
