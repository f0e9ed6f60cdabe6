"""What Slicer and the worker say to each other: one JSON object a line, UTF-8, with the number of this protocol in `v`.

Slicer to worker: {"v": 1, "id": N, "verb": V, ...}. Worker to Slicer: {"v": 1, "id": N or null, "event": E, ...}; null
where the message belongs to no request. Arrays are not sent: a file of the job folder (`job.JobFolder`) is named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from p2sam.errors import P2SAMError

VERSION = 1
EVENTS = ("hello", "progress", "slice", "warning", "done", "cancelled", "error")
"""`hello` comes once, first; `done`, `cancelled` and `error` end a request, nothing follows them."""
ENDS = ("done", "cancelled", "error")
HEARTBEAT_S = 1.0
"""A busy worker sends its last progress again after so many seconds without another, so that a hang can be told."""
LONGEST_LINE = 64 << 20
"""Bytes. A line that goes on beyond is dropped as garbage."""


class ProtocolError(P2SAMError):
    """A line that is not a message of this protocol, or a request that cannot be understood."""


def encode(message: dict) -> bytes:
    """The message as one line, with the protocol's number and the line's end.

    Raises
    ------
    ProtocolError
        Something in it that JSON does not know, not-a-number included.
    """
    try:
        text = json.dumps({"v": VERSION, **message}, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8") + b"\n"
    except (TypeError, ValueError) as error:
        raise ProtocolError(f"A message cannot be written as JSON ({error}); convert its values before they are sent.") from error


def decode(line: bytes) -> dict:
    """The object of a line, whatever its protocol number.

    Raises
    ------
    ProtocolError
        Not UTF-8, not JSON, or not an object.
    """
    try:
        message = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"A line is not a message of the protocol: {shown(line)}. Send one JSON object a line, in UTF-8.") from error
    if not isinstance(message, dict):
        raise ProtocolError(f"A line holds JSON that is not an object: {shown(line)}. Send one JSON object a line.")
    return message


def check_version(message: dict) -> None:
    """Raise `ProtocolError` where the message is of another protocol than ours."""
    if message.get("v") != VERSION or isinstance(message.get("v"), bool):
        raise ProtocolError(
            f"The protocol is version {VERSION}, a message says {message.get('v')!r}; Slicer's module and its worker are of"
            " different releases: install P2SAMSlicer again, and restart Slicer."
        )


def shown(line: bytes, most: int = 80) -> str:
    """The start of a line for a sentence, with everything unprintable escaped."""
    start = line[:most].decode("utf-8", "backslashreplace").rstrip("\r\n")
    return repr(start) + (f" … ({len(line)} bytes)" if len(line) > most else "")


class LineBuffer:
    """Lines out of chunks, which may hold several lines or a part of one."""

    def __init__(self, longest: int = LONGEST_LINE):
        self._longest = longest
        self._parts: list[bytes] = []
        self._length = 0
        self._dropping = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that this chunk ends, without their line ends; of one that is too long its start, which is no JSON."""
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            self._add(part)
            line = b"".join(self._parts).rstrip(b"\r") + (b" (cut off: too long)" if self._dropping else b"")
            self._parts, self._length, self._dropping = [], 0, False
            yield line
        self._add(rest)

    def rest(self) -> bytes:
        """What came after the last line end."""
        return b"".join(self._parts)

    def _add(self, part: bytes) -> None:
        if self._dropping or not part:
            return
        if self._length + len(part) > self._longest:
            part, self._dropping = part[:200], True
            self._parts = self._parts[:1] and [self._parts[0][:200]]
        self._parts.append(part)
        self._length += len(part)
