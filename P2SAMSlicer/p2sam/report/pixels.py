"""Pixels of the report: HU packed into 8 bits, the windows that unpack them, PNG, and the outline of a mask."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

HU_KNOTS = (-1024.0, -160.0, 240.0, 1300.0)
CODE_KNOTS = (0.0, 72.0, 208.0, 255.0)
"""HU to 8-bit codes, linear between the knots: 3 HU a code in soft tissue, 12 in lung, 23 in bone. One picture so serves
every window below; none of them loses more than four of its 256 grey levels a step."""


@dataclass(frozen=True)
class Window:
    """A display window in HU, as a CT console names it."""

    key: str
    title: str
    width: float
    level: float

    @property
    def text(self) -> str:
        return f"{self.title} window, W {self.width:.0f} L {self.level:.0f} HU".replace("L -", "L \N{MINUS SIGN}")

    def grey_of_code(self) -> np.ndarray:
        """(256,) float in 0..1: the grey of each 8-bit code."""
        hu = np.interp(np.arange(256), CODE_KNOTS, HU_KNOTS)
        return np.clip((hu - (self.level - self.width / 2)) / self.width, 0, 1)


WINDOWS = (
    Window("soft", "Soft tissue", 400, 40),
    Window("lung", "Lung", 1500, -600),
    Window("bone", "Bone", 1800, 400),
)


def default_window(hu: np.ndarray, mask: np.ndarray) -> Window:
    """The lung window where more than a third of the voxels close around a structure are air, else soft tissue.

    Parameters
    ----------
    hu, mask : (K, J, I)
        CT in HU and the structure; an empty mask gives soft tissue.
    """
    soft, lung = WINDOWS[:2]
    if not mask.any():
        return soft
    box = tuple(slice(max(found.start - 10, 0), found.stop + 10) for found in ndimage.find_objects(mask.astype(np.uint8))[0:1][0])
    inside = mask[box]
    ring = ndimage.binary_dilation(inside, iterations=5) & ~inside
    return lung if ring.any() and np.mean(hu[box][ring] < -500) > 1 / 3 else soft


def shrink(hu: np.ndarray, side: int) -> np.ndarray:
    """(h, w) HU to at most `side` pixels a side, smoothed as the step asks; smaller pictures come back as they are."""
    factor = side / max(hu.shape)
    if factor >= 1:
        return hu
    smooth = ndimage.gaussian_filter(np.asarray(hu, np.float32), (1 / factor - 1) / 2, mode="nearest")
    return ndimage.zoom(smooth, factor, order=1, mode="nearest", grid_mode=True)


def png_uri(hu: np.ndarray) -> str:
    """(h, w) HU as the data URI of a packed 8-bit grey PNG; what is not a number becomes air."""
    finite = np.nan_to_num(np.asarray(hu, np.float32), nan=HU_KNOTS[0])
    codes = np.rint(np.interp(finite, HU_KNOTS, CODE_KNOTS)).astype(np.uint8)
    return "data:image/png;base64," + base64.b64encode(encode_png(codes)).decode("ascii")


def encode_png(grey: np.ndarray) -> bytes:
    """(h, w) uint8 to an 8-bit grey PNG, Paeth filter on every row (PNG specification, section 9.4)."""
    height, width = grey.shape
    padded = np.zeros((height + 1, width + 1), np.int16)
    padded[1:, 1:] = grey
    left, up, corner = padded[1:, :-1], padded[:-1, 1:], padded[:-1, :-1]
    estimate = left + up - corner
    to_left, to_up, to_corner = (np.abs(estimate - near) for near in (left, up, corner))
    paeth = np.where((to_left <= to_up) & (to_left <= to_corner), left, np.where(to_up <= to_corner, up, corner))
    rows = np.full((height, width + 1), 4, np.uint8)
    rows[:, 1:] = (grey.astype(np.int16) - paeth) & 0xFF

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)) + chunk(b"IEND", b"")


_RUNS = {
    1: ("TL",), 2: ("RT",), 3: ("RL",), 4: ("BR",), 5: ("TL", "BR"), 6: ("BT",), 7: ("BL",),
    8: ("LB",), 9: ("TB",), 10: ("RT", "LB"), 11: ("RB",), 12: ("LR",), 13: ("TR",), 14: ("LT",),
}  # fmt: skip
"""Cell of four pixels (top left 1, top right 2, bottom right 4, bottom left 8) to the directed steps between the
midpoints of its edges; the mask lies on the right hand. Pixels that touch only at a corner stay apart."""
_EDGES = {"T": (0, 1), "R": (1, 2), "B": (2, 1), "L": (1, 0)}


def outlines(mask: np.ndarray) -> list[np.ndarray]:
    """The closed outlines of a mask, halfway between pixels inside and outside (marching squares).

    Parameters
    ----------
    mask : (h, w) bool

    Returns
    -------
    list of (n, 2) float64
        Corners (x, y) in pixels, pixel centres at whole numbers; holes are outlines of their own.
    """
    padded = np.pad(np.asarray(mask, bool), 1).astype(np.uint8)
    cells = padded[:-1, :-1] + 2 * padded[:-1, 1:] + 4 * padded[1:, 1:] + 8 * padded[1:, :-1]
    following = {}
    for row, column in np.argwhere((cells > 0) & (cells < 15)):
        for step in _RUNS[int(cells[row, column])]:
            start, end = ((2 * row + _EDGES[edge][0], 2 * column + _EDGES[edge][1]) for edge in step)
            following[start] = end
    loops = []
    while following:
        first, point = following.popitem()
        loop = [first]
        while point != first:
            loop.append(point)
            point = following.pop(point)
        loops.append(_corners(np.array(loop, float)[:, ::-1] / 2 - 1))
    return loops


def _corners(loop: np.ndarray) -> np.ndarray:
    """Drop the points in the middle of a straight run."""
    before = loop - np.roll(loop, 1, axis=0)
    after = np.roll(loop, -1, axis=0) - loop
    return loop[np.any(before != after, axis=1)]
