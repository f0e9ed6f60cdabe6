"""A case as the worker keeps it: the engine's case, and what the result's folder is written from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from p2sam.case import Case
from p2sam.result import VisitResult
from p2sam.segmentation import Segmentation
from p2sam.settings import Settings
from p2sam.volume import Volume


@dataclass
class OpenCase:
    """Everything of one prior and one follow-up that was sent.

    Attributes
    ----------
    started : str
        When it was opened, ISO 8601.
    warnings : tuple of str
        Of the opening; they belong to every result.
    transform : Path or None
        File of the transform that was used instead of an alignment.
    result : VisitResult or None
        Of the last propagation, complete or not.
    """

    id: str
    case: Case
    prior: Volume
    segmentation: Segmentation
    followup: Volume
    settings: Settings
    facts: dict
    warnings: tuple[str, ...] = ()
    transform: Path | None = None
    result: VisitResult | None = field(default=None, repr=False)


def voxels_sha256(array: np.ndarray) -> str:
    """SHA-256 of a scan or mask that came from a scene and not from a file: its type, its shape, and its voxels in C order."""
    digest = hashlib.sha256(f"{array.dtype.newbyteorder('<').str} {array.shape}\n".encode())
    digest.update(np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False)).data)
    return digest.hexdigest()
