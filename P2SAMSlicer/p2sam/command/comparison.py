"""Two segmentation files on one grid, structure by structure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import GeometryError, InputError, StructureError
from ..files.dicom_series import is_dicom_file
from ..files.images import exact_volume, existing_path, read_image, read_volume
from ..files.segmentations import read_segmentation
from ..metrics import compute
from ..segmentation import Segmentation
from ..volume import Volume, grid_corners
from .inputs import check_truth_names

LARGEST_GRID = 2_000_000_000
"""Voxels; two files that span more do not belong together."""


def compare(
    truth: Path, result: Path, reference: Path | None, structures: tuple[str, ...] | None, truth_names: Mapping[str, str]
) -> tuple[list[dict], list[str]]:
    """Rows of metrics with `structure` first, and warnings.

    Without a reference the result's own grid is used, extended so that it holds the truth as well.

    Raises
    ------
    InputError and its kinds
    """
    existing_path(truth), existing_path(result)
    grid = read_volume(reference) if reference is not None else common_grid(result, truth)
    drawn = read_segmentation(result, grid, structures)
    known = read_segmentation(truth, grid)
    warnings = [*drawn.meta.get("warnings", ()), *known.meta.get("warnings", ())]
    check_truth_names(truth_names, drawn.names)
    rows = []
    for segment in drawn.segments:
        other = truth_names.get(segment.name, segment.name)
        if structures is None and not has(known, other):
            warnings.append(f"The truth has no '{other}'; it is left out.")
            continue
        rows.append({"structure": segment.name, **compute(known.segment(other).mask, segment.mask, grid.ijk_to_ras).as_row()})
    if not rows:
        raise StructureError(
            f"The two files share no structure name (result: {', '.join(drawn.names)}; truth: {', '.join(known.names)}); say which is which with --truth-name."
        )
    return rows, warnings


def has(segmentation: Segmentation, name: str) -> bool:
    return any(name in (segment.name, segment.id) for segment in segmentation.segments)


def common_grid(result: Path, truth: Path) -> Volume:
    """The result's grid, without voxels' values, grown to the truth's corners (Slicer saves segmentations cropped)."""
    own, other = grid_of(result), grid_of(truth)
    corners = (own.ras_to_ijk @ other.ijk_to_ras @ grid_corners(other.shape).T)[:3]
    size = np.array(own.shape[::-1])
    low = np.minimum(np.floor(corners.min(axis=1) + 1e-3), 0).astype(int)
    high = np.maximum(np.ceil(corners.max(axis=1) - 1e-3) + 1, size).astype(int)
    if np.prod((high - low).astype(float)) > LARGEST_GRID:
        raise GeometryError(f"'{result}' and '{truth}' lie too far apart to be of one scan; give two segmentations of one CT.")
    matrix = own.ijk_to_ras.copy()
    matrix[:3, 3] = own.ras_of(low[None].astype(float))[0]
    shape = tuple(int(n) for n in (high - low)[::-1])
    return Volume(np.broadcast_to(np.int8(0), shape), matrix, {"source": str(result)})


def grid_of(path: Path) -> Volume:
    """The grid of a label map or `.seg.nrrd`; an RTSTRUCT has none."""
    if path.is_dir() or is_dicom_file(path):
        raise InputError(f"'{path}' is DICOM, whose contours have no grid of their own; give the CT with --reference.")
    image = read_image(path)
    if image.GetNumberOfComponentsPerPixel() > 1:
        image = sitk.VectorIndexSelectionCast(image, 0)
    volume = exact_volume(path, image)
    return replace(volume, array=np.broadcast_to(np.int8(0), volume.shape))
