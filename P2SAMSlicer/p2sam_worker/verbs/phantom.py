"""phantom: the bundled patient, computed."""

from __future__ import annotations

from pathlib import Path

from p2sam.errors import OutputError
from p2sam.phantom import write_phantom

from ..session import Session
from ..task import Task


def phantom(session: Session, task: Task) -> dict:
    """Write the phantom patient's scans and segmentations into a folder."""
    folder, scale = Path(task.request.get("folder", str)).expanduser(), task.request.get("scale", float, 1.0)
    try:
        files = write_phantom(folder, scale=scale)
    except OSError as error:
        raise OutputError(f"The sample patient could not be written to '{folder}' ({error.strerror or error}); free some space, or choose another folder.") from error
    return {"files": {role: str(path) for role, path in files.items()}}
