"""Scans and segmentations as they come from Slicer: arrays in the job folder, the rest in the message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from p2sam.errors import InputError
from p2sam.files.images import check_ct
from p2sam.regrid import index_shift, resample_mask
from p2sam.segmentation import Segment, Segmentation
from p2sam.volume import Volume

from .job import JobFolder
from .protocol import ProtocolError
from .request import Request


def volume_of(told: Mapping, job: JobFolder, what: str) -> Volume:
    """`{"array": file, "ijk_to_ras": 4x4, "meta": {...}}` as a volume; the file is removed.

    Raises
    ------
    InputError, ProtocolError
        A missing or damaged array; values that no CT has; a message without what is needed.
    """
    array = job.take_array(text_of(told, "array", what), ndim=3)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError(f"The {what} CT has voxels that are not finite numbers; export the CT again.")
    volume = Volume(array, matrix_of(told, what), dict(told.get("meta") or {}))
    check_ct(replace(volume, meta={"source": f"the {what} CT", **volume.meta}))
    return volume


def matrix_of(told: Mapping, what: str) -> np.ndarray:
    return numbers_of(told.get("ijk_to_ras"), (4, 4), f"The {what} needs 'ijk_to_ras' as four rows of four numbers")


def numbers_of(value: object, shape: tuple[int, ...], wanted: str, kind: type = float) -> np.ndarray:
    """A list as an array of finite numbers in that shape, -1 standing for any length.

    Raises
    ------
    ProtocolError
        `wanted`, and what came instead.
    """
    try:
        array = np.array(value, dtype=np.float64).reshape(shape)
        if not np.isfinite(array).all() or kind is int and (array != np.rint(array)).any():
            raise ValueError(value)
    except (TypeError, ValueError) as error:
        raise ProtocolError(f"{wanted}; it got {value!r:.60}.") from error
    return array.astype(kind)


def segmentation_of(told: list, grid: Volume, job: JobFolder) -> Segmentation:
    """A list of `{"id", "name", "color_rgb", "terminology", "mask": file, "ijk_to_ras"}`, brought onto the grid of a volume as
    `mask_of` does it; the files are removed."""
    segments = []
    for number, one in enumerate(told, start=1):
        if not isinstance(one, dict):
            raise ProtocolError(f"Segment {number} is {one!r:.60}; send an object with id, name and mask.")
        mask = mask_of(one, grid, job, f"segment {number}")
        color = tuple(numbers_of(one.get("color_rgb") or (0.9, 0.3, 0.2), (3,), f"Segment {number} needs 'color_rgb' as three numbers").tolist())
        name = text_of(one, "name", f"segment {number}")
        segments.append(Segment(name, mask, str(one.get("id") or name), color, one.get("terminology")))
    return Segmentation(tuple(segments), grid.ijk_to_ras, grid.shape)


def mask_of(told: Mapping, grid: Volume, job: JobFolder, what: str) -> np.ndarray:
    """`{"mask": file, "ijk_to_ras": 4x4}` as (K, J, I) bool on the grid of a volume; without a matrix it lies there already.

    Voxels that are the volume's (cropped, flipped or turned) are moved one to one, others are interpolated.
    """
    file = text_of(told, "mask", what)
    if told.get("ijk_to_ras") is None:
        return job.take_array(file, shape=grid.shape, mask=True)
    mask, matrix = job.take_array(file, ndim=3, mask=True), matrix_of(told, what)
    shift = index_shift(matrix, mask.shape, grid)
    return np.ascontiguousarray(resample_mask(mask, matrix, grid) if shift is None else shift.apply(mask))


def masks_of(told: Mapping, job: JobFolder, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """`{structure: file}` as structure -> (K, J, I) bool; the files are removed."""
    return {name: job.take_array(file, shape=shape, mask=True) for name, file in told.items()}


def anchors_of(request: Request, job: JobFolder) -> dict[str, dict[int, np.ndarray]]:
    """`anchors` of a propagation: structure -> slice -> (rows, columns) bool; the files are removed."""
    anchors = {}
    for name, told in request.get("anchors", dict, {}).items():
        if not isinstance(told, dict) or not isinstance(told.get("indices"), list):
            raise ProtocolError(f"The anchors of '{name}' are {told!r:.60}; send an object with indices and masks.")
        indices = numbers_of(told["indices"], (-1,), f"The anchors of '{name}' need 'indices' as whole numbers", int).tolist()
        if not indices:
            continue
        masks = job.take_array(text_of(told, "masks", f"anchors of '{name}'"), ndim=3, mask=True)
        if len(masks) != len(indices) or len(set(indices)) != len(indices):
            raise ProtocolError(f"The anchors of '{name}' are {len(masks)} masks for the slices {indices}; send one mask for each slice, and each slice once.")
        anchors[name] = dict(zip(indices, masks))
    return anchors


def text_of(told: Mapping, key: str, what: str) -> str:
    value = told.get(key)
    if not isinstance(value, str) or not value:
        raise ProtocolError(f"The {what} needs '{key}' as text; it got {value!r:.60}.")
    return value
