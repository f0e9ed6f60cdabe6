"""3D Slicer's `.seg.nrrd`: label voxels in layers, and a header that names what they are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError, OutputError
from .nrrd import NrrdHeader, read_nrrd_array, write_nrrd
from ..segmentation import Segment, Segmentation, distinct_color

_MOST_LABELS, _MOST_NAMELESS = 1000, 200
_TERMINOLOGY = "TerminologyEntry"


@dataclass(frozen=True)
class LabelEntry:
    """One structure of a file: the voxels of `layer` that equal `value`."""

    name: str
    id: str
    color_rgb: tuple[float, float, float]
    terminology: str | None
    layer: int
    value: int


@dataclass(frozen=True)
class Labels:
    """Label voxels as they stand in a file: layers of (K, J, I) integers on one grid."""

    layers: list[np.ndarray]
    ijk_to_ras: np.ndarray
    entries: list[LabelEntry]
    warnings: tuple[str, ...] = ()


def read_seg_nrrd(path: Path, header: NrrdHeader) -> Labels:
    """Layers and segments of a `.seg.nrrd`, or of any NRRD with a list of label layers.

    Raises
    ------
    InputError
        Not binary, not placed in space, not whole numbers, or a damaged header.
    """
    pairs = header.pairs
    kind = pairs.get("Segmentation_SourceRepresentation", pairs.get("Segmentation_MasterRepresentation", "Binary labelmap"))
    if kind != "Binary labelmap":
        raise InputError(
            f"'{path}' keeps its segments as '{kind}'; make 'Binary labelmap' the source representation"
            " in Slicer's Segmentations module and save it again."
        )
    matrix = header.ijk_to_ras
    if matrix is None:
        raise InputError(
            f"The header of '{path}' does not say where its voxels are (space,"
            " space directions and space origin); save it again in 3D Slicer."
        )
    array = whole_numbers(read_nrrd_array(header), path)
    listed = [index for index, direction in enumerate(header.directions) if direction is None]
    if array.ndim == 4 and len(listed) == 1:
        array = np.moveaxis(array, 3 - listed[0], 0)
        layers = list(array)
    elif array.ndim == 3 and not listed:
        layers = [array]
    else:
        raise InputError(
            f"'{path}' has {array.ndim} axes, {len(listed)} of them not in space;"
            " a segmentation has three and at most one list of layers."
        )
    entries = [_seg_nrrd_entry(pairs, index, len(layers), path) for index in _segment_numbers(pairs)]
    if entries:
        return Labels(layers, matrix, entries, _unlisted(layers, entries, path))
    for number, layer in enumerate(layers):
        entries += [plain_entry(value, number, len(entries) + index) for index, value in enumerate(label_values(layer, path))]
    return Labels(layers, matrix, entries)


def _unlisted(layers: list[np.ndarray], entries: list[LabelEntry], path: Path) -> tuple[str, ...]:
    """Say which label values no segment claims: Slicer does not show them, and they are not read."""
    known = {(entry.layer, entry.value) for entry in entries}
    present = [(number, value) for number, layer in enumerate(layers) for value in label_values(layer, path, named=True)]
    found = ", ".join(str(value) for number, value in present if (number, value) not in known)
    return (f"'{path}' has voxels of label {found} that no segment is named for; they were left out.",) if found else ()


def _segment_numbers(pairs: dict) -> list[int]:
    numbers = [key[len("Segment") : -len("_ID")] for key in pairs if key.startswith("Segment") and key.endswith("_ID")]
    return sorted(int(number) for number in numbers if number.isdigit())


def _seg_nrrd_entry(pairs: dict, index: int, layers: int, path: Path) -> LabelEntry:
    """One segment; files of Slicer before 4.11 have no layer or label value: then each segment is a layer of ones."""
    prefix = f"Segment{index}_"
    try:
        layer = int(pairs.get(prefix + "Layer", index if layers > 1 else 0))
        value = int(pairs.get(prefix + "LabelValue", 1))
        written = pairs.get(prefix + "Color")
        color = tuple(float(part) for part in written.split()) if written else distinct_color(index)
    except ValueError as error:
        raise InputError(f"Segment {index} of '{path}' has a damaged header ({error}); save it again in 3D Slicer.") from error
    if not all(0 <= part <= 1 for part in color):
        color = distinct_color(index)
    if layer >= layers or len(color) != 3:
        raise InputError(
            f"Segment {index} of '{path}' says layer {layer} and colour {color},"
            f" but the file has {layers} layers; save it again in 3D Slicer."
        )
    identity = pairs[prefix + "ID"]
    tags = dict(part.partition(":")[::2] for part in pairs.get(prefix + "Tags", "").split("|") if part)
    return LabelEntry(pairs.get(prefix + "Name", identity), identity, color, tags.get(_TERMINOLOGY), layer, value)


def plain_entry(value: int, layer: int, index: int) -> LabelEntry:
    """A structure of which the file says nothing but its label."""
    name, identity = f"label {value}", f"Segment_{value}"
    if layer:
        name, identity = f"{name} of layer {layer}", f"{identity}_{layer}"
    return LabelEntry(name, identity, distinct_color(index), None, layer, value)


def whole_numbers(array: np.ndarray, path: Path) -> np.ndarray:
    """The array as integers, or an error where it holds fractions, NaN or negative values."""
    if array.dtype.kind == "f":
        if not np.isfinite(array).all() or not np.array_equal(array, np.rint(array)):
            raise InputError(
                f"'{path}' holds fractions, not labels; give a label map with whole numbers,"
                " not a CT or a probability map."
            )
        array = array.astype(np.int32)
    if array.dtype.kind not in "iu" or array.min() < 0:
        raise InputError(
            f"'{path}' has values from {array.min()} to {array.max()}; a label map has 0 and positive whole numbers."
            " Was the CT given as the segmentation?"
        )
    return array


def label_values(layer: np.ndarray, path: Path, named: bool = False) -> list[int]:
    """The labels of a layer without 0; an error where there are so many that it must be an image: a grey one of 8 bits has up to 256."""
    values = [int(value) for value in np.unique(layer) if value]
    if len(values) > (_MOST_LABELS if named else _MOST_NAMELESS):
        raise InputError(
            f"'{path}' has {len(values)} different values; a label map has one for each structure."
            " Was an image given as the segmentation?"
        )
    return values


def write_segmentation(segmentation: Segmentation, path: str | os.PathLike) -> None:
    """Write a `.seg.nrrd` that 3D Slicer opens with names, ids, colours and terminology, whole or not at all.

    Overlapping segments go to further layers, as Slicer does it. The geometry reads back bit for bit.

    Raises
    ------
    OutputError
        The name does not end in `.seg.nrrd`, there is nothing to write, or the disk refuses.
    """
    path = Path(path)
    if not path.name.lower().endswith(".seg.nrrd"):
        raise OutputError(f"'{path}' must end in .seg.nrrd, so that 3D Slicer opens it as a segmentation.")
    if not segmentation.segments:
        raise OutputError(f"There is no structure to write to '{path}'.")
    layers, entries = _layers(segmentation)
    pairs = {}
    for index, (segment, (layer, value)) in enumerate(zip(segmentation.segments, entries)):
        pairs.update(_segment_pairs(f"Segment{index}_", segment, layer, value))
    pairs["Segmentation_ContainedRepresentationNames"] = "Binary labelmap|"
    pairs["Segmentation_ConversionParameters"] = _reference_geometry(segmentation)
    pairs["Segmentation_MasterRepresentation"] = "Binary labelmap"
    pairs["Segmentation_SourceRepresentation"] = "Binary labelmap"
    pairs["Segmentation_ReferenceImageExtentOffset"] = "0 0 0"
    array = layers[0] if len(layers) == 1 else np.stack(layers, axis=-1)
    write_nrrd(path, array, segmentation.ijk_to_ras, pairs)


def _layers(segmentation: Segmentation) -> tuple[list[np.ndarray], list[tuple[int, int]]]:
    """Label layers without overlap inside one, and for each segment its (layer, label value)."""
    dtype = np.uint8 if len(segmentation.segments) < 256 else np.uint16
    layers: list[np.ndarray] = []
    counts: list[int] = []
    places = []
    for segment in segmentation.segments:
        mask = np.asarray(segment.mask, dtype=bool)
        layer = next((number for number, labels in enumerate(layers) if not labels[mask].any()), None)
        if layer is None:
            layer = len(layers)
            layers.append(np.zeros(segmentation.shape, dtype=dtype))
            counts.append(0)
        counts[layer] += 1
        layers[layer][mask] = counts[layer]
        places.append((layer, counts[layer]))
    return layers, places


def _reference_geometry(segmentation: Segmentation) -> str:
    """The grid as Slicer keeps it, so that editing goes on at the CT's voxels: ijk_to_ras by rows, then the extent."""
    numbers = [repr(float(value) + 0.0) for value in segmentation.ijk_to_ras.ravel()]
    numbers += [str(value) for size in segmentation.shape[::-1] for value in (0, size - 1)]
    return f"Reference image geometry|{';'.join(numbers)};|Image geometry description string&"


def _segment_pairs(prefix: str, segment: Segment, layer: int, value: int) -> dict[str, str]:
    used = [np.flatnonzero(segment.mask.any(axis=axes)) for axes in ((0, 1), (0, 2), (1, 2))]
    extent = " ".join(f"{part[0]} {part[-1]}" if part.size else "0 -1" for part in used)
    pairs = {
        "Color": " ".join(repr(float(part)) for part in segment.color_rgb),
        "ColorAutoGenerated": "0",
        "Extent": extent,
        "ID": segment.id,
        "LabelValue": str(value),
        "Layer": str(layer),
        "Name": segment.name,
        "NameAutoGenerated": "0",
        "Tags": f"{_TERMINOLOGY}:{segment.terminology}|" if segment.terminology else "",
    }
    return {prefix + key: text for key, text in pairs.items()}
