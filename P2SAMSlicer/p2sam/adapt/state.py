"""All that a training needs to go on as if it had never stopped, in one file."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError
from ..files.atomic import atomic_path

STATE = "training.pt"


@dataclass
class Progress:
    """How far a training has come.

    Attributes
    ----------
    epoch, batch : int
        The next batch to be computed; `batch` counts within the epoch.
    step : int
        Steps of the optimiser so far.
    seconds : float
    best, best_epoch, stale
        The best validation, the epoch it was in, and the epochs since.
    finished : bool
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    best: float = -1.0
    best_epoch: int = -1
    stale: int = 0
    finished: bool = False
    sums: dict[str, float] = field(default_factory=dict)
    """Of the losses since the last row of the curve."""


def random_state() -> dict[str, Any]:
    """Of torch, on the CPU and on every GPU; nothing else draws from a global generator."""
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []}


def set_random_state(state: Mapping[str, Any]) -> None:
    torch.set_rng_state(state["cpu"])
    if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])


def save_state(folder: Path, content: Mapping[str, Any]) -> None:
    """Whole or not at all."""
    with atomic_path(folder / STATE) as temporary:
        torch.save(dict(content), temporary)


def load_state(folder: Path) -> dict[str, Any]:
    """The content of a saved state, on the CPU.

    Raises
    ------
    InputError
        There is none, or it is damaged.
    """
    file = folder / STATE
    if not file.is_file():
        raise InputError(f"There is no training to resume in '{folder}': it has no {STATE}. Leave --resume away to begin one.")
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError) as error:
        raise InputError(f"'{file}' is damaged, so that its training cannot be resumed; begin a new one.") from error
