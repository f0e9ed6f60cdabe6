"""What the method drew on a slice, kept small: to see whether a person changed it, and to take a slice back to it."""

from __future__ import annotations

import base64
import binascii
import zlib

import numpy as np
from p2sam.errors import InputError
from slicer.i18n import tr as _


def checksum(mask: np.ndarray) -> int:
    """CRC of a slice mask (rows, cols); equal masks have equal numbers, also after saving and loading the scene."""
    rows, columns = mask.shape
    return zlib.crc32(np.packbits(np.asarray(mask, dtype=bool)).tobytes(), rows * 65521 + columns) & 0xFFFFFFFF


def pack(mask: np.ndarray) -> str:
    """(rows, cols) bool as short text: the box that holds it and its bits, compressed. Empty text for an empty mask."""
    mask = np.asarray(mask, dtype=bool)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return ""
    box = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    bits = np.packbits(mask[box[0] : box[1], box[2] : box[3]]).tobytes()
    return " ".join([*(str(int(number)) for number in box), base64.b64encode(zlib.compress(bits, 9)).decode("ascii")])


def unpack(text: str, shape: tuple) -> np.ndarray:
    """The mask (rows, cols) of a text that `pack` made.

    Raises
    ------
    InputError
        The text is damaged, or of a slice of another shape.
    """
    mask = np.zeros(shape, dtype=bool)
    if not text:
        return mask
    try:
        *numbers, code = text.split(" ")
        top, bottom, left, right = (int(number) for number in numbers)
        bits = np.frombuffer(zlib.decompress(base64.b64decode(code, validate=True)), dtype=np.uint8)
        size = (bottom - top) * (right - left)
        if len(bits) != -(-size // 8):
            raise ValueError(f"{len(bits)} bytes for {size} pixels")
        mask[top:bottom, left:right] = np.unpackbits(bits, count=size).reshape(bottom - top, right - left)
    except (ValueError, zlib.error, binascii.Error) as error:
        message = _("The stored proposal of a slice cannot be read ({reason}); propagate the visit again.")
        raise InputError(message.format(reason=error)) from error
    return mask
