"""Arrays on their way to the worker, written a few slices at a time, so that no step blocks the window."""

from __future__ import annotations

import os
import uuid

import numpy as np
from p2sam.errors import OutputError
from slicer.i18n import tr as _

BYTES_A_STEP = 8 * 1024 * 1024


def exportArray(folder, array: np.ndarray, stem: str):
    """Write `array` into the job folder as `.npy`; a generator that yields None after each block of slices.

    Parameters
    ----------
    folder : JobFolder
    array : (n, …) ndarray
        May be a view of any memory order; it is copied block by block.
    stem : str
        First part of the file's name.

    Returns
    -------
    str
        The name by which the worker loads it (the value of `yield from`).

    Raises
    ------
    OutputError
        Full disk, or the folder is gone; nothing half is left.
    """
    name = f"{stem}-{uuid.uuid4().hex[:12]}.npy"
    partial = folder.path / f".{name}.part"
    header = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": array.shape}
    try:
        with open(partial, "wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for block in _blocks(array):
                file.write(np.ascontiguousarray(array[block]).tobytes())
                yield None
        os.replace(partial, folder.path / name)
    except OSError as error:
        raise OutputError(_reason(folder, array, error)) from error
    finally:
        _discard(partial)
    return name


def _blocks(array: np.ndarray):
    """Slices along the first axis, each of about `BYTES_A_STEP`."""
    each = max(1, int(BYTES_A_STEP // max(1, array.nbytes // max(1, len(array)))))
    return [slice(start, start + each) for start in range(0, len(array), each)]


def _reason(folder, array: np.ndarray, error: OSError) -> str:
    if not folder.path.is_dir():
        return _("The worker's folder '{folder}' has vanished: the temporary folder was cleaned. Run again; a new worker is started.").format(folder=folder.path)
    text = _("{size} MB could not be written to '{folder}' ({reason}). Free some space there and run again.")
    return text.format(size=round(array.nbytes / 1e6, 1), folder=folder.path, reason=error.strerror or error)


def _discard(path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # goes with the folder
