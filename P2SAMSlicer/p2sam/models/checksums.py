"""SHA-256 of large files, each read once: a small table remembers the result beside the file's size and time."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

_BLOCK = 1 << 20


def sha256_of(file: Path, table: Path) -> str:
    """SHA-256 of `file` in hexadecimal; from `table` as long as the file's size and modification time stay the same.

    Raises
    ------
    OSError
        The file cannot be read. A table that cannot be read or written only costs time.
    """
    key, stamp = _key(file), _stamp(file)
    known = _read(table).get(key)
    if isinstance(known, dict) and isinstance(known.get("sha256"), str) and {**known, **stamp} == known:
        return known["sha256"]
    digest = _digest(file)
    remember(file, digest, table)
    return digest


def remember(file: Path, sha256: str, table: Path) -> None:
    """Write down the SHA-256 of a file as it is now; entries of files that are gone are dropped."""
    entries = {name: known for name, known in _read(table).items() if Path(name).exists()}
    entries[_key(file)] = {**_stamp(file), "sha256": sha256}
    fresh = table.with_name(f"{table.stem}.{os.getpid()}.json")
    with contextlib.suppress(OSError):
        table.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(entries, indent=1), encoding="utf-8")
        os.replace(fresh, table)


def _key(file: Path) -> str:
    return str(file.resolve())


def _stamp(file: Path) -> dict[str, int]:
    stat = file.stat()
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _read(table: Path) -> dict[str, Any]:
    try:
        entries = json.loads(table.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return entries if isinstance(entries, dict) else {}


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
