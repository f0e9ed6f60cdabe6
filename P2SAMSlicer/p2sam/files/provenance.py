"""Where a result comes from: versions, model, settings, transform, and the hashes of every input."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import math
import os
import platform
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .. import __version__
from ..errors import InputError
from ..models import registry
from ..models.base import PromptableModel
from ..result import VisitResult
from ..settings import Settings

APPLICATION = "P2SAMSlicer"
PACKAGES = ("numpy", "scipy", "scikit-learn", "POT", "SimpleITK", "pydicom", "torch", "torchvision", "segment-anything", "sam2")
"""Named in the provenance where they are installed; none is imported for it."""
PRIOR_FACTS = ("patient_id", "study_date", "series_uid", "frame_of_reference_uid", "source")


def build_provenance(visit: VisitResult, inputs: Mapping[str, str | os.PathLike] | None = None) -> dict:
    """Everything needed to say how a result was made, in types that JSON knows.

    Parameters
    ----------
    visit : VisitResult
        Its own `provenance` is kept (`model` with `name` and `sha256`, `preset`, `settings`, `prior`, `started`, …).
    inputs : dict of str to path
        Role, e.g. "prior_ct", to the file or DICOM folder that was read; each is hashed here.

    Returns
    -------
    dict
        `application`, `versions`, `platform`, `visit`, `complete`, `alignment`, `inputs`, `seconds`, and the visit's own.
        What nobody recorded (`model`, `preset`, `settings`, `started`) is None, not left out.

    Raises
    ------
    InputError
        An input is gone or cannot be read.
    """
    unknown = dict.fromkeys(("model", "preset", "settings", "started"))
    facts = {
        "application": APPLICATION,
        "versions": versions(),
        "platform": platform.platform(),
        "visit": visit.name,
        "complete": visit.complete,
        "warnings": list(visit.warnings),
        "structures": [structure.segment.name for structure in visit.structures],
        "alignment": visit.alignment,
        "followup": visit.followup.meta,
        "seconds": visit.seconds,
    }
    told = dict(visit.provenance)
    hashed = {role: {"path": str(path), "sha256": sha256_of(path)} for role, path in (inputs or {}).items()}
    told_inputs = told.pop("inputs", None)
    facts["inputs"] = {**(told_inputs if isinstance(told_inputs, Mapping) else {}), **hashed}
    return as_json({**unknown, **told, **facts})


def run_facts(model: PromptableModel, settings: Settings, prior_meta: Mapping, started: str) -> dict:
    """What a visit's own `provenance` holds after a run, whoever ran it: the model, the settings, the prior, the start.

    Parameters
    ----------
    prior_meta : mapping
        `Volume.meta` of the prior.
    started : str
        ISO 8601.
    """
    titles = {spec.name: spec.title for spec in registry.MODELS}
    return {
        "model": {"name": model.name, "title": titles.get(model.name, model.name), "sha256": model.sha256, "device": str(model.device)},
        "preset": settings.preset,
        "settings": settings.to_dict(),
        "prior": {key: prior_meta[key] for key in PRIOR_FACTS if key in prior_meta},
        "started": started,
    }


def versions() -> dict[str, str]:
    """Name to version of this engine, of Python, and of every package of `PACKAGES` that is installed."""
    found = {"p2sam": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def sha256_of(path: str | os.PathLike) -> str:
    """SHA-256 of a file; of a folder, that of its lines "<sha256>  <relative name>", sorted by name (as `sha256sum` prints)."""
    path = Path(path)
    try:
        if path.is_dir():
            names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
            listing = "".join(f"{_sha256_of_file(path / name)}  {name}\n" for name in names)
            return hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest()
        return _sha256_of_file(path)
    except OSError as error:
        raise InputError(f"The input '{path}' cannot be read any more ({error.strerror}), so its hash cannot be recorded; put it back and run again.") from error


def as_json(value: object) -> object:
    """The value in types that JSON knows: arrays as lists, paths and the rest as text, numbers that are not finite as None."""
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.generic):
        return as_json(value.item())
    if isinstance(value, np.ndarray):
        return as_json(value.tolist())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_json(item) for item in value]
    return str(value)


def _sha256_of_file(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
