"""Slices of a data set, read from its scans once and kept as small files, so that an epoch opens no DICOM."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..files.atomic import atomic_path
from .augment import augmented
from .batch import Example
from .split import Split

INDEX = "slices.json"


@dataclass(frozen=True)
class LabelledSlice:
    """One slice of one structure as a reader gives it: `image` (H, W) or (H, W, 3) uint8, `mask` (H, W) bool."""

    patient: str
    name: str
    image: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True)
class StoredSlice:
    """Where one lies."""

    patient: str
    name: str
    file: Path

    def read(self) -> Example:
        with np.load(self.file) as content:
            image, packed = content["image"], content["mask"]
        mask = np.unpackbits(packed, axis=1, count=image.shape[1]).astype(bool)
        return Example(np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image, mask[None])


def store(
    slices: Iterable[LabelledSlice], folder: Path, tell: Callable[[str], None] = lambda line: None, source: Sequence[str] = ()
) -> list[StoredSlice]:
    """Write slices that have a mask into a folder; a folder that holds all of the same source already is used as it is.

    Parameters
    ----------
    source : sequence of str
        Where the slices come from.

    Raises
    ------
    InputError
        There is none; or the folder holds slices of another source.
    """
    if (folder / INDEX).is_file():
        return stored_in(folder, source)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for one in _with_mask(slices):
        file = folder / f"{len(rows):06d}.npz"
        np.savez_compressed(file, image=one.image, mask=np.packbits(one.mask, axis=1))
        if not rows or rows[-1][0] != one.patient:
            tell(f"Reading {one.patient}")
        rows.append((one.patient, one.name, file.name))
    if not rows:
        raise InputError("No slice of the data set has the structure; check its name and the folder.")
    with atomic_path(folder / INDEX) as temporary:
        temporary.write_text(json.dumps({"source": list(source), "slices": rows}), encoding="utf-8")
    return stored_in(folder, source)


def stored_in(folder: Path, source: Sequence[str] = ()) -> list[StoredSlice]:
    """What `store` wrote.

    Raises
    ------
    InputError
        It was written from another source.
    """
    content = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise InputError(f"'{folder}' was written by an earlier version, which does not say whose slices they are; remove it, or give another --output.")
    if content["source"] != list(source):
        raise InputError(f"'{folder}' holds the slices of {', '.join(content['source'])}, not of {', '.join(source)}; give another --output.")
    return [StoredSlice(patient, name, folder / file) for patient, name, file in content["slices"]]


def parts_of(slices: Sequence[StoredSlice], split: Split) -> tuple[list[StoredSlice], list[StoredSlice], list[StoredSlice]]:
    """The slices of the training, the validation and the test part; a name that the split lacks is left out."""
    def named(part: tuple[str, ...]) -> list[StoredSlice]:
        chosen = set(part)
        return [one for one in slices if unit_of(one, split.unit) in chosen]

    return named(split.train), named(split.validation), named(split.test)


def unit_of(one: StoredSlice, unit: str) -> str:
    return one.patient if unit == "patient" else f"{one.patient}/{one.name}"


class StoredSlices:
    """A data set to train on or to measure: `example(index, epoch)`, augmented or as it is."""

    def __init__(self, slices: Sequence[StoredSlice], seed: int = 0, augment: bool = False):
        self.slices, self.seed, self.augment = list(slices), seed, augment

    def __len__(self) -> int:
        return len(self.slices)

    def example(self, index: int, epoch: int = 0) -> Example:
        example = self.slices[index].read()
        return augmented(example, np.random.default_rng([self.seed, epoch, index])) if self.augment else example


def _with_mask(slices: Iterable[LabelledSlice]) -> Iterator[LabelledSlice]:
    return (one for one in slices if one.mask.any())
