"""Dice of what is propagated beside the registration's own contour, for the defaults and with one choice changed at a time.

    python Testing/benchmarks/propagation.py                    the table of every case, defaults
    python Testing/benchmarks/propagation.py --ablation         one choice changed at a time
    python Testing/benchmarks/propagation.py --structure Lung-Left --case visit2
    python Testing/benchmarks/propagation.py --model sam_nano   another model than graph: a name, or a weights file

Cases: the phantom patient's two follow-ups, and, where ../shared/data is, the simulated follow-ups of lung1-001.
`--cache DIR` keeps the alignments between runs.
"""

from __future__ import annotations

import argparse
import pickle
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from p2sam.align import Alignment, align
from p2sam.case import Case as OpenCase
from p2sam.files.images import read_volume
from p2sam.files.segmentations import read_segmentation
from p2sam.metrics import dice
from p2sam.models import registry
from p2sam.models.base import PromptableModel
from p2sam.models.loading import load
from p2sam.phantom import phantom_patient
from p2sam.segmentation import Segmentation
from p2sam.settings import Settings, preset
from p2sam.volume import Volume

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
LUNG1 = {"GTV-1": 1, "Spinal-Cord": 2, "Lung-Left": 3, "Lung-Right": 4}
CLINICAL = Settings()
ABLATIONS = {
    "defaults": CLINICAL,
    "no tracking": replace(CLINICAL, track_mm=0.0, track_deformable_mm=0.0),
    "aligned prior not a candidate": replace(CLINICAL, prior_candidates=False),
    "nearest candidate always (margin 0)": replace(CLINICAL, keep_margin=0.0),
    "margin 0.1": replace(CLINICAL, keep_margin=0.1),
    "margin 0.2": replace(CLINICAL, keep_margin=0.2),
    "margin 0.4": replace(CLINICAL, keep_margin=0.4),
    "no mask prompt": replace(CLINICAL, mask_prompt=False),
    "no weights on the similarity": replace(CLINICAL, prior_sigma_mm=0.0),
    "no reach": replace(CLINICAL, reach_mm=0.0),
    "no box": replace(CLINICAL, box_margin_mm=-1.0),
    "no pooling of prior slices": replace(CLINICAL, pool_slices=0),
    "no slices beyond the ends": replace(CLINICAL, extent_mm=0.0),
    "specks kept": replace(CLINICAL, speck_fraction=0.0),
    "three-step cascade": replace(CLINICAL, cascade_steps=3),
    "cosine cost": replace(CLINICAL, cost="cosine"),
    "Jensen-Shannon": replace(CLINICAL, retrieval="jensen-shannon"),
    "Hungarian": replace(CLINICAL, retrieval="hungarian"),
    "no retrieval": replace(CLINICAL, retrieval="none"),
    "published procedure (paper-finetuned)": preset("paper-finetuned"),
}


@dataclass(frozen=True)
class Case:
    name: str
    prior: Volume
    segmentation: Segmentation
    followup: Volume
    truth: dict[str, np.ndarray]
    structures: tuple[str, ...]


def phantom_cases() -> Iterator[Case]:
    patient = phantom_patient()
    for name, followup, truth in patient.followups:
        masks = {segment.name: segment.mask for segment in truth.segments}
        yield Case(name, patient.prior, patient.prior_segmentation, followup, masks, ("GTV", "Heart", "Spinal cord"))


def lung1_cases() -> Iterator[Case]:
    if not DATA.is_dir():
        return
    prior = read_volume(DATA / "lung1-001" / "ct")
    segmentation = read_segmentation(DATA / "lung1-001" / "rtstruct" / "1-1.dcm", prior)
    for visit in (2, 3, 4):
        stem = DATA / "lung1-001-followups" / f"visit{visit}"
        labels = sitk.GetArrayFromImage(sitk.ReadImage(f"{stem}_truth.nrrd"))
        truth = {name: labels == label for name, label in LUNG1.items()}
        yield Case(f"visit{visit}", prior, segmentation, read_volume(f"{stem}_ct.nrrd"), truth, ("GTV-1", "Spinal-Cord"))


def alignment_of(case: Case, method: str, cache: Path | None) -> Alignment:
    if cache is None:
        return align(case.prior, case.followup, method)
    cache.mkdir(parents=True, exist_ok=True)
    transform, rest = cache / f"{case.name}_{method}.h5", cache / f"{case.name}_{method}.pickle"
    if not rest.exists():
        made = align(case.prior, case.followup, method)
        sitk.WriteTransform(made.transform, str(transform))
        rest.write_bytes(pickle.dumps({key: value for key, value in vars(made).items() if key != "transform"}))
    return Alignment(transform=sitk.ReadTransform(str(transform)), **pickle.loads(rest.read_bytes()))


_OPENED: dict[tuple, OpenCase] = {}


def opened(case: Case, settings: Settings, alignment: Alignment, names: tuple[str, ...], model: PromptableModel) -> OpenCase:
    """The case, ready to be drawn; tracked once for all settings that track alike."""
    key = (case.name, alignment.used, names, settings.track_mm, settings.track_deformable_mm, settings.extent_mm)
    if key not in _OPENED:
        _OPENED[key] = OpenCase.open(case.prior, case.segmentation, case.followup, model, settings, names=names, alignment=alignment)
    tracked = _OPENED[key]
    return OpenCase(case.name, tracked.visit, case.followup, tuple(tracked.targets.values()), model, settings, 0.0)


def dice_of(case: Case, settings: Settings, alignment: Alignment, names: tuple[str, ...], model: PromptableModel) -> dict[str, tuple[float, float, float]]:
    """Structure -> Dice in place, of the registration's own contour, and of the result."""
    result = opened(case, settings, alignment, names, model).propagate()
    in_place = Alignment("none", "none", sitk.Transform(3, sitk.sitkIdentity), 0.0, {}, (), 0.0)
    found = {}
    for structure in result.structures:
        name = structure.segment.name
        copied = in_place.resample_mask(case.segmentation.segment(name).mask, case.prior, case.followup) >= 0.5
        masks = (copied, result.aligned_masks[name], structure.segment.mask)
        found[name] = tuple(dice(case.truth[name], mask) for mask in masks)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--only", nargs="*", help="names of ablations")
    parser.add_argument("--case", nargs="*")
    parser.add_argument("--structure", nargs="*")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--model", default="graph")
    arguments = parser.parse_args()
    arguments.model, name = load(arguments.model), arguments.model
    arguments.settings = registry.settings_for(CLINICAL, name, ranges=getattr(arguments.model, "ranges", None))
    cases = [c for c in (*lung1_cases(), *phantom_cases()) if not arguments.case or c.name in arguments.case]
    table(cases, arguments) if not arguments.ablation else ablation(cases, arguments)


def table(cases: list[Case], arguments: argparse.Namespace) -> None:
    print("| case | structure | in place | rigid | P2SAM after rigid | deformable | P2SAM after deformable | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    for case in cases:
        names = tuple(arguments.structure or case.structures)
        found, seconds = {}, 0.0
        for method in ("rigid", "deformable"):
            alignment = alignment_of(case, method, arguments.cache)
            started = time.monotonic()
            found[method] = dice_of(case, replace(arguments.settings, alignment=method), alignment, names, arguments.model)
            seconds = time.monotonic() - started
        for name in names:
            place, rigid, after_rigid = found["rigid"][name]
            _, deformable, after_deformable = found["deformable"][name]
            figures = " | ".join(f"{x:.3f}" for x in (place, rigid, after_rigid, deformable, after_deformable))
            print(f"| {case.name} | {name} | {figures} | {seconds:.0f} |", flush=True)


def ablation(cases: list[Case], arguments: argparse.Namespace) -> None:
    columns = [(c, m, n) for c in cases for m in ("rigid", "deformable") for n in (arguments.structure or c.structures)]
    print("| choice | mean | " + " | ".join(f"{c.name} {n} {m[:3]}." for c, m, n in columns) + " |")
    print("|---" * (len(columns) + 2) + "|")
    for choice, settings in ABLATIONS.items():
        if arguments.only and choice not in arguments.only:
            continue
        found = {}
        for case in cases:
            for method in ("rigid", "deformable"):
                alignment = alignment_of(case, method, arguments.cache)
                names = tuple(arguments.structure or case.structures)
                for name, row in dice_of(case, settings, alignment, names, arguments.model).items():
                    found[case.name, method, name] = row[2]
        values = [found[c.name, m, n] for c, m, n in columns]
        print(f"| {choice} | {np.mean(values):.3f} | " + " | ".join(f"{v:.3f}" for v in values) + " |", flush=True)


if __name__ == "__main__":
    main()
