"""probe_devices, probe_packages: what this Python has, found without loading any of it into the worker."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform

from ..packages import MODULES
from ..probe import probe
from ..protocol import ProtocolError
from ..session import Session
from ..task import Task


def probe_devices(session: Session, task: Task) -> dict:
    """The CPU, and every accelerator torch knows, each tried with a small kernel."""
    tried = probe("p2sam_worker.devices", cancelled=task.cancelled)
    state = next((told for told in tried.told if "torch" in told), {"torch": None, "torch_error": None})
    if tried.failure:
        state = {**state, "torch_error": f"Trying torch failed: {tried.failure}; repair its installation, or go on with the CPU and the model graph."}
    return {"devices": [cpu(), *(told for told in tried.told if "id" in told)], **state}


def cpu() -> dict:
    from os import cpu_count

    cores = cpu_count() or 1
    title = f"CPU ({cores} core{'s' if cores > 1 else ''}, {platform.machine() or 'unknown'})"
    return {"id": "cpu", "title": title, "free_bytes": None, "total_bytes": None, "works": True, "reason": ""}


def probe_packages(session: Session, task: Task) -> dict:
    """Version of each package, null where it is not installed; and what those that cannot be loaded say.

    `names` limits it to some; loading torch and what builds on it takes seconds.
    """
    names = task.request.get("names", list, list(MODULES))
    unknown = [name for name in names if name not in MODULES]
    if unknown:
        raise ProtocolError(f"{unknown[0]!r} is not a package that is probed; known are: {', '.join(MODULES)}.")
    versions = {name: installed(name) for name in names}
    left, broken = [name for name in names if versions[name] is not None], {}
    while left:
        tried = probe("p2sam_worker.packages", left, task.cancelled)
        broken |= {told["name"]: told["error"] for told in tried.told if told["error"]}
        left = left[len(tried.told) :]
        if left and tried.failure:
            broken[left.pop(0)] = f"loading it, {tried.failure}"
    return {"packages": versions, "broken": broken}


def installed(name: str) -> str | None:
    """The version of a package; "unknown" where only its module is there, as some of Slicer's own are."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "unknown" if importlib.util.find_spec(MODULES[name]) is not None else None
