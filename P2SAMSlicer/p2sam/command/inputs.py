"""The scans of a run, read once, and checked against each other before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..case import wanted
from ..errors import GeometryError, InputError, StructureError
from ..files.images import check_ct, read_volume
from ..files.segmentations import read_segmentation
from ..segmentation import Segmentation
from ..volume import Volume
from .request import Request


@dataclass(frozen=True)
class Followup:
    """One later visit; `truth` holds the known structures by the prior's names, empty where none is known."""

    name: str
    volume: Volume
    truth: dict[str, np.ndarray]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Inputs:
    """Everything read; `structures` are the names or ids to propagate, None for every one of the segmentation."""

    prior: Volume
    segmentation: Segmentation
    structures: tuple[str, ...] | None
    followups: tuple[Followup, ...]


def read_inputs(request: Request) -> Inputs:
    """Read and check the prior, its segmentation, every follow-up and every truth.

    Raises
    ------
    InputError and its kinds
        The first thing that is wrong.
    """
    prior = read_ct(request.prior)
    segmentation = read_segmentation(request.segmentation, prior, request.structures)
    if request.structures is None:
        segmentation = filled(segmentation)
    segments = wanted(prior, segmentation, request.structures)
    shared = (*told(prior.meta), *told(segmentation.meta))
    followups = []
    for number, (name, path) in enumerate(zip(request.names, request.followups)):
        volume = read_ct(path)
        warnings = (*shared, *check_pair(prior, volume, request), *told(volume.meta))
        truth: dict[str, np.ndarray] = {}
        if request.truths:
            asked = [segment.name for segment in segments]
            truth, absent = read_truth(request, number, volume, asked)
            warnings += tuple(absent)
        followups.append(Followup(name, volume, truth, tuple(dict.fromkeys(warnings))))
    return Inputs(prior, segmentation, request.structures, tuple(followups))


def read_ct(path) -> Volume:
    volume = read_volume(path)
    check_ct(volume)
    return volume


def filled(segmentation: Segmentation) -> Segmentation:
    """Without the structures that have no voxel; the segmentation's warnings name them."""
    return replace(segmentation, segments=tuple(segment for segment in segmentation.segments if segment.mask.any()))


def told(meta: dict) -> tuple[str, ...]:
    """What a reader found that a person must know."""
    return tuple(meta.get("warnings", ()))


def check_pair(prior: Volume, followup: Volume, request: Request) -> list[str]:
    """Warnings about two scans that may go together; an error where they may not."""
    source, earlier = followup.meta.get("source"), prior.meta.get("source")
    patients = [str(scan.meta.get("patient_id", "")).strip() for scan in (prior, followup)]
    if all(patients) and patients[0] != patients[1] and not request.allow_different_patient:
        raise InputError(
            f"The follow-up '{source}' is of patient '{patients[1]}', the prior '{earlier}' of '{patients[0]}';"
            " give two scans of one patient, or --allow-different-patient if the names were changed."
        )
    frames = [scan.meta.get("frame_of_reference_uid") for scan in (prior, followup)]
    if all(frames) and frames[0] != frames[1] and request.settings.alignment == "none" and request.transform is None:
        raise GeometryError(
            f"The prior and the follow-up '{source}' have different frames of reference ({frames[0]} and {frames[1]}),"
            " so they cannot be compared in place; use --alignment rigid or deformable, or give --transform."
        )
    warnings = []
    if all(patients) and patients[0] != patients[1]:
        warnings.append(f"The patients differ: prior '{patients[0]}', follow-up '{patients[1]}'.")
    dates = [str(scan.meta.get("study_date", "")) for scan in (prior, followup)]
    if all(date.isdigit() and len(date) == 8 for date in dates) and dates[1] < dates[0]:
        warnings.append(f"The follow-up '{source}' ({dates[1]}) was taken before the prior ({dates[0]}); check that they are not exchanged.")
    series = [scan.meta.get("series_uid") for scan in (prior, followup)]
    if (all(series) and series[0] == series[1]) or source == earlier:
        warnings.append(f"The follow-up '{source}' is the same scan as the prior.")
    return warnings


def check_truth_names(truth_names: Mapping[str, str], names: Sequence[str]) -> None:
    """Raise `StructureError` where `--truth-name` renames a structure that there is not: it would have no effect."""
    unknown = sorted(set(truth_names) - set(names))
    if unknown:
        raise StructureError(f"--truth-name names '{unknown[0]}', which is none of the structures {', '.join(names)}.")


def read_truth(request: Request, number: int, followup: Volume, names: Sequence[str]) -> tuple[dict[str, np.ndarray], list[str]]:
    """The known masks by the prior's names, and a sentence for each structure that the truth lacks.

    Structures asked for by name must all be there; of all structures of the prior, one is enough.
    """
    path = request.truths[number]
    check_truth_names(request.truth_names, names)
    called = {name: request.truth_names.get(name, name) for name in names}
    try:
        known = read_segmentation(path, followup, tuple(dict.fromkeys(called.values())))
    except StructureError:
        if request.structures is not None:
            raise
        known = read_segmentation(path, followup)
    masks = {name: known.segment(other).mask for name, other in called.items() if other in {*known.names, *(one.id for one in known.segments)}}
    if not masks:
        raise StructureError(
            f"The truth '{path}' has none of the structures {', '.join(names)}; it has: {', '.join(known.names)}. Say which is which with --truth-name."
        )
    absent = [f"The truth '{path}' has no '{called[name]}'; nothing is compared for it." for name in names if name not in masks]
    return masks, [*told(known.meta), *absent]
