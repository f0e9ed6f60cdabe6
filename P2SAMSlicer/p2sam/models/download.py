"""One file over HTTP into a `.part` file: bytes already there are kept, a cut connection is taken up again.

Beside `X.part` lies `X.part.json` with the server's ETag and size, so that the halves of two different files are never
joined: a file that changed on the server starts again from nothing.
"""

from __future__ import annotations

import errno
import http.client
import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from p2sam.errors import Cancelled, OutputError, WeightsError

CHUNK = 1 << 18
_TIMEOUT_S = 30
_TRIES = 4
_SPARE_BYTES = 64 << 20
_HEADERS = {"User-Agent": "p2sam", "Accept-Encoding": "identity"}

Progress = Callable[[int, "int | None"], object]


@dataclass(frozen=True)
class _Remote:
    """What the server says of a file: its size in bytes (None: unknown) and what tells one version from another."""

    size: int | None
    validator: str | None


def remote_size(url: str) -> int | None:
    """Size of the file in bytes, asked from the server; None where it does not say.

    Raises
    ------
    WeightsError
        The server cannot be reached, or has no such file.
    """
    return _request(url, {}, "HEAD")[1].size


def fetch(
    url: str,
    part: Path,
    *,
    size: int | None = None,
    progress: Progress = lambda done, total: None,
    cancel: Callable[[], bool] = lambda: False,
    pause_s: float = 1.0,
) -> None:
    """Bring the whole file to `part`, taking up what is there already.

    Parameters
    ----------
    url : str
    part : Path
    size : int or None
        Expected bytes, for the check of the disk before the start.
    progress : callable(done, total)
        After every chunk; `total` is None where the server does not say.
    cancel : callable() -> bool
        Asked before every chunk.
    pause_s : float
        Before the connection is tried again.

    Raises
    ------
    Cancelled
        `part` is kept.
    OutputError
        The disk is full, or would be.
    WeightsError
        Offline, refused, or cut several times over without going on; `part` is kept.
    """
    best = failures = 0
    while not _is_whole(part) and failures < _TRIES:
        if failures:
            time.sleep(pause_s)
        if _stream(url, part, size, progress, cancel):
            return
        failures = 1 if _length(part) > best else failures + 1
        best = max(best, _length(part))
    if not _is_whole(part):
        raise WeightsError(
            f"The connection to {_host(url)} was cut {failures} times without going on; {_length(part)} bytes are "
            "kept. Download again to go on from there."
        )


def _stream(url: str, part: Path, size: int | None, progress: Progress, cancel: Callable[[], bool]) -> bool:
    """One connection; True where the file is whole after it."""
    response, remote, start = _open(url, part)
    with response:
        _check_disk(part, (remote.size or size or 0) - start)
        _write_note(part, remote)
        done = start
        with part.open("r+b" if start else "wb") as file:
            file.truncate(start)
            file.seek(start)
            progress(done, remote.size)
            while True:
                if cancel():
                    raise Cancelled(f"The download was stopped; {done} bytes are kept. Download again to go on.")
                chunk = _read(response)
                if not chunk:
                    break
                _write(file, chunk)
                done += len(chunk)
                progress(done, remote.size)
    return remote.size is None or done == remote.size


def _open(url: str, part: Path) -> tuple[http.client.HTTPResponse, _Remote, int]:
    """A response, what the server says of the file, and the byte that the response begins at."""
    start, known = _length(part), _read_note(part)
    if start and known.validator:
        response, remote = _request(url, {"Range": f"bytes={start}-", "If-Range": known.validator})
        if response.status == http.HTTPStatus.PARTIAL_CONTENT and _begins_at(response, start) and remote == known:
            return response, remote, start
        if response.status == http.HTTPStatus.OK:
            return response, remote, 0
        response.close()
    response, remote = _request(url, {})
    return response, remote, 0


def _request(url: str, headers: dict[str, str], method: str = "GET") -> tuple[http.client.HTTPResponse, _Remote]:
    request = urllib.request.Request(url, headers={**_HEADERS, **headers}, method=method)
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return error, _Remote(None, None)
        raise WeightsError(f"{_host(url)} answered {error.code} ({error.reason}) for {url}.") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise WeightsError(f"{_host(url)} cannot be reached ({reason}).") from error
    return response, _described(response)


def _described(response: http.client.HTTPResponse) -> _Remote:
    whole = response.headers.get("Content-Range", "").rpartition("/")[2] or response.headers.get("Content-Length", "")
    etag = response.headers.get("ETag", "")
    validator = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")
    return _Remote(int(whole) if whole.isdigit() else None, validator)


def _begins_at(response: http.client.HTTPResponse, start: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {start}-")


def _read(response: http.client.HTTPResponse) -> bytes:
    """The next bytes; none at the end and where the connection was cut."""
    try:
        return response.read(CHUNK)
    except http.client.IncompleteRead as error:
        return error.partial
    except OSError:
        return b""


def _write(file: BinaryIO, chunk: bytes) -> None:
    try:
        file.write(chunk)
        file.flush()
    except OSError as error:
        raise _disk_error(error, file.name) from error


def _disk_error(error: OSError, name: str) -> OutputError:
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return OutputError(f"The disk of {name} is full. Free some space, or set P2SAM_HOME to another disk's folder.")
    return OutputError(f"{name} cannot be written ({error.strerror}). Set P2SAM_HOME to a folder that can.")


def _check_disk(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if needed + _SPARE_BYTES > free:
        raise OutputError(
            f"{needed / 1e6:.0f} MB are needed in {part.parent}, {free / 1e6:.0f} MB are free. Free some space, or set "
            "P2SAM_HOME to a folder on another disk."
        )


def discard(part: Path) -> None:
    """Remove a `.part` file and the note beside it."""
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _read_note(part: Path) -> _Remote:
    try:
        note = json.loads(_note(part).read_text(encoding="utf-8"))
        return _Remote(note["size"], note["validator"])
    except (OSError, ValueError, KeyError, TypeError):
        return _Remote(None, None)


def _write_note(part: Path, remote: _Remote) -> None:
    try:
        _note(part).write_text(json.dumps(asdict(remote)), encoding="utf-8")
    except OSError as error:
        raise _disk_error(error, str(_note(part))) from error


def _is_whole(part: Path) -> bool:
    """Whether `part` has all the bytes that the server announced; its content is checked by whoever asked for it."""
    known = _read_note(part)
    return known.size is not None and _length(part) == known.size


def _length(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _host(url: str) -> str:
    return urllib.request.Request(url).host or url
