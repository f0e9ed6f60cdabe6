"""Trying out packages and devices in a process of its own: what crashes or hangs there does the worker no harm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from p2sam.errors import Cancelled

LIMIT_S = 180.0
"""A cold disk and a virus scanner can make the first import of torch take more than a minute."""
_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)


@dataclass(frozen=True)
class Probed:
    """What a probe printed: a JSON object a line; and how it ended. `failure` is empty where it ended well."""

    told: list[dict]
    failure: str


def probe(module: str, arguments: Sequence[str] = (), cancelled: Callable[[], bool] = lambda: False, limit_s: float = LIMIT_S) -> Probed:
    """Run `python -m module` with this Python and this environment, and read what it prints on stdout.

    Raises
    ------
    Cancelled
        Asked to stop; the process is ended.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=log,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"}, creationflags=_NO_WINDOW,
        )  # fmt: skip
        try:
            late = _wait(process, cancelled, limit_s)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
        out.seek(0), log.seek(0)
        told = [json.loads(line) for line in out.read().splitlines() if line.startswith(b"{") and line.endswith(b"}")]
        return Probed(told, _failure(process.returncode, late, limit_s, log.read().decode("utf-8", "replace")))


def _wait(process: subprocess.Popen, cancelled: Callable[[], bool], limit_s: float) -> bool:
    """Whether it took too long."""
    end = time.monotonic() + limit_s
    while process.poll() is None:
        if cancelled():
            raise Cancelled("The probe was cancelled.")
        if time.monotonic() > end:
            return True
        time.sleep(0.02)
    return False


def _failure(code: int, late: bool, limit_s: float, log: str) -> str:
    last = next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "")
    if late:
        return f"it did not answer within {limit_s:.0f} s"
    if code < 0:
        return f"it crashed (signal {-code})"
    return f"it ended with code {code}{f': {last}' if last else ''}" if code else ""
