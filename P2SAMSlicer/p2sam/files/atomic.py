"""An output file: whole, or not there at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import OutputError


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path in the folder of `path`; on success it replaces `path` in one step.

    The temporary name ends like `path` (".seg.nrrd", ".nii.gz"), because writers choose the format by it.
    Any failure removes the temporary file and leaves what stood at `path` before.

    Raises
    ------
    OutputError
        An `OSError` inside: full disk, read-only or missing folder.
    """
    path = Path(path)
    temporary = path.with_name(f".p2sam-{uuid.uuid4().hex}{''.join(path.suffixes[-2:])}")
    try:
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise _output_error(path, error) from error
    try:
        yield temporary
        _flush_to_disk(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise _output_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _flush_to_disk(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _output_error(path: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(
        f"'{path}' could not be written ({reason}); nothing was left behind."
        " Free some space, or choose another output folder."
    )
