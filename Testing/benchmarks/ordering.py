"""Whether slices that are more unlike the prior are drawn worse: Spearman's correlation of distance and slice Dice.

    make demo
    python Testing/benchmarks/ordering.py p2sam-demo

-1 would be a distance that puts the worst slice first, the next worst second, and so on; 0 one that says nothing of it. Beside it, how many
of the worst quarter of a structure's slices are in the first half by distance (0.5 by chance), and how many have a reason to look.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from p2sam.files.images import read_volume
from p2sam.files.segmentations import read_segmentation
from p2sam.metrics import dice
from p2sam.volume import canonical


def slices_of(folder: Path, truth: Path, ct: Path) -> Iterator[tuple[str, list[tuple[float, float, bool]]]]:
    """(structure, [(distance, Dice, whether the method gives a reason)]) of each structure of a result; slices without a distance are left out."""
    followup = read_volume(ct)
    axis = canonical(followup)[1].slice_axis
    result, known = (read_segmentation(path, followup) for path in (folder / "segmentation.seg.nrrd", truth))
    with open(folder / "slices.csv", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["distance"]]
    for segment in result.segments:
        drawn, right = (np.moveaxis(one.segment(segment.name).mask, axis, 0) for one in (result, known))
        told = [(int(row["slice"]), float(row["distance"]), bool(row["flags"])) for row in rows if row["structure"] == segment.name]
        yield segment.name, [(distance, dice(right[k], drawn[k]), flag) for k, distance, flag in told if (right[k] | drawn[k]).any()]


def row_of(visit: str, name: str, slices: list[tuple[float, float, bool]]) -> str:
    distances, agreement, flagged = (np.array(column) for column in zip(*slices))
    worst = np.argsort(agreement)[: max(1, len(slices) // 4)]
    first_half = set(np.argsort(-distances)[: len(slices) // 2].tolist())
    found = np.mean([index in first_half for index in worst])
    return f"| {visit} | {name} | {len(slices)} | {spearmanr(distances, agreement)[0]:+.2f} | {found:.2f} | {flagged[worst].mean():.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=Path, nargs="?", default=Path("p2sam-demo"), help="folder that `p2sam demo` wrote")
    patient = (demo := parser.parse_args().demo) / "patient"
    print("| visit | structure | slices | Spearman | worst quarter in the first half | with a reason |\n|---|---|---|---|---|---|")
    for ct in sorted(patient.glob("*_ct.nrrd")):
        visit = ct.name.removesuffix("_ct.nrrd")
        if (demo / visit).is_dir():
            for name, slices in slices_of(demo / visit, patient / f"{visit}_truth.seg.nrrd", ct):
                print(row_of(visit, name, slices))


if __name__ == "__main__":
    main()
