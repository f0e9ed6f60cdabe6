"""DICOM segmentation objects: frames of one slice and one segment each, put back where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom

from ..errors import InputError
from ..segmentation import distinct_color
from ..volume import LPS_TO_RAS
from .dicom_series import UNREADABLE
from .seg_nrrd import LabelEntry, Labels

_TOLERANCE = 0.02
"""Part of the slice distance by which a frame may lie off its place."""


@dataclass(frozen=True)
class _Frame:
    pixels: np.ndarray
    position: np.ndarray
    segment: int
    """Its number; 0 in a label map, whose pixels are the numbers."""


def read_dicom_seg(path: Path) -> Labels:
    """Segments as label layers, one a segment, on the grid that the frames span.

    A segment's name is its label, as Slicer shows it; its id is its description where that is its own (public sets write
    "GTV-1" there), so that either finds it.

    Raises
    ------
    InputError
        Damaged, fractional (a probability is not a segmentation), or frames on no regular grid.
    """
    try:
        dataset = pydicom.dcmread(path)
        kind = str(dataset.get("SegmentationType", "BINARY"))
        if kind not in ("BINARY", "LABELMAP"):
            raise InputError(f"'{path}' holds {kind.lower()} segments; give one with binary segments.")
        frames, axes, pixel_mm = _frames(dataset, kind)
    except (*UNREADABLE, AttributeError, IndexError, KeyError) as error:
        raise InputError(f"The DICOM SEG '{path}' cannot be read ({error}); copy it again.") from error
    matrix, order = _grid(frames, axes, pixel_mm, dataset, path)
    segments = [item for item in dataset.SegmentSequence if int(item.SegmentNumber) > 0]
    layers = [_layer(frames, order, int(item.SegmentNumber)) for item in segments]
    return Labels(layers, matrix, _entries(segments))


def _frames(dataset: pydicom.Dataset, kind: str) -> tuple[list[_Frame], np.ndarray, np.ndarray]:
    """Every frame; the direction of its columns and rows in LPS, (2, 3); and the distance of pixels along both."""
    shared = dataset.SharedFunctionalGroupsSequence[0]
    pixels = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
    found = []
    for image, group in zip(pixels, dataset.PerFrameFunctionalGroupsSequence, strict=True):
        position = np.array(group.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        number = 0 if kind == "LABELMAP" else int(_of(group, shared, "SegmentIdentificationSequence").ReferencedSegmentNumber)
        found.append(_Frame(image, position, number))
    first = dataset.PerFrameFunctionalGroupsSequence[0]
    axes = np.array(_of(first, shared, "PlaneOrientationSequence").ImageOrientationPatient, dtype=float).reshape(2, 3)
    spacing = np.array(_of(first, shared, "PixelMeasuresSequence").PixelSpacing, dtype=float)
    return found, axes, spacing[::-1]


def _of(group: pydicom.Dataset, shared: pydicom.Dataset, name: str) -> pydicom.Dataset:
    """The item of a functional group, of the frame or of all frames."""
    return (group if name in group else shared)[name].value[0]


def _grid(frames: list[_Frame], axes: np.ndarray, pixel_mm: np.ndarray, dataset: pydicom.Dataset, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """`ijk_to_ras`, and for each frame its k. Slices that no segment touches have no frame; their places are kept."""
    normal = np.cross(*axes)
    heights = np.array([frame.position @ normal for frame in frames])
    apart = np.diff(np.unique(np.round(heights, 3)))
    step = float(apart.min()) if len(apart) else _thickness(dataset)
    order = (heights - heights.min()) / step
    if np.abs(order - np.rint(order)).max() > _TOLERANCE:
        raise InputError(f"The frames of '{path}' do not lie on one regular grid; convert it to .seg.nrrd in 3D Slicer.")
    lps = np.eye(4)
    lps[:3, 0], lps[:3, 1], lps[:3, 2] = axes[0] * pixel_mm[0], axes[1] * pixel_mm[1], normal * step
    lps[:3, 3] = frames[int(heights.argmin())].position
    return LPS_TO_RAS @ lps, np.rint(order).astype(int)


def _thickness(dataset: pydicom.Dataset) -> float:
    measures = _of(dataset.PerFrameFunctionalGroupsSequence[0], dataset.SharedFunctionalGroupsSequence[0], "PixelMeasuresSequence")
    return float(measures.get("SpacingBetweenSlices") or measures.get("SliceThickness") or 1.0)


def _layer(frames: list[_Frame], order: np.ndarray, number: int) -> np.ndarray:
    layer = np.zeros((int(order.max()) + 1, *frames[0].pixels.shape), np.uint8)
    for frame, k in zip(frames, order):
        if frame.segment in (0, number):
            layer[k] |= frame.pixels == (number if frame.segment == 0 else 1)
    return layer


def _entries(items: list[pydicom.Dataset]) -> list[LabelEntry]:
    descriptions = [str(item.get("SegmentDescription") or "") for item in items]
    found = []
    for layer, (item, described) in enumerate(zip(items, descriptions)):
        label = str(item.get("SegmentLabel") or f"Segment {item.SegmentNumber}")
        tells = described and described != label and descriptions.count(described) == 1
        found.append(LabelEntry(label, described if tells else f"Segment_{item.SegmentNumber}", distinct_color(layer), None, layer, 1))
    return found
