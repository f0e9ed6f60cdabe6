"""The cache of model weights on this machine: where it is, what is in it, whether it is intact; download and removal.

The folder is per user, never the install folder. The one environment variable `P2SAM_HOME` moves it. A file gets its
final name only when it is whole and its checksum holds, so what has that name can be used without the network.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from p2sam.errors import Cancelled, InputError, OutputError, WeightsError
from p2sam.models import checksums
from p2sam.models import download as http
from p2sam.models.registry import ModelSpec

HOME_VARIABLE = "P2SAM_HOME"


def home() -> Path:
    """The folder of P2SAMSlicer's own files; `P2SAM_HOME`, else the platform's cache folder of the user."""
    chosen = os.environ.get(HOME_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "p2sam"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "p2sam"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "p2sam"


def path(spec: ModelSpec) -> Path:
    """Where the weights of a model lie, or would lie.

    Raises
    ------
    InputError
        The model has none.
    """
    if spec.filename is None:
        raise InputError(f"{spec.title} has no weights file; it needs no download.")
    return spec.shipped or home() / "models" / spec.filename


def is_present(spec: ModelSpec) -> bool:
    """Whether the model can be used now: no weights needed, or a file of the right size (its content is not read)."""
    if spec.filename is None:
        return True
    file = path(spec)
    return file.is_file() and spec.size_bytes in (None, file.stat().st_size)


def how_to_get(spec: ModelSpec) -> str:
    """A sentence for a person whose machine lacks the weights."""
    if spec.shipped:
        return f"The weights of {spec.title} come with P2SAMSlicer, but {spec.shipped} is missing. Install P2SAMSlicer again."
    size = f" ({spec.size_bytes / 1e6:.0f} MB)" if spec.size_bytes else ""
    return (
        f"The weights of {spec.title} are not on this machine. Run: p2sam models download {spec.name}{size}; or, "
        f"without a network, get {spec.url} elsewhere and copy it to {path(spec)}."
    )


def verify(spec: ModelSpec) -> str:
    """SHA-256 of the model's file, compared with the published size and checksum.

    Raises
    ------
    WeightsError
        The file is missing or not the published one.
    """
    file = path(spec)
    if not file.is_file():
        raise WeightsError(how_to_get(spec))
    return _check(spec, file)


def download(
    spec: ModelSpec,
    consent: Callable[[int | None], bool],
    progress: http.Progress = lambda done, total: None,
    cancel: Callable[[], bool] = lambda: False,
) -> Path:
    """Bring the weights of a model to the cache; nothing is asked or sent where they are there already.

    Parameters
    ----------
    spec : ModelSpec
    consent : callable(size in bytes or None) -> bool
        Asked before the download starts.
    progress : callable(done, total in bytes or None)
    cancel : callable() -> bool

    Raises
    ------
    Cancelled
        No consent, or cancelled; bytes that came are kept, and the next download goes on from there.
    WeightsError
        Offline, refused, or not the published file; or another process downloads it now.
    OutputError
        The disk is full, or the cache folder cannot be written.
    """
    if is_present(spec):
        return path(spec)
    local = _local_file(spec)
    if local is not None:
        return install(spec, local)
    size = spec.size_bytes or _or_how_to_get(spec, lambda: http.remote_size(spec.url))
    if not consent(size):
        raise Cancelled(f"{spec.title} was not downloaded: no consent.")
    part = _part(spec)
    with _alone(part.with_suffix(".lock"), spec):
        if not is_present(spec):
            _or_how_to_get(spec, lambda: http.fetch(spec.url, part, size=size, progress=progress, cancel=cancel))
            _accept(spec, part)
    return path(spec)


def install(spec: ModelSpec, file: str | Path) -> Path:
    """Copy a local file into the cache, checked as a download is.

    Raises
    ------
    InputError, WeightsError, OutputError
        There is no such file; it is not the published one; the disk is full.
    """
    file = Path(file).expanduser()
    if not file.is_file():
        raise InputError(f"There is no file {file}. Give the path of {spec.filename}.")
    part = _part(spec)
    with _alone(part.with_suffix(".lock"), spec):
        http.discard(part)
        try:
            shutil.copyfile(file, part)
        except OSError as error:
            http.discard(part)
            raise OutputError(f"{file} cannot be copied to {part.parent}: {error.strerror}.") from error
        _accept(spec, part)
    return path(spec)


def remove(spec: ModelSpec) -> int:
    """Delete the weights of a model and what a stopped download left; returns the bytes that are free now."""
    if spec.shipped:
        raise InputError(f"The weights of {spec.title} come with P2SAMSlicer; they are removed with it.")
    file, part = path(spec), _part(spec)
    with _alone(part.with_suffix(".lock"), spec):
        freed = sum(one.stat().st_size for one in (file, part) if one.is_file())
        file.unlink(missing_ok=True)
        http.discard(part)
    return freed


def sha256_of(file: str | Path) -> str:
    """SHA-256 of a file in hexadecimal; read once, then remembered for as long as its size and time stay the same.

    Raises
    ------
    WeightsError
        The file cannot be read.
    """
    try:
        return checksums.sha256_of(Path(file), _table())
    except OSError as error:
        raise WeightsError(f"{file} cannot be read: {error.strerror}.") from error


def _check(spec: ModelSpec, file: Path) -> str:
    size = file.stat().st_size
    if spec.size_bytes not in (None, size):
        raise WeightsError(f"{file} has {size} bytes, not the published {spec.size_bytes}. Remove it and download it again.")
    digest = sha256_of(file)
    if spec.sha256 not in (None, digest):
        raise WeightsError(
            f"{file} is not the published {spec.filename}: its SHA-256 is {digest}, not {spec.sha256}. "
            "Remove it and download it again."
        )
    return digest


def _accept(spec: ModelSpec, part: Path) -> None:
    """Give a whole `.part` its final name if it is the published file; else delete it."""
    try:
        digest = _check(spec, part)
    except WeightsError:
        http.discard(part)
        raise
    os.replace(part, path(spec))
    checksums.remember(path(spec), digest, _table())
    http.discard(part)


def _table() -> Path:
    return home() / "hashes.json"


def _or_how_to_get(spec: ModelSpec, ask: Callable[[], object]) -> object:
    """Ask the network; where it fails, say also how to do without it."""
    try:
        return ask()
    except WeightsError as error:
        raise WeightsError(f"{error} {how_to_get(spec)}") from error


def _local_file(spec: ModelSpec) -> Path | None:
    """The file that a `file:` URL or a plain path means; None for an address on the network."""
    parts = urllib.parse.urlsplit(spec.url)
    if parts.scheme in ("http", "https"):
        return None
    return Path(urllib.request.url2pathname(parts.path)) if parts.scheme == "file" else Path(spec.url)


def _part(spec: ModelSpec) -> Path:
    """The unfinished file; its folder exists after this."""
    final = path(spec)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {final.parent} cannot be made: {error.strerror}. Set {HOME_VARIABLE} to one that can be written."
        ) from error
    return final.with_name(f"{final.name}.part")


@contextlib.contextmanager
def _alone(lock: Path, spec: ModelSpec) -> Iterator[None]:
    """Hold a lock that the system frees when the process ends, however it ends."""
    with contextlib.ExitStack() as stack:
        try:
            handle = stack.enter_context(lock.open("a+b"))
            handle.seek(0)
            _lock(handle.fileno())
        except BlockingIOError as error:
            raise WeightsError(f"{spec.title} is being downloaded by another process. Wait until it is done.") from error
        except OSError as error:
            raise OutputError(
                f"{lock} cannot be written and locked ({error.strerror}). Set {HOME_VARIABLE} to a folder on a local disk."
            ) from error
        yield


def _lock(descriptor: int) -> None:
    """Lock an open file, or raise BlockingIOError where another holds it."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    import msvcrt

    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except PermissionError as error:
        raise BlockingIOError(*error.args) from error
