"""The slices of one DICOM series as a regular stack, or a `GeometryError` that names the files which do not fit.

Geometry is computed from the slice positions in double precision; slice thickness and file names play no part.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom

from ..errors import GeometryError, InputError
from ..volume import LPS_TO_RAS

_UNIFORM = {
    "size": ("Rows", "Columns"),
    "pixel spacing": ("PixelSpacing",),
    "orientation": ("ImageOrientationPatient",),
    "rescale slope and intercept": ("RescaleSlope", "RescaleIntercept"),
    "pixel format": ("SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation"),
    "frame of reference": ("FrameOfReferenceUID",),
    "patient": ("PatientID",),
}
_DEFAULTS = {"RescaleSlope": 1.0, "RescaleIntercept": 0.0}
_SPACING_TOLERANCE = 0.1
"""A slice may lie off its regular place by this part of the slice spacing: positions in headers are rounded."""


@dataclass(frozen=True)
class DicomSlice:
    """A file with the tags of its header that are needed here."""

    path: Path
    header: pydicom.Dataset

    def get(self, name: str):
        return self.header.get(name)

    @property
    def series_uid(self) -> str:
        return str(self.get("SeriesInstanceUID") or "")


def check_uniform(stack: list[DicomSlice]) -> None:
    """One size, spacing, orientation, rescale, format, frame of reference and patient in the whole stack."""
    for what, names in _UNIFORM.items():
        values = [tuple(_rounded(item.get(name), _DEFAULTS.get(name)) for name in names) for item in stack]
        usual = Counter(values).most_common(1)[0][0]
        odd = [(item, value) for item, value in zip(stack, values) if not _alike(value, usual)]
        if odd:
            names_of_odd = _names([item for item, _ in odd])
            raise GeometryError(
                f"The slices of the series do not have one {what}: {names_of_odd} {'has' if len(odd) == 1 else 'have'}"
                f" {_plain(odd[0][1])} where the others have {_plain(usual)}."
                " Remove the files that do not belong, or export the series again."
            )
    slope = stack[0].get("RescaleSlope")
    if slope is not None and float(slope) == 0:
        raise InputError(f"The series has rescale slope 0 in '{stack[0].path.name}', which erases its values; export it again.")


def _alike(one: tuple, other: tuple) -> bool:
    """Equal, or numbers within 2e-4: the same direction is often printed differently."""
    for a, b in zip(one, other):
        numbers = not isinstance(a, (str, type(None))) and not isinstance(b, (str, type(None))) and np.shape(a) == np.shape(b)
        if not (np.allclose(a, b, rtol=0, atol=2e-4) if numbers else a == b):
            return False
    return True


def _rounded(value, default=None):
    """A header value as something hashable, numbers to four decimals."""
    if value is None:
        return default
    if isinstance(value, (str, int)) and not hasattr(value, "original_string"):
        return value
    if np.ndim(value):
        return tuple(round(float(part), 4) + 0.0 for part in value)
    return round(float(value), 4) + 0.0


def _plain(value: tuple) -> str:
    return " x ".join("nothing" if part is None else str(part) for part in value)


def stack_grid(stack: list[DicomSlice]) -> tuple[np.ndarray, list[DicomSlice]]:
    """`ijk_to_ras` of the stack, and the stack sorted along its normal."""
    first = stack[0]
    row, column, normal = _axes(first)
    positions = np.array([_numbers(item, "ImagePositionPatient", 3) for item in stack])
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    stack, positions, along = [stack[index] for index in order], positions[order], along[order]
    if len(stack) == 1:
        raise GeometryError(
            f"The series in '{first.path.parent}' has one slice only ('{first.path.name}');"
            " a volume needs at least two."
        )
    _check_duplicates(stack, along)
    spacing_row, spacing_column = _numbers(first, "PixelSpacing", 2)
    if min(spacing_row, spacing_column) <= 0:
        raise GeometryError(
            f"'{first.path.name}' has pixel spacing {spacing_row} x {spacing_column} mm; export the series again."
        )
    _check_tilt(stack, positions, row, column, normal, min(spacing_row, spacing_column))
    _check_regular(stack, along)
    step = (along[-1] - along[0]) / (len(stack) - 1)
    matrix = np.eye(4)
    matrix[:3, 0] = row * spacing_column  # PixelSpacing is (between rows, between columns)
    matrix[:3, 1] = column * spacing_row
    matrix[:3, 2] = normal * step
    matrix[:3, 3] = positions[0]
    return LPS_TO_RAS @ matrix, stack


def _axes(item: DicomSlice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors (LPS) along a row, down a column, and their normal, made exactly perpendicular."""
    orientation = _numbers(item, "ImageOrientationPatient", 6)
    row, column = orientation[:3], orientation[3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if min(lengths) < 0.9 or abs(row @ column) > 1e-2:
        raise GeometryError(
            f"'{item.path.name}' has an image orientation {orientation.tolist()} that is not two perpendicular directions;"
            " export the series again."
        )
    normal = np.cross(row, column)
    normal /= np.linalg.norm(normal)
    row = row / lengths[0]
    return row, np.cross(normal, row), normal


def _numbers(item: DicomSlice, name: str, count: int) -> np.ndarray:
    value = item.get(name)
    numbers = np.array([] if value is None else [float(part) for part in value], dtype=np.float64)
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise GeometryError(f"'{item.path.name}' has no usable {name} ({value}); export the series again.")
    return numbers


def _check_duplicates(stack: list[DicomSlice], along: np.ndarray) -> None:
    steps = np.diff(along)
    same = np.flatnonzero(steps < 0.01)
    if same.size:
        pairs = ", ".join(
            f"'{stack[index].path.name}' and '{stack[index + 1].path.name}' at {along[index]:.2f} mm" for index in same[:3]
        )
        more = f" and {same.size - 3} more pairs" if same.size > 3 else ""
        raise GeometryError(
            f"The series has slices at the same position: {pairs}{more}."
            " Remove the copies, or choose one phase of a 4D scan."
        )


def _check_tilt(stack: list[DicomSlice], positions: np.ndarray, row, column, normal, pixel_mm: float) -> None:
    travel = positions[-1] - positions[0]
    drift = np.hypot(travel @ row, travel @ column)
    inside = (positions - positions[0]) @ np.stack([row, column], axis=1)
    sideways = np.linalg.norm(inside - np.linspace(0, 1, len(stack))[:, None] * inside[-1], axis=1)
    if drift > 0.5 * pixel_mm:
        angle = np.degrees(np.arctan2(drift, travel @ normal))
        raise GeometryError(
            f"The slices from '{stack[0].path.name}' to '{stack[-1].path.name}' are shifted sideways"
            f" by {drift:.2f} mm in all (gantry tilt of {angle:.1f} degrees)."
            " Resample the series to an upright grid first, for example in 3D Slicer with"
            " 'acquisition geometry regularization', and give the .nrrd."
        )
    if sideways.max() > 0.5 * pixel_mm:
        odd = stack[int(np.argmax(sideways))]
        raise GeometryError(
            f"The slice '{odd.path.name}' lies {sideways.max():.2f} mm beside the others of its series;"
            " remove it or export the series again."
        )


def _check_regular(stack: list[DicomSlice], along: np.ndarray) -> None:
    steps = np.diff(along)
    usual = float(np.median(steps))
    gaps = np.flatnonzero(steps > 1.5 * usual)
    if gaps.size:
        places = ", ".join(
            f"{steps[index]:.2f} mm between '{stack[index].path.name}' and '{stack[index + 1].path.name}'"
            for index in gaps[:3]
        )
        more = f" and {gaps.size - 3} more gaps" if gaps.size > 3 else ""
        raise GeometryError(
            f"Slices are missing: {places}{more}, where the others are {usual:.2f} mm apart. Copy the whole series."
        )
    regular = np.linspace(along[0], along[-1], len(stack))
    off = np.abs(along - regular)
    if off.max() > max(_SPACING_TOLERANCE * usual, 0.01):
        odd = int(np.argmax(off))
        raise GeometryError(
            f"The slices are not evenly spaced: '{stack[odd].path.name}' at {along[odd]:.2f} mm is {off[odd]:.2f} mm"
            f" off, with {steps.min():.2f} to {steps.max():.2f} mm between slices."
            " Resample the series to even spacing in 3D Slicer and give the .nrrd."
        )


def _names(items: list[DicomSlice]) -> str:
    shown = ", ".join(f"'{item.path.name}'" for item in items[:4])
    return shown if len(items) <= 4 else f"{shown} and {len(items) - 4} more"
