"""The job folder: where Slicer and the worker leave arrays for each other. Read, written and removed by both."""

from __future__ import annotations

import atexit
import json
import math
import os
import platform
import shutil
import tempfile
import time
import uuid
from pathlib import Path

import numpy as np

from p2sam.errors import InputError, OutputError

PREFIX = "p2sam-job-"
MARKER = ".p2sam-job.json"
"""Tells a job folder from every other; nothing without it is ever removed."""
STALE_S = 24 * 3600.0
QUERY_LIMITED_INFORMATION, INVALID_PARAMETER, STILL_ACTIVE = 0x1000, 87, 259
"""Of Windows."""


class JobFolder:
    """A folder of `.npy` files that only its owner may read. `make` makes one, `JobFolder(path)` opens it.

    Raises
    ------
    InputError
        The folder is not a job folder.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(os.path.abspath(path))
        if not (self.path / MARKER).is_file():
            raise InputError(f"'{self.path}' is not a job folder of P2SAMSlicer (it has no {MARKER}); let JobFolder.make() make one.")

    @classmethod
    def make(cls, parent: str | os.PathLike | None = None) -> JobFolder:
        """A new one, in the system's temporary folder or in `parent`; at the latest it goes when this process ends by itself.

        Raises
        ------
        OutputError
            The disk refuses.
        """
        try:
            path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))  # mode 700
            (path / MARKER).write_text(json.dumps({"application": "P2SAMSlicer", "host": platform.node(), "pid": os.getpid()}), encoding="utf-8")
        except OSError as error:
            where = parent or tempfile.gettempdir()
            raise OutputError(f"No job folder could be made in '{where}' ({error.strerror}); free some space there, or set TMPDIR to another folder.") from error
        folder = cls(path)
        atexit.register(folder._remove_at_exit, os.getpid())
        return folder

    def save_array(self, array: np.ndarray, stem: str = "array") -> str:
        """Write an array; returns the name by which the other side loads it.

        Raises
        ------
        OutputError
            Full disk, or the folder is gone; nothing half is left.
        """
        name = f"{stem}-{uuid.uuid4().hex[:12]}.npy"
        partial = self.path / f".{name}.part"
        try:
            with open(partial, "wb") as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
            os.replace(partial, self.path / name)
        except OSError as error:
            _unlink(partial)
            if not self.path.is_dir():
                raise OutputError(self._gone()) from error
            raise OutputError(f"An array of {array.nbytes / 1e6:.1f} MB could not be written to '{self.path}' ({error.strerror or error}); free some space there, and try again.") from error
        return name

    def load_array(self, name: str, *, ndim: int | None = None, shape: tuple[int, ...] | None = None, mask: bool = False) -> np.ndarray:
        """Read an array that was saved here.

        Parameters
        ----------
        ndim, shape : what it must have
        mask : bool
            It must be bool or whole numbers; comes back as bool, inside where it is not zero.

        Raises
        ------
        InputError
            Missing, damaged, or not what it must be.
        """
        path = self.path_of(name)
        try:
            with open(path, "rb") as file:
                array = _read(file, os.fstat(file.fileno()).st_size)
        except FileNotFoundError as error:
            raise InputError(self._gone() if not self.path.is_dir() else f"The job folder has no array '{name}'; send the request again.") from error
        except (OSError, ValueError, EOFError, SyntaxError) as error:
            raise InputError(f"The array '{name}' in the job folder is damaged ({error}); send the request again.") from error
        if ndim is not None and array.ndim != ndim:
            raise InputError(f"The array '{name}' has {array.ndim} axes (shape {array.shape}), {ndim} are needed.")
        if shape is not None and array.shape != tuple(shape):
            raise InputError(f"The array '{name}' has shape {array.shape}, {tuple(shape)} is needed.")
        if array.dtype.kind not in ("biu" if mask else "biuf"):
            raise InputError(f"The array '{name}' holds {array.dtype}; {'a mask is bool or whole numbers' if mask else 'numbers are needed'}.")
        return array.astype(bool, copy=False) if mask else array

    def take_array(self, name: str, **wanted) -> np.ndarray:
        """The same, and the file is removed."""
        array = self.load_array(name, **wanted)
        self.discard(name)
        return array

    def discard(self, name: str) -> None:
        """Remove a file of the folder, if it is there."""
        _unlink(self.path_of(name))

    def path_of(self, name: str) -> Path:
        """Where a file of the folder is.

        Raises
        ------
        InputError
            A name that leads out of the folder.
        """
        if not isinstance(name, str) or not name or name in (".", "..", MARKER) or any(sign in name for sign in "/\\\0:"):
            raise InputError(f"{name!r} is not the name of a file in the job folder; give a name without a path.")
        return self.path / name

    def files(self) -> list[str]:
        """Names of what lies in it, without the marker; empty where the folder is gone."""
        return sorted(set(os.listdir(self.path)) - {MARKER}) if self.path.is_dir() else []

    def remove(self) -> None:
        """Remove the folder and all in it. That it is gone already is no error.

        Tried a few times, as the other side may be writing into it, or, on Windows, have a file open.
        """
        for attempt in range(5):
            shutil.rmtree(self.path, ignore_errors=True)
            if not self.path.exists():
                atexit.unregister(self._remove_at_exit)
                return
            time.sleep(0.05 * attempt)

    def _remove_at_exit(self, maker: int) -> None:
        """A process that was forked off the maker does not take the maker's folder away."""
        if os.getpid() == maker:
            self.remove()

    def _gone(self) -> str:
        return f"The job folder '{self.path}' has vanished; the temporary folder was cleaned. The worker must be started again with a new one."


def remove_stale(parent: str | os.PathLike | None = None, older_s: float = STALE_S) -> list[Path]:
    """Remove job folders that a Slicer killed together with its worker left behind: untouched for a day, their maker gone.

    Only those made on this computer, as elsewhere (a shared temporary folder, a container) nobody here knows their maker.
    The marker goes last, so that a removal that was cut short is taken up again the next time.
    """
    removed = []
    for path in Path(parent or tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            told = json.loads((path / MARKER).read_text(encoding="utf-8"))
            maker, host = int(told["pid"]), told["host"]
            touched = max(one.stat().st_mtime for one in (path, *path.iterdir()))
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if host == platform.node() and time.time() - touched > older_s and not is_running(maker):
            for one in path.iterdir():
                if one.name != MARKER:
                    shutil.rmtree(one, ignore_errors=True) if one.is_dir() and not one.is_symlink() else _unlink(one)
            JobFolder(path).remove()
            removed.append(path)
    return removed


def is_running(pid: int) -> bool:
    """Whether such a process is there; True where that cannot be found out."""
    if os.name == "nt":
        return _is_running_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _is_running_on_windows(pid: int) -> bool:
    """`os.kill` would end it there; the system is asked for a handle to it instead."""
    import ctypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.OpenProcess.restype, kernel.CloseHandle.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
    kernel.GetExitCodeProcess.argtypes = ctypes.c_void_p, ctypes.POINTER(ctypes.c_ulong)
    handle = kernel.OpenProcess(QUERY_LIMITED_INFORMATION, False, pid)
    if not handle:
        return ctypes.get_last_error() != INVALID_PARAMETER  # that error: there is none of that number
    code = ctypes.c_ulong()
    known = kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return not known or code.value == STILL_ACTIVE


def _read(file, size: int) -> np.ndarray:
    """One array of a `.npy` file, whose length must be what its header says."""
    version = np.lib.format.read_magic(file)
    header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if header is None:
        raise ValueError(f"version {version} of the npy format is not read here")
    shape, fortran, dtype = header(file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    expected = file.tell() + math.prod(shape) * dtype.itemsize
    if size != expected:
        raise ValueError(f"it has {size} bytes, its header says {expected}")
    array = np.fromfile(file, dtype=dtype, count=math.prod(shape))
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # a file that cannot be removed goes with the folder, or stays: there is nothing better to do
