"""NRRD headers and voxels, read and written by hand where ITK would round the geometry or lose the layers.

ITK splits each space direction into a spacing and a unit vector, and multiplies them again on writing: the last bits
change. Here the numbers of the header are the columns of `ijk_to_ras`, both ways, so a result lands bit for bit on
the grid of its image. Format: https://teem.sourceforge.net/nrrd/format.html
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .atomic import atomic_path
from ..errors import InputError
from ..volume import LPS_TO_RAS

_TO_RAS = {
    "left-posterior-superior": LPS_TO_RAS,
    "lps": LPS_TO_RAS,
    "right-anterior-superior": np.eye(4),
    "ras": np.eye(4),
    "left-anterior-superior": np.diag([-1.0, 1.0, 1.0, 1.0]),
    "las": np.diag([-1.0, 1.0, 1.0, 1.0]),
}
_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_CODE_OF_NAME = {name: code for code, names in _TYPES.items() for name in names}
_WRITTEN_NAME = {
    "i1": "signed char", "u1": "unsigned char", "i2": "short", "u2": "unsigned short", "i4": "int",
    "u4": "unsigned int", "i8": "long long int", "u8": "unsigned long long int", "f4": "float", "f8": "double",
}  # fmt: skip


@dataclass(frozen=True)
class NrrdHeader:
    """What stands before the voxels.

    Attributes
    ----------
    fields : dict
        `sizes`, `type`, `space directions`, ... by lower-case name.
    pairs : dict
        Key/value pairs (`Segment0_Name`, ...), unescaped.
    data_offset : int
        Byte where the voxels start.
    """

    path: Path
    fields: dict
    pairs: dict
    data_offset: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """Lengths of the axes, fastest first."""
        return tuple(int(size) for size in self.fields["sizes"].split())

    @property
    def directions(self) -> list[np.ndarray | None]:
        """For each axis its space direction in the file's own frame; None for an axis that is not spatial."""
        found = re.findall(r"none|\([^)]*\)", self.fields.get("space directions", ""))
        return [None if item == "none" else _vector(item, self.path) for item in found]

    @property
    def ijk_to_ras(self) -> np.ndarray | None:
        """(4, 4) float64, or None where the header does not place three spatial axes in a known frame."""
        to_ras = _TO_RAS.get(self.fields.get("space", "").lower())
        spatial = [direction for direction in self.directions if direction is not None]
        if to_ras is None or len(spatial) != 3 or "space origin" not in self.fields:
            return None
        matrix = np.eye(4)
        matrix[:3, :3] = np.stack(spatial, axis=1)
        matrix[:3, 3] = _vector(self.fields["space origin"], self.path)
        return to_ras @ matrix


def read_nrrd_header(path: Path) -> NrrdHeader:
    """Read the header alone.

    Raises
    ------
    InputError
        Not a NRRD file, or its header is damaged.
    """
    with open(path, "rb") as file:
        if file.read(4) != b"NRRD":
            raise InputError(f"'{path}' is not a NRRD file; its name says it is. Save it again as NRRD.")
        file.readline()
        fields, pairs = {}, {}
        for line in iter(file.readline, b""):
            text = line.rstrip(b"\r\n").decode("utf-8", errors="replace")
            if not text:
                break
            _take_line(text, fields, pairs)
        header = NrrdHeader(Path(path), fields, pairs, file.tell())
    missing = [name for name in ("sizes", "type", "encoding") if name not in fields]
    if missing or not re.fullmatch(r"\s*\d+(\s+\d+)*\s*", fields["sizes"]):
        raise InputError(
            f"The NRRD header of '{path}' is damaged (no usable {missing[0] if missing else 'sizes'});"
            " save the file again."
        )
    return header


def read_nrrd_array(header: NrrdHeader) -> np.ndarray:
    """The voxels with the slowest axis first: `array.shape == header.sizes[::-1]`.

    Raises
    ------
    InputError
        Voxels in another file, in an encoding other than raw or gzip, or fewer than the header promises.
    """
    fields, path = header.fields, header.path
    encoding = fields["encoding"].strip().lower()
    if "data file" in fields or "datafile" in fields or encoding not in ("raw", "gzip", "gz"):
        raise InputError(
            f"'{path}' keeps its voxels in a form that is not read here (encoding {encoding});"
            " save it in 3D Slicer as one .nrrd file."
        )
    code = _CODE_OF_NAME.get(fields["type"].strip().lower())
    if code is None or any(int(fields.get(name, "0")) for name in ("line skip", "lineskip", "byte skip", "byteskip")):
        raise InputError(
            f"'{path}' has voxels of type '{fields['type']}' or a skip before them,"
            " which is not read here; save it in 3D Slicer."
        )
    dtype = np.dtype(code).newbyteorder(">" if fields.get("endian", "little").strip().lower() == "big" else "<")
    data = _data(path, header.data_offset, gzipped=encoding != "raw")
    wanted = int(np.prod(header.sizes, dtype=np.int64)) * dtype.itemsize
    if len(data) < wanted:
        raise InputError(
            f"'{path}' is cut short: {len(data)} bytes of voxels where the header promises {wanted}."
            " Copy the file again."
        )
    array = np.frombuffer(data, dtype=dtype, count=wanted // dtype.itemsize).reshape(header.sizes[::-1])
    return array.astype(dtype.newbyteorder("="), copy=False)


def write_nrrd(path: Path, array: np.ndarray, ijk_to_ras: np.ndarray, pairs: dict | None = None) -> None:
    """Write voxels gzip-compressed in LPS, whole or not at all.

    Parameters
    ----------
    array : (K, J, I) or (K, J, I, L)
        With a last axis L the file gets a leading `list` axis, as Slicer writes the layers of a segmentation.
    ijk_to_ras : (4, 4) float64
        Its numbers are written so that they read back bit for bit.
    pairs : dict of str
        Key/value pairs, written in this order.

    Raises
    ------
    OutputError
        The file could not be written; nothing is left behind.
    """
    code = array.dtype.kind + str(array.dtype.itemsize)
    lps = LPS_TO_RAS @ ijk_to_ras
    layered = array.ndim == 4
    directions = " ".join(_text(lps[:3, axis]) for axis in range(3))
    lines = [
        "NRRD0004",
        "# Complete NRRD file format specification at:",
        "# http://teem.sourceforge.net/nrrd/format.html",
        f"type: {_WRITTEN_NAME[code]}",
        f"dimension: {array.ndim}",
        "space: left-posterior-superior",
        "sizes: " + " ".join(str(size) for size in (array.shape[3:] + array.shape[2::-1])),
        "space directions: " + ("none " if layered else "") + directions,
        "kinds: " + ("list " if layered else "") + "domain domain domain",
        *(["endian: little"] if array.dtype.itemsize > 1 else []),
        "encoding: gzip",
        f"space origin: {_text(lps[:3, 3])}",
        *(f"{key}:={_escaped(value)}" for key, value in (pairs or {}).items()),
    ]
    voxels = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    packer = zlib.compressobj(level=2, wbits=31)
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(("\n".join(lines) + "\n\n").encode("utf-8"))
        for slab in voxels:
            file.write(packer.compress(slab.tobytes()))
        file.write(packer.flush())


def _take_line(text: str, fields: dict, pairs: dict) -> None:
    if text.startswith("#"):
        return
    key, separator, value = text.partition(":=")
    if separator and ": " not in key:
        pairs[key] = value.replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\")
        return
    name, _, value = text.partition(":")
    fields[name.strip().lower()] = value.strip()


def _vector(text: str, path: Path) -> np.ndarray:
    try:
        vector = np.array([float(part) for part in text.strip(" ()").split(",")])
    except ValueError:
        raise InputError(
            f"The NRRD header of '{path}' has a damaged direction or origin '{text}'; save the file again."
        ) from None
    if vector.shape != (3,):
        raise InputError(
            f"The NRRD header of '{path}' has a direction or origin '{text}' that is not three numbers;"
            " save the file as a 3D image."
        )
    return vector


def _data(path: Path, offset: int, gzipped: bool) -> bytes:
    with open(path, "rb") as file:
        file.seek(offset)
        packed = file.read()
    if not gzipped:
        return packed
    unpacker = zlib.decompressobj(wbits=47)
    try:
        data = unpacker.decompress(packed)
    except zlib.error as error:
        raise InputError(f"The compressed voxels of '{path}' are damaged ({error}); copy the file again.") from error
    if not unpacker.eof:
        raise InputError(f"'{path}' is cut short inside its compressed voxels; copy the file again.")
    return data


def _text(vector: np.ndarray) -> str:
    """Shortest decimals that read back to the same doubles; -0.0 becomes 0.0."""
    return "(" + ",".join(repr(float(value) + 0.0) for value in vector) + ")"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")
