"""The worker's ear: a thread that reads lines, so that a cancel is heard while a request is worked on."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from .protocol import LineBuffer

CHUNK = 1 << 16


class StdinReader:
    """Reads a file descriptor to its end in a thread of its own.

    Parameters
    ----------
    descriptor : int
    on_line : callable(bytes)
        Each line, without its end.
    on_end : callable()
        The other side has closed the pipe, on purpose or by dying.
    """

    def __init__(self, descriptor: int, on_line: Callable[[bytes], None], on_end: Callable[[], None]):
        self._descriptor, self._on_line, self._on_end = descriptor, on_line, on_end
        self._thread = threading.Thread(target=self._run, name="stdin", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        buffer = LineBuffer()
        while chunk := self._read():
            for line in buffer.feed(chunk):
                if line.strip():
                    self._on_line(line)
        self._on_end()

    def _read(self) -> bytes:
        try:
            return os.read(self._descriptor, CHUNK)
        except OSError:
            return b""  # a broken pipe is an end, as on Windows when Slicer dies
