"""Public data sets as they lie on a disk, slice by slice: NSCLC-Radiomics, Kvasir-SEG, folders and lists of CT.

A CT goes through the window of `Settings.window_hu`; of its slices along the scan's own slice axis those that have the
structure are given.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import InputError, StructureError
from ..files.dicom_series import is_dicom_file
from ..files.images import FORMATS, check_ct, existing_path, read_volume
from ..files.segmentations import read_segmentation
from ..settings import Settings
from ..slices import window_to_rgb
from ..volume import canonical
from .stored import LabelledSlice

GTV = "GTV-1"
_LEAST_SLICES = 2
_PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
_ON = 127
"""Kvasir's masks are JPEG: near 0 or 255, not exactly."""


@dataclass(frozen=True)
class Case:
    """One scan and its segmentation, not read yet."""

    patient: str
    ct: Path
    segmentation: Path


def nsclc_radiomics(folder: Path) -> list[Case]:
    """NSCLC-Radiomics as TCIA's retriever writes it: `LUNG1-001/<study>/<series>/1-001.dcm`.

    Each study has a series of CT files, one with a SEG and one with an RTSTRUCT, told apart by what is in them; the
    folder names carry dates and numbers that differ between downloads. The SEG is taken where there is one.
    """
    folder = existing_path(folder)
    if not folder.is_dir():
        raise InputError(f"'{folder}' is a file; give the folder of NSCLC-Radiomics that holds the patients.")
    patients = sorted(path for path in folder.iterdir() if path.is_dir() and path.name.upper().startswith("LUNG"))
    if not patients:
        raise InputError(f"'{folder}' has no folder LUNG1-...; give the folder of NSCLC-Radiomics that holds the patients.")
    return [case for patient in patients for case in _studies(patient)]


def _studies(patient: Path) -> Iterator[Case]:
    by_study: dict[Path, dict[str, Path]] = {}
    for series in sorted({file.parent for file in patient.rglob("*.dcm")}):
        first = next(file for file in sorted(series.iterdir()) if file.suffix == ".dcm")
        by_study.setdefault(series.parent, {}).setdefault(_modality(first), series if _modality(first) == "CT" else first)
    for series in by_study.values():
        labels = series.get("SEG") or series.get("RTSTRUCT")
        if labels is not None and "CT" in series:
            yield Case(patient.name, series["CT"], labels)


def ct_folder(folder: Path) -> list[Case]:
    """Any folder of scans with a `.seg.nrrd` each, at any depth.

    The scan of `X.seg.nrrd` is `X.nrrd`, `X.nii.gz`, ... beside it, or the only scan of its folder, or DICOM in its folder or in
    a folder beside it. The patient is the folder, or `X` where all lie in one.
    """
    folder = existing_path(folder)
    found = sorted(folder.rglob("*.seg.nrrd"))
    if not found:
        raise InputError(f"'{folder}' has no .seg.nrrd file at any depth; save each segmentation beside its CT.")
    return [Case(_patient(path, folder), _scan_beside(path), path) for path in found]


def _patient(path: Path, root: Path) -> str:
    return path.parent.relative_to(root).parts[0] if path.parent != root else path.name[: -len(".seg.nrrd")]


def _scan_beside(path: Path) -> Path:
    scans = [one for one in sorted(path.parent.iterdir()) if one.is_file() and one.name.lower().endswith(FORMATS) and ".seg." not in one.name.lower()]
    stem = path.name[: -len(".seg.nrrd")]
    named = [one for one in scans if one.name.startswith(f"{stem}.")] or (scans if len(scans) == 1 else [])
    if named:
        return named[0]
    series = [one for one in (path.parent, *sorted(path.parent.iterdir())) if one.is_dir() and _has_dicom(one)]
    if len(series) != 1:
        raise InputError(f"'{path}' has {len(scans)} scans and {len(series)} DICOM series beside it; name its scan {stem}.nrrd, or put each case into a folder.")
    return series[0]


def _has_dicom(folder: Path) -> bool:
    return any(one.is_file() and is_dicom_file(one) for one in sorted(folder.iterdir())[:_LEAST_SLICES])


def ct_list(table: Path) -> list[Case]:
    """A CSV with the columns `patient`, `ct` and `segmentation`: scans and RTSTRUCT, SEG or other segmentations; relative paths are the table's."""
    table = existing_path(table)
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"'{table}' is not a CSV table with patient, ct and segmentation ({error}).") from error
    if not rows or not {"patient", "ct", "segmentation"} <= rows[0].keys():
        raise InputError(f"'{table}' needs a header with patient, ct and segmentation, and a row for each scan.")
    return [Case(row["patient"].strip(), table.parent / row["ct"].strip(), table.parent / row["segmentation"].strip()) for row in rows]


def slices_of(cases: list[Case], structure: str = GTV, window_hu: tuple[float, float] = Settings().window_hu) -> Iterator[LabelledSlice]:
    """The slices of every case that has the structure; a case without it is left out.

    Raises
    ------
    StructureError
        No case has it.
    """
    seen, names = 0, set()
    for case in cases:
        volume = read_volume(case.ct)
        check_ct(volume)
        try:
            mask = read_segmentation(case.segmentation, volume, (structure,)).segment(structure).mask
        except StructureError as error:
            names.add(str(error))
            continue
        seen += 1
        yield from _slices(case, volume, mask, window_hu)
    if not seen:
        raise StructureError(f"None of {len(cases)} cases has a structure '{structure}'. {next(iter(names), '')}")


def _slices(case: Case, volume, mask: np.ndarray, window_hu: tuple[float, float]) -> Iterator[LabelledSlice]:
    upright, order = canonical(volume)
    turned = order.apply(mask)
    for k in np.flatnonzero(turned.any(axis=(1, 2))):
        image = window_to_rgb(upright.array[k], window_hu)[..., 0]
        yield LabelledSlice(case.patient, f"{case.ct.name}-{k:04d}", image, turned[k])


def kvasir_seg(folder: Path) -> Iterator[LabelledSlice]:
    """Kvasir-SEG as it is published: `images/` and `masks/` with equal names. Each image counts as a patient; the set does not say whose it is."""
    folder = existing_path(folder)
    if not (folder / "images").is_dir() or not (folder / "masks").is_dir():
        raise InputError(f"'{folder}' has no images/ and masks/; give the folder of Kvasir-SEG that holds both.")
    pictures = sorted(path for path in (folder / "images").iterdir() if path.suffix.lower() in _PICTURES)
    for path in pictures:
        drawn = folder / "masks" / path.name
        if not drawn.is_file():
            raise InputError(f"The image '{path}' has no mask of the same name in masks/.")
        image, mask = _picture(path), _picture(drawn)
        if image.shape[:2] != mask.shape[:2]:
            raise InputError(f"'{path.name}' has {image.shape[:2]} pixels and its mask {mask.shape[:2]}.")
        yield LabelledSlice(path.stem, path.stem, np.broadcast_to(image, (*image.shape[:2], 3)).copy(), mask.max(axis=-1) > _ON)


def _picture(path: Path) -> np.ndarray:
    """(H, W, 1 or 3) uint8."""
    try:
        array = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    except RuntimeError as error:
        raise InputError(f"The picture '{path}' cannot be read; copy it again.") from error
    return array[..., None] if array.ndim == 2 else array[..., :3]


def _modality(file: Path) -> str:
    import pydicom

    return str(pydicom.dcmread(file, specific_tags=["Modality"], stop_before_pixels=True, force=True).get("Modality") or "")
