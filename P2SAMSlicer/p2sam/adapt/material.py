"""What a training is made from: one of the kinds of data set, turned into what is trained on, measured, and kept for the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import InputError
from .datasets import GTV, Case, ct_folder, ct_list, kvasir_seg, nsclc_radiomics, slices_of
from .loader import Source
from .split import Split, read_split, split_of, write_split
from .stored import LabelledSlice, StoredSlice, StoredSlices, parts_of, store, unit_of
from .synthetic import SyntheticSlices
from .training import Data

SPLIT = "split.json"
KINDS = ("nsclc", "kvasir", "ct-folder", "ct-list", "prior", "synthetic")
SYNTHETIC_VALIDATION, SYNTHETIC_TEST = 100, 200
_HELD_OUT = 5
"""Of a prior without a follow-up, every fifth slice is held out."""


@dataclass(frozen=True)
class Material:
    """Where the data lies.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    path : Path or None
        The folder or the table; the CT for "prior"; None for "synthetic".
    structure : str
    segmentation, followup, truth : Path or None
        Of "prior": its segmentation, and a later visit with its truth to measure on.
    unit : str
        "patient" or "slice", for the split.
    split : Path or None
        A split to be used instead of a new one.
    images : int
        Of "synthetic", an epoch.
    """

    kind: str
    path: Path | None = None
    structure: str = GTV
    segmentation: Path | None = None
    followup: Path | None = None
    truth: Path | None = None
    unit: str = "patient"
    split: Path | None = None
    images: int = 1000


@dataclass(frozen=True)
class Sources:
    """`data` for the training, and `test` for the end, None where there is none."""

    data: Data
    test: Source | None


def sources_of(material: Material, folder: Path, size: int, masks: int, seed: int, tell: Callable[[str], None]) -> Sources:
    """Read the data set, split it, and write both into `folder`; what is there already is used again.

    Parameters
    ----------
    size : int
        Side of the model's frame, for synthetic images.
    masks, seed : of the training options.

    Raises
    ------
    InputError and its kinds
        Data that is missing or has not the structure.
    """
    if material.kind == "synthetic":
        validation, test = (SyntheticSlices(n, size, masks, seed, stream) for n, stream in ((SYNTHETIC_VALIDATION, 1), (SYNTHETIC_TEST, 2)))
        return Sources(Data(SyntheticSlices(material.images, size, masks, seed), validation), test)
    if material.kind == "prior":
        return _of_a_prior(material, folder, seed, tell)
    slices = store(_slices(material), folder / "slices", tell, (material.kind, str(material.path.resolve()), material.structure))
    train, validation, test = parts_of(slices, _split(slices, material, folder, seed))
    if not train or not validation:
        raise InputError(f"The split leaves {len(train)} slices to train on and {len(validation)} to validate; change it, or give more data.")
    tell(f"{len(train)} slices to train on, {len(validation)} to validate, {len(test)} for the end.")
    return Sources(Data(StoredSlices(train, seed, augment=True), StoredSlices(validation)), StoredSlices(test) if test else None)


def _slices(material: Material) -> Iterator[LabelledSlice]:
    if material.kind == "kvasir":
        return kvasir_seg(material.path)
    readers = {"nsclc": nsclc_radiomics, "ct-folder": ct_folder, "ct-list": ct_list}
    return slices_of(readers[material.kind](material.path), material.structure)


def _split(slices: list[StoredSlice], material: Material, folder: Path, seed: int) -> Split:
    kept = folder / SPLIT
    if material.split is not None:
        split = read_split(material.split)
    elif kept.is_file():
        return read_split(kept)
    else:
        split = split_of((unit_of(one, material.unit) for one in slices), seed, material.unit)
    write_split(split, kept)
    return split


def _of_a_prior(material: Material, folder: Path, seed: int, tell: Callable[[str], None]) -> Sources:
    """One-shot: all that is known is the prior; a follow-up with its truth shows what that is worth."""
    case = Case("prior", material.path, material.segmentation)
    slices = store(slices_of([case], material.structure), folder / "slices", tell, _source(case, material))
    if material.followup is not None:
        later = Case("followup", material.followup, material.truth)
        measured = store(slices_of([later], material.structure), folder / "followup", tell, _source(later, material))
        train = slices
    else:
        held = np.arange(len(slices)) % _HELD_OUT == _HELD_OUT // 2
        train = [one for one, out in zip(slices, held) if not out]
        measured = [one for one, out in zip(slices, held) if out] or slices
    tell(f"{len(train)} slices of the prior to train on, {len(measured)} to measure.")
    data = Data(StoredSlices(train, seed, augment=True), StoredSlices(measured), StoredSlices(train))
    return Sources(data, None)


def _source(case: Case, material: Material) -> tuple[str, ...]:
    return str(case.ct.resolve()), str(case.segmentation.resolve()), material.structure


def without_path(material: Material) -> dict:
    """For the record: names, not places on this machine."""
    named = {name: value.name if isinstance(value, Path) else value for name, value in vars(replace(material)).items()}
    return {name: value for name, value in named.items() if value is not None}
