"""DICOM RTSTRUCT contours filled onto the voxels of a CT.

The contours of one plane are filled together by the even-odd rule, so holes, keyholes and several islands come out
right. A voxel belongs to a structure when its centre lies inside; a centre exactly on the outline counts on the low
side (towards voxel 0) and not on the high side, so that a contour through voxel centres keeps its area on average.
"""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import pydicom
from pydicom.dataelem import RawDataElement

from .contours import fill_planes
from .dicom_series import UNREADABLE
from ..errors import GeometryError, InputError, StructureError
from .images import existing_path
from ..segmentation import Segment, Segmentation, distinct_color
from ..volume import LPS_TO_RAS, Volume

_FILLED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_CONTOUR_DATA = 0x30060050


@dataclass
class _Roi:
    """One region of interest: its contours in RAS millimetres, and what was left out of them."""

    number: int
    name: str
    color_rgb: tuple[float, float, float]
    contours: list[np.ndarray] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_rtstruct(path: str | os.PathLike, reference: Volume, names: tuple[str, ...] | None = None) -> Segmentation:
    """Fill the contours of an RTSTRUCT onto a CT.

    Parameters
    ----------
    reference : Volume
        The CT the contours were drawn on, or another image of the same frame of reference.
    names : tuple of str, optional
        Only these structures (names, or ids as below); all by default.

    Returns
    -------
    Segmentation
        On the grid of `reference`; ids are "ROI_<number>"; ROI names and colours kept. `meta["warnings"]` lists in
        sentences every contour that was skipped, moved to another plane, or cut off by the CT.

    Raises
    ------
    InputError
        Not an RTSTRUCT, damaged, of another patient or another frame of reference.
    StructureError
        No structure at all, none of a name asked for, or none with a closed contour.
    GeometryError
        Contours whose planes are tilted against the CT's slices, or that all lie outside it.
    """
    path = existing_path(path)
    dataset = _read(path)
    warnings = _check_patient(dataset, reference, path)
    try:  # pydicom decodes sequences when they are first touched
        rois = _rois(dataset, reference, path, names)
    except UNREADABLE as error:
        raise InputError(f"The structures in '{path}' are damaged ({error!r}); export the RTSTRUCT again.") from error
    segments = []
    for roi in rois:
        mask, found = fill_planes(roi.contours, reference, roi.name)
        segments.append(Segment(roi.name, mask, f"ROI_{roi.number}", roi.color_rgb))
        warnings += roi.warnings + found
    if not any(roi.contours for roi in rois):
        raise StructureError(
            f"No structure of '{path}' has a closed contour ({', '.join(roi.name for roi in rois[:5])});"
            " export the RTSTRUCT again."
        )
    if not any(segment.mask.any() for segment in segments):
        drawn = [roi.name for roi in rois if roi.contours]
        raise GeometryError(
            f"No contour of '{path}' ({', '.join(drawn[:5])})"
            " covers a voxel of the CT; give the CT that the contours were drawn on."
        )
    meta = {"source": str(path), "warnings": tuple(warnings)}
    return Segmentation(tuple(segments), reference.ijk_to_ras, reference.shape, meta)


def _read(path) -> pydicom.Dataset:
    try:
        dataset = pydicom.dcmread(path, force=True)
        modality = dataset.get("Modality")
    except UNREADABLE as error:
        raise InputError(f"The DICOM file '{path}' cannot be read ({error}); export it again.") from error
    if modality != "RTSTRUCT":
        raise InputError(
            f"'{path}' is {'a DICOM object of modality ' + modality if modality else 'not a DICOM object'},"
            " not an RTSTRUCT."
        )
    return dataset


def _check_patient(dataset: pydicom.Dataset, reference: Volume, path) -> list[str]:
    """Errors for another patient; a warning where the contours name another series than the CT's."""
    drawn_on, given = str(dataset.get("PatientID") or "").strip(), str(reference.meta.get("patient_id", "")).strip()
    if drawn_on and given and drawn_on != given:
        raise InputError(
            f"The contours in '{path}' belong to patient '{drawn_on}',"
            f" the CT to patient '{given}'; give the files of one patient."
        )
    series = {
        str(item.SeriesInstanceUID)
        for frame in dataset.get("ReferencedFrameOfReferenceSequence") or []
        for study in frame.get("RTReferencedStudySequence") or []
        for item in study.get("RTReferencedSeriesSequence") or []
        if item.get("SeriesInstanceUID")
    }
    known = reference.meta.get("series_uid")
    if series and known and known not in series:
        return [
            f"The contours in '{path}' were drawn on another image series ({', '.join(sorted(series))})"
            f" than the CT given ({known}); check that they lie right."
        ]
    return []


def _all_names(dataset: pydicom.Dataset) -> list[str]:
    return [_name(item) for item in dataset.get("StructureSetROISequence") or []]


def _name(item: pydicom.Dataset) -> str:
    return str(item.get("ROIName") or "").strip() or f"ROI {int(item.ROINumber)}"


def _rois(dataset: pydicom.Dataset, reference: Volume, path, names: tuple[str, ...] | None) -> list[_Roi]:
    known = _all_names(dataset)
    ids = [_id(item) for item in dataset.get("StructureSetROISequence") or []]
    absent = [name for name in names or () if name not in known + ids]
    if absent or not known:
        raise StructureError(
            f"There is no structure{' ' + repr(absent[0]) if absent else ''} in '{path}';"
            f" it has: {', '.join(known) or 'none'}."
        )
    frames = [str(item.get("FrameOfReferenceUID") or "") for item in dataset.get("ReferencedFrameOfReferenceSequence") or []]
    default_frame = frames[0] if len(frames) == 1 else ""
    contours = {}
    for item in dataset.get("ROIContourSequence") or []:
        contours.setdefault(int(item.ReferencedROINumber), item)
    rois = []
    for index, item in enumerate(dataset.get("StructureSetROISequence") or []):
        number = int(item.ROINumber)
        name = _name(item)
        if names is not None and name not in names and _id(item) not in names:
            continue
        _check_frame(str(item.get("ReferencedFrameOfReferenceUID") or default_frame), reference, name, path)
        drawn = contours.get(number)
        color = drawn.get("ROIDisplayColor") if drawn is not None else None
        rgb = tuple(int(part) / 255 for part in color) if color is not None and len(color) == 3 else distinct_color(index)
        roi = _Roi(number, name, rgb)
        _take_contours(roi, drawn, path)
        rois.append(roi)
    return rois


def _id(item: pydicom.Dataset) -> str:
    return f"ROI_{int(item.ROINumber)}"


def _check_frame(frame: str, reference: Volume, name: str, path) -> None:
    known = reference.meta.get("frame_of_reference_uid")
    if frame and known and frame != known:
        raise InputError(
            f"'{name}' in '{path}' was drawn in frame of reference {frame}, the CT has {known}:"
            " their millimetres do not mean the same place. Give the CT that the contours were drawn on."
        )


def _take_contours(roi: _Roi, drawn: pydicom.Dataset | None, path) -> None:
    """Keep the closed contours of an ROI; say what is skipped."""
    skipped = defaultdict(int)
    for item in (drawn.get("ContourSequence") if drawn is not None else None) or []:
        kind = str(item.get("ContourGeometricType") or "").strip()
        points = _points(item, roi.name, path)
        promised = item.get("NumberOfContourPoints")
        if promised is not None and int(promised) != len(points):
            roi.warnings.append(
                f"'{roi.name}': a contour says it has {int(promised)} points and holds {len(points)}; check the structure."
            )
        if kind not in _FILLED:
            skipped[f"of type {kind or 'unknown'}"] += 1
        elif len(points) < 3:
            skipped["with fewer than three points"] += 1
        else:
            roi.contours.append(points)
    for reason, count in skipped.items():
        counted = f"{count} contours {reason} were" if count > 1 else f"1 contour {reason} was"
        roi.warnings.append(f"'{roi.name}': {counted} skipped: no area is enclosed.")
    if not roi.contours:
        roi.warnings.append(f"'{roi.name}' has no closed contour; it is empty.")


def _points(item: pydicom.Dataset, name: str, path) -> np.ndarray:
    """(n, 3) RAS millimetres, parsed without pydicom's slow decimal strings."""
    try:
        element = item.get_item(_CONTOUR_DATA) if _CONTOUR_DATA in item else None
        value = None if element is None else element.value
        if isinstance(element, RawDataElement):
            value = [part for part in (value or b"").decode("ascii").strip("\0 ").split("\\") if part.strip()]
        numbers = np.array([] if value is None else value, dtype=np.float64)
    except (UnicodeDecodeError, ValueError) as error:
        raise InputError(
            f"A contour of '{name}' in '{path}' has a coordinate that is not a number ({error});"
            " export the RTSTRUCT again."
        ) from error
    if numbers.size % 3 or not np.isfinite(numbers).all():
        raise InputError(
            f"A contour of '{name}' in '{path}' has {numbers.size} coordinates,"
            " which do not make points of three finite numbers; export the RTSTRUCT again."
        )
    return numbers.reshape(-1, 3) * np.diag(LPS_TO_RAS)[:3]
