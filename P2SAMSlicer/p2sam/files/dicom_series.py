"""A folder of DICOM slices read as one volume, or an error that names the files which do not fit together.

Headers are read with pydicom, pixels with GDCM through SimpleITK (which knows the compressed transfer syntaxes and
applies rescale slope and intercept); `dicom_stack` computes the geometry.
"""

from __future__ import annotations

import os
import struct
from collections import defaultdict
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import UID

from .dicom_stack import DicomSlice, check_uniform, stack_grid
from ..errors import InputError
from ..volume import Volume

_TAGS = [
    "SOPClassUID", "SOPInstanceUID", "Modality", "PatientID", "StudyDate", "StudyInstanceUID", "SeriesInstanceUID",
    "SeriesDescription", "SeriesNumber", "FrameOfReferenceUID", "ImageType", "ImagePositionPatient",
    "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns", "NumberOfFrames", "RescaleSlope", "RescaleIntercept",
    "SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation",
]  # fmt: skip
UNREADABLE = (
    InvalidDicomError, BytesLengthException, EOFError, OSError, ValueError, KeyError, AttributeError,
    NotImplementedError, struct.error,
)  # fmt: skip
"""What pydicom raises on damaged files."""
def is_dicom_file(path: Path) -> bool:
    """Whether the file starts as DICOM does: "DICM" after the preamble, or the first group without one."""
    with open(path, "rb") as file:
        start = file.read(132)
    return start[128:132] == b"DICM" or start[:4] in (b"\x08\x00\x00\x00", b"\x08\x00\x05\x00", b"\x08\x00\x08\x00")


def read_series(path: str | os.PathLike, series_uid: str | None = None) -> Volume:
    """Read one DICOM series.

    Parameters
    ----------
    path : path
        A folder (its sub-folders are searched where it holds no slices itself), or one file of the series wanted.
    series_uid : str, optional
        Which series, where the folder holds several.

    Returns
    -------
    Volume
        HU as int16 where they fit, else float32; slices (K) along the normal of the image plane. `meta` has
        `patient_id`, `study_date`, `modality`, `frame_of_reference_uid`, `series_uid`, `study_uid`,
        `sop_instance_uids` (K of them, in order), `series_description`, `source` and `warnings`.

    Raises
    ------
    InputError
        No image series, several of them, or a file that cannot be decoded.
    GeometryError
        Slices that are not one regular, untilted stack.
    """
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    slices, ignored = _image_slices(folder)
    if path.is_file():
        series_uid = _series_of(path, slices, ignored)
    stack = _one_series(folder, slices, series_uid)
    _check_frames(stack)
    check_uniform(stack)
    matrix, stack = stack_grid(stack)
    array = _pixels(stack)
    return Volume(array, matrix, _meta(path, stack, ignored))


def _image_slices(folder: Path) -> tuple[list[DicomSlice], list[str]]:
    """All placed image slices of a folder, and why other images in it were left aside."""
    slices, ignored = _slices_in(sorted(item for item in folder.iterdir() if item.is_file()))
    if not slices:
        slices, ignored = _slices_in(sorted(item for item in folder.rglob("*") if item.is_file()))
    if not slices:
        reason = f" ({ignored[0]})" if ignored else ""
        raise InputError(f"There is no DICOM image slice in '{folder}'{reason}; give the folder that holds the CT's slices.")
    return slices, ignored


def _slices_in(files: list[Path]) -> tuple[list[DicomSlice], list[str]]:
    slices, ignored = [], []
    for file in files:
        if file.name.startswith("."):
            continue
        if not is_dicom_file(file):
            if file.suffix.lower() in (".dcm", ".ima"):
                raise InputError(
                    f"'{file}' is named like a DICOM file but is none ({file.stat().st_size} bytes);"
                    " copy it again or remove it from the folder."
                )
            if file.stat().st_size == 0:
                ignored.append(f"the empty file '{file.name}' (0 bytes) was left out")
            continue
        header = _header(file)
        if header.get("Rows") is None:
            continue  # RTSTRUCT, plan, report: no image
        if "LOCALIZER" in [str(part).upper() for part in (header.get("ImageType") or [])]:
            ignored.append(f"the localizer '{file.name}' was left out")
        elif _frames(header) > 1 and header.get("Modality") != "CT":
            ignored.append(f"the multi-frame {header.get('Modality')} object '{file.name}' was left out")
        elif _frames(header) > 1:
            slices.append(DicomSlice(file, header))
        elif header.get("ImagePositionPatient") is None or header.get("ImageOrientationPatient") is None:
            ignored.append(f"'{file.name}' has no position in the patient and was left out")
        else:
            slices.append(DicomSlice(file, header))
    return slices, ignored


def _frames(header: pydicom.Dataset) -> int:
    return int(header.get("NumberOfFrames") or 1)


def _header(file: Path) -> pydicom.Dataset:
    """The tags needed here; an error where the file is cut off before they end, so that no slice is lost in silence."""
    try:
        header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=_TAGS, force=True)
        kind = header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID")
        broken = kind is None or ("CT Image Storage" in UID(kind).name and header.get("Rows") is None)
    except UNREADABLE as error:
        raise InputError(
            f"The DICOM file '{file}' cannot be read ({error}); copy it again or remove it from the folder."
        ) from error
    if broken:
        raise InputError(
            f"The DICOM file '{file}' is damaged: its header ends too early."
            " Copy it again or remove it from the folder."
        )
    return header


def _series_of(path: Path, slices: list[DicomSlice], ignored: list[str]) -> str:
    for item in slices:
        if item.path == path:
            return item.series_uid
    reason = next((text for text in ignored if path.name in text), "it holds no image")
    raise InputError(f"'{path}' is not a slice of a CT series ({reason}); give one of the CT's slices or their folder.")


def _one_series(folder: Path, slices: list[DicomSlice], series_uid: str | None) -> list[DicomSlice]:
    series = defaultdict(list)
    for item in slices:
        series[item.series_uid].append(item)
    if series_uid is not None:
        if series_uid not in series:
            raise InputError(f"There is no series '{series_uid}' in '{folder}'; it has: {_series_list(series)}.")
        return series[series_uid]
    ct = {uid: items for uid, items in series.items() if items[0].get("Modality") == "CT"}
    choice = ct or series
    if len(choice) > 1:
        raise InputError(
            f"'{folder}' holds {len(choice)} image series: {_series_list(choice)}."
            " Choose one: give the path of one of its files instead of the folder."
        )
    return next(iter(choice.values()))


def _series_list(series: dict[str, list[DicomSlice]]) -> str:
    return "; ".join(
        f"{items[0].get('Modality') or 'no modality'} '{items[0].get('SeriesDescription') or 'no description'}',"
        f" {len(items)} file{'s' if len(items) > 1 else ''} such as '{items[0].path.name}', UID {uid or 'empty'}"
        for uid, items in series.items()
    )


def _check_frames(stack: list[DicomSlice]) -> None:
    for item in stack:
        if _frames(item.header) > 1:
            raise InputError(
                f"'{item.path}' is an enhanced (multi-frame) CT,"
                " which is not read here; open it in 3D Slicer and save the volume as .nrrd."
            )


def _pixels(stack: list[DicomSlice]) -> np.ndarray:
    """(K, J, I) rescaled values; the narrowest of int16 and float32 that keeps them."""
    first = _slice_pixels(stack[0])
    array = np.empty((len(stack), *first.shape), dtype=np.int16 if first.dtype == np.int16 else np.float32)
    for index, item in enumerate(stack):
        values = first if index == 0 else _slice_pixels(item)
        if values.shape != first.shape:
            raise InputError(
                f"'{item.path}' decodes to {values.shape} pixels where the series has {first.shape}; copy the file again."
            )
        if array.dtype == np.int16 and values.dtype != np.int16:
            array = array.astype(np.float32)
        array[index] = values
    return array


def _slice_pixels(item: DicomSlice) -> np.ndarray:
    """(J, I) int16 where the values fit, else float32."""
    try:
        image = sitk.ReadImage(str(item.path), imageIO="GDCMImageIO")
    except RuntimeError as error:
        raise InputError(
            f"The pixels of '{item.path}' cannot be decoded;"
            " copy the file again or convert the series to .nrrd in 3D Slicer."
        ) from error
    values = sitk.GetArrayViewFromImage(image)
    if image.GetNumberOfComponentsPerPixel() != 1 or image.GetSize()[2:] not in ((), (1,)):
        raise InputError(f"'{item.path}' is not a grey-value slice; remove it from the folder.")
    values = values.reshape(values.shape[-2:])
    if values.dtype.kind in "iu" and values.min() >= -32768 and values.max() <= 32767:
        return values.astype(np.int16)
    return values.astype(np.float32)


def _meta(path: Path, stack: list[DicomSlice], ignored: list[str]) -> dict:
    header = stack[0].header
    known = {
        "patient_id": header.get("PatientID"),
        "study_date": header.get("StudyDate"),
        "modality": header.get("Modality"),
        "frame_of_reference_uid": header.get("FrameOfReferenceUID"),
        "series_uid": header.get("SeriesInstanceUID"),
        "study_uid": header.get("StudyInstanceUID"),
        "series_description": header.get("SeriesDescription"),
    }
    meta = {key: str(value) for key, value in known.items() if value not in (None, "")}
    meta["sop_instance_uids"] = tuple(str(item.get("SOPInstanceUID") or "") for item in stack)
    meta["source"] = str(path)
    if ignored:
        meta["warnings"] = tuple(ignored)
    return meta
