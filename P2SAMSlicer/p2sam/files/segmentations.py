"""Segmentation files read onto the grid of a CT (and, from `seg_nrrd`, written for 3D Slicer).

Read are label maps (NRRD, NIfTI, MetaImage), `.seg.nrrd` with its names, ids, colours, terminology and overlapping
layers, RTSTRUCT, and DICOM SEG. Whatever a reader must know of how the file was put onto the CT is in `meta["warnings"]`.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pydicom

from .dicom_seg import read_dicom_seg
from .dicom_series import UNREADABLE, is_dicom_file
from ..errors import GeometryError, InputError, StructureError
from .images import FORMATS, exact_volume, existing_path, read_image
from .nrrd import read_nrrd_header
from ..regrid import index_shift, resample_mask
from .rtstruct import read_rtstruct
from .seg_nrrd import Labels, label_values, plain_entry, read_seg_nrrd, whole_numbers, write_segmentation
from ..segmentation import Segment, Segmentation
from ..volume import Volume

__all__ = ["read_segmentation", "write_segmentation"]

_VOLUME_CHANGE = 0.05
"""A resampled structure whose volume changes by more than this part is worth a sentence."""


def read_segmentation(path: str | os.PathLike, reference: Volume, names: tuple[str, ...] | None = None) -> Segmentation:
    """Read structures onto the grid of a CT.

    Parameters
    ----------
    path : path
        A label map, a `.seg.nrrd`, an RTSTRUCT, a DICOM SEG, or a folder that holds one RTSTRUCT.
    reference : Volume
        The CT that was segmented.
    names : tuple of str, optional
        Only these structures (names or ids), which saves memory; all by default.

    Returns
    -------
    Segmentation
        On the grid of `reference`. Where the grids share their voxels (cropped, flipped, turned) they are moved one to
        one; otherwise they are interpolated, and `meta["warnings"]` says so.

    Raises
    ------
    InputError
        Missing, unreadable, not a segmentation.
    StructureError
        A name that the file does not have, or no structure at all.
    GeometryError
        The segmentation lies wholly outside the CT.
    """
    path = existing_path(path)
    if path.is_dir():
        path = _rtstruct_in(path)
    modality = _modality(path) if is_dicom_file(path) else None
    if modality not in (None, "SEG"):
        return _read_contours(path, modality, reference, names)
    labels = _read_labels(path) if modality is None else read_dicom_seg(path)
    if not labels.entries:
        raise StructureError(f"'{path}' has no structure: every voxel is 0. Give the segmentation that was drawn.")
    if names is not None:
        labels = _only(labels, names, path)
    segments, warnings = _place(labels, reference)
    if not any(segment.mask.any() for segment in segments):
        _explain_empty(labels, path)
    meta = {"source": str(path), "warnings": tuple(warnings)}
    return Segmentation(tuple(segments), reference.ijk_to_ras, reference.shape, meta)


def _rtstruct_in(folder: Path) -> Path:
    found = []
    for file in sorted(item for item in folder.iterdir() if item.is_file()):
        if is_dicom_file(file) and _modality(file) == "RTSTRUCT":
            found.append(file)
    if len(found) != 1:
        listed = f" ({', '.join(file.name for file in found)})" if found else ""
        raise InputError(
            f"The folder '{folder}' holds {len(found) or 'no'} RTSTRUCT{' files' if found else ''}{listed};"
            " give the path of the segmentation file itself."
        )
    return found[0]


def _read_contours(path: Path, modality: str, reference: Volume, names: tuple[str, ...] | None) -> Segmentation:
    if modality != "RTSTRUCT":
        raise InputError(
            f"'{path}' is a DICOM object of modality {modality or 'unknown'},"
            " not a segmentation; give an RTSTRUCT, a SEG, a .seg.nrrd or a label map."
        )
    return read_rtstruct(path, reference, names)


def _modality(path: Path) -> str:
    """Of a DICOM file; empty where it does not say."""
    try:
        return str(pydicom.dcmread(path, specific_tags=["Modality"], stop_before_pixels=True, force=True).get("Modality") or "")
    except UNREADABLE as error:
        raise InputError(f"The DICOM file '{path}' cannot be read ({error}); copy it again.") from error


def _read_labels(path: Path) -> Labels:
    name = path.name.lower()
    if not name.endswith(FORMATS):
        raise InputError(
            f"'{path}' is not a segmentation that is read here; give a .seg.nrrd, a label map ({', '.join(FORMATS)})"
            " or a DICOM RTSTRUCT."
        )
    if name.endswith(".nrrd"):
        header = read_nrrd_header(path)
        layered = len(header.sizes) == 4 and header.fields.get("kinds", "").split()[:1] == ["list"]
        if layered or any(key.startswith("Segment0_") for key in header.pairs):
            return read_seg_nrrd(path, header)
    image = read_image(path)
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(
            f"'{path}' has {image.GetNumberOfComponentsPerPixel()} values a voxel;"
            " give a label map with one whole number a voxel."
        )
    volume = exact_volume(path, image)
    layer = whole_numbers(volume.array, path)
    entries = [plain_entry(value, 0, index) for index, value in enumerate(label_values(layer, path))]
    return Labels([layer], volume.ijk_to_ras, entries)


def _only(labels: Labels, names: tuple[str, ...], path: Path) -> Labels:
    known = {text for entry in labels.entries for text in (entry.name, entry.id)}
    absent = [name for name in names if name not in known]
    if absent:
        listed = ", ".join(entry.name for entry in labels.entries)
        raise StructureError(f"There is no structure '{absent[0]}' in '{path}'; it has: {listed}.")
    chosen = [entry for entry in labels.entries if entry.name in names or entry.id in names]
    return Labels(labels.layers, labels.ijk_to_ras, chosen, labels.warnings)


def _place(labels: Labels, reference: Volume) -> tuple[list[Segment], list[str]]:
    """Each entry as a segment on the reference grid, and what had to be changed for it."""
    shift = index_shift(labels.ijk_to_ras, labels.layers[0].shape, reference)
    used = sorted({entry.layer for entry in labels.entries})
    moved = {layer: shift.apply(labels.layers[layer]) for layer in used} if shift else {}
    segments, warnings = [], list(labels.warnings)
    if shift is None:
        warnings.append("The segmentation's grid is not the CT's: its structures were interpolated onto the CT's voxels.")
    voxel_ml = abs(np.linalg.det(labels.ijk_to_ras[:3, :3])) / 1000
    target_ml = abs(np.linalg.det(reference.ijk_to_ras[:3, :3])) / 1000
    for entry in labels.entries:
        drawn = labels.layers[entry.layer] == entry.value
        mask = moved[entry.layer] == entry.value if shift else resample_mask(drawn, labels.ijk_to_ras, reference)
        segments.append(Segment(entry.name, mask, entry.id, entry.color_rgb, entry.terminology))
        warnings += _change(entry.name, drawn.sum() * voxel_ml, mask.sum() * target_ml, exact=shift is not None)
    return segments, warnings


def _change(name: str, before_ml: float, after_ml: float, exact: bool) -> list[str]:
    if before_ml == 0:
        return [f"'{name}' is empty in the file."]
    if after_ml == 0:
        return [f"'{name}' ({before_ml:.3g} ml) does not reach the CT's voxels; it is empty."]
    if abs(after_ml - before_ml) <= (1e-6 if exact else _VOLUME_CHANGE) * before_ml:
        return []
    reason = "it reaches beyond the CT and was cut off" if exact else "by interpolation, or because it reaches beyond the CT"
    return [f"'{name}' has {after_ml:.4g} ml on the CT's grid and {before_ml:.4g} ml in its file: {reason}."]


def _explain_empty(labels: Labels, path: Path) -> None:
    if all(not (labels.layers[entry.layer] == entry.value).any() for entry in labels.entries):
        raise StructureError(
            f"Every structure of '{path}' is empty ({', '.join(entry.name for entry in labels.entries[:5])});"
            " give the segmentation that was drawn."
        )
    raise GeometryError(f"The structures of '{path}' lie outside the CT; give the segmentation and the CT of the same visit.")
