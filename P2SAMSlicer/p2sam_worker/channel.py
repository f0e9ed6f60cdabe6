"""The worker's voice: messages as whole lines on the private copy of stdout, from any thread."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from .protocol import encode


class Channel:
    """Sends messages. Once the other side is gone, messages are dropped and `on_broken` is called, once.

    Parameters
    ----------
    write : callable(bytes)
        Writes all of it, or raises OSError.
    """

    def __init__(self, write: Callable[[bytes], object]):
        self._write = write
        self._lock = threading.Lock()
        self._open = True
        self.last_sent = time.monotonic()
        self.on_broken: Callable[[], None] = lambda: None

    def send(self, event: str, id: int | None = None, **fields) -> None:
        """Send one message.

        Raises
        ------
        ProtocolError
            A field that JSON does not know.
        """
        line = encode({"id": id, "event": event, **fields})
        with self._lock:
            if not self._open:
                return
            try:
                self._write(line)
                self.last_sent = time.monotonic()
                return
            except OSError as error:
                self._open = False
                print(f"Slicer is gone ({error.strerror or error}); the worker ends.", file=sys.stderr)
        self.on_broken()
