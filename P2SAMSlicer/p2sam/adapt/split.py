"""Who is trained on, who decides when to stop, and who is only measured at the end: written down once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError

SHARES = (0.8, 0.1, 0.1)


@dataclass(frozen=True)
class Split:
    """Names of patients (or of slices, see `split_of`), each in one of the three."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    unit: str = "patient"
    seed: int = 0


def split_of(names: Iterable[str], seed: int = 0, unit: str = "patient") -> Split:
    """80 : 10 : 10 in an order that only the seed and the names decide. From three names on, each part has one.

    Parameters
    ----------
    names : of all patients, once or more each
    unit : str
        "patient", or "slice" where there are too few patients; neighbouring slices then lie on both sides of the split.

    Raises
    ------
    InputError
        Fewer than two names.
    """
    unique = sorted(set(names))
    if len(unique) < 2:
        raise InputError(
            f"There is {len(unique)} {unit} to split into training and validation; give more data, or split by slice: --split-by slice."
        )
    order = [unique[i] for i in np.random.default_rng([seed, 80, 10, 10]).permutation(len(unique))]
    validation = max(1, round(SHARES[1] * len(order)))
    test = max(1, round(SHARES[2] * len(order))) if len(order) > 2 else 0
    return Split(tuple(order[validation + test :]), tuple(order[:validation]), tuple(order[validation : validation + test]), unit, seed)


def write_split(split: Split, path: Path) -> None:
    path.write_text(json.dumps(vars(split), indent=1), encoding="utf-8")


def read_split(path: Path) -> Split:
    """A split as it was written, or as a person wrote it.

    Raises
    ------
    InputError
        Not such a file, or a name in two parts.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        parts = [tuple(map(str, told[name])) for name in ("train", "validation", "test")]
        split = Split(*parts, str(told.get("unit", "patient")), int(told.get("seed", 0)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"'{path}' is not a split: it needs the lists train, validation and test ({error}).") from error
    names = [name for part in parts for name in part]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InputError(f"'{doubled[0]}' is in two parts of the split '{path}'; each name belongs in one.")
    return split
