"""Whether an image file is whole, where ITK does not look.

ITK fills the missing end of a cut-off NIfTI with zeros, and reads past a wrong checksum in compressed NRRD and
MetaImage, all without an error. Cut-off uncompressed NRRD and MetaImage it finds by itself.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

from ..errors import InputError
from .nrrd import read_nrrd_header

_BLOCK = 1 << 22


def check_whole(path: Path) -> None:
    """Check a `.nii`, `.nii.gz`, `.nrrd` or `.mha`; other files pass.

    Raises
    ------
    InputError
        Not the format of its name, cut short, or its compressed data damaged.
    """
    name = path.name.lower()
    if name.endswith((".nii", ".nii.gz")):
        _check_nifti(path)
    elif name.endswith(".mha"):
        _check_metaimage(path)
    elif name.endswith(".nrrd"):
        header = read_nrrd_header(path)
        if header.fields["encoding"].strip().lower() in ("gzip", "gz") and not {"data file", "datafile"} & set(header.fields):
            with open(path, "rb") as file:
                file.seek(header.data_offset)
                _check_compressed(file, path)


def _check_metaimage(path: Path) -> None:
    compressed = False
    with open(path, "rb") as file:
        for line in iter(file.readline, b""):
            key, _, value = line.partition(b"=")
            compressed |= key.strip() == b"CompressedData" and value.strip().lower() == b"true"
            if key.strip() == b"ElementDataFile":
                break
        if compressed:
            _check_compressed(file, path)


def _check_compressed(file, path: Path) -> None:
    """Unpack from here to the end, which compares the checksum (zlib or gzip)."""
    unpacker = zlib.decompressobj(wbits=47)
    try:
        while block := file.read(_BLOCK):
            unpacker.decompress(block)
    except zlib.error as error:
        raise InputError(f"The compressed voxels of '{path}' are damaged ({error}); copy it again.") from error
    if not unpacker.eof:
        raise InputError(f"'{path}' is cut short inside its compressed voxels; copy it again.")


def _check_nifti(path: Path) -> None:
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else open(path, "rb") as file:
            header = file.read(540)
            wanted = _promised_bytes(header, path)
            size = len(header) + _rest(file)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"The compressed file '{path}' is damaged or cut short ({error}); copy it again.") from error
    if size < wanted:
        raise InputError(f"'{path}' is cut short: {size} bytes where its header promises {wanted}. Copy the file again.")


def _promised_bytes(header: bytes, path: Path) -> int:
    """Header and voxels together, from a NIfTI-1 or NIfTI-2 header of either byte order."""
    for order in "<>":
        kind = struct.unpack(order + "i", header[:4])[0] if len(header) >= 352 else 0
        if kind == 348:
            dimensions = struct.unpack(order + "8h", header[40:56])
            bits = struct.unpack(order + "h", header[72:74])[0]
            offset = int(struct.unpack(order + "f", header[108:112])[0])
        elif kind == 540 and len(header) == 540:
            dimensions = struct.unpack(order + "8q", header[16:80])
            bits = struct.unpack(order + "h", header[14:16])[0]
            offset = struct.unpack(order + "q", header[168:176])[0]
        else:
            continue
        voxels = 1
        for size in dimensions[1 : dimensions[0] + 1]:
            voxels *= max(size, 1)
        return offset + voxels * bits // 8
    raise InputError(f"'{path}' is not a NIfTI file; its name says it is. Export it again.")


def _rest(file) -> int:
    """Bytes from here to the end; reading them checks a compressed file's checksum."""
    count = 0
    while block := file.read(_BLOCK):
        count += len(block)
    return count
