"""What accepted slices are worth: Dice of the other slices, with some slices of the truth accepted.

    python Testing/benchmarks/anchors.py [--every 15] [--cache DIR]

Slices of the truth, some millimetres apart, are given as accepted. Compared on all other slices that hold truth or
result: the prior aligned and tracked without them; the accepted contours alone, joined by shape-based interpolation
(Raya and Udupa, IEEE TMI 1990: depth maps averaged), which knows nothing of the image; and both together.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from propagation import CLINICAL, Case, alignment_of, lung1_cases, phantom_cases

from p2sam.case import Case as OpenCase
from p2sam.models.graph import GraphModel
from p2sam.visit import depth_mm


def accepted_of(truth: np.ndarray, slice_mm: float, every_mm: float) -> dict[int, np.ndarray]:
    """Slices of a mask (K, J, I), about `every_mm` apart, first and last among them, and the empty ones next to both ends."""
    there = np.flatnonzero(truth.any(axis=(1, 2)))
    count = max(2, int(round((there[-1] - there[0]) * slice_mm / every_mm)) + 1)
    chosen = {int(k) for k in np.rint(np.linspace(there[0], there[-1], count))} | {int(there[0]) - 1, int(there[-1]) + 1}
    return {k: truth[k] for k in sorted(chosen) if 0 <= k < len(truth)}


def interpolated(accepted: dict[int, np.ndarray], shape: tuple[int, ...], in_plane: tuple[float, float]) -> np.ndarray:
    depth = {k: depth_mm(mask, in_plane) for k, mask in accepted.items()}
    found, ends = np.zeros(shape, bool), sorted(accepted)
    for a, b in zip(ends, ends[1:]):
        for k in range(a, b + 1):
            t = (k - a) / (b - a)
            found[k] = (1 - t) * depth[a] + t * depth[b] > 0
    return found


def slice_dice(truth: np.ndarray, found: np.ndarray, left_out) -> float:
    """Mean over the slices that hold either, but those accepted."""
    scores = []
    for k in range(len(truth)):
        size = truth[k].sum() + found[k].sum()
        if k not in left_out and size:
            scores.append(2 * (truth[k] & found[k]).sum() / size)
    return float(np.mean(scores))


def measure(case: Case, method: str, every_mm: float, cache: Path | None) -> None:
    settings = replace(CLINICAL, alignment=method)
    alignment = alignment_of(case, method, cache)
    opened = OpenCase.open(case.prior, case.segmentation, case.followup, GraphModel(), settings, names=case.structures, alignment=alignment)
    alone = opened.propagate()
    spacing = case.followup.spacing_mm[::-1]
    accepted = {name: accepted_of(case.truth[name], spacing[0], every_mm) for name in case.structures}
    together = opened.propagate(anchors=accepted)
    for number, name in enumerate(case.structures):
        truth, given = case.truth[name], accepted[name]
        masks = [r.structures[number].segment.mask for r in (alone, together)]
        shape = interpolated(given, truth.shape, (spacing[1], spacing[2]))
        figures = " | ".join(f"{slice_dice(truth, mask, given):.3f}" for mask in (masks[0], shape, masks[1]))
        print(f"| {case.name} | {method} | {name} | {len(given)} | {figures} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=float, default=15.0, help="millimetres between accepted slices")
    parser.add_argument("--case", nargs="*")
    parser.add_argument("--method", nargs="*", default=["rigid", "deformable"])
    parser.add_argument("--cache", type=Path)
    arguments = parser.parse_args()
    print("| case | alignment | structure | accepted | none accepted | interpolation alone | with accepted slices |")
    print("|---|---|---|---|---|---|---|")
    for case in (*lung1_cases(), *phantom_cases()):
        for method in arguments.method:
            if not arguments.case or case.name in arguments.case:
                measure(case, method, arguments.every, arguments.cache)


if __name__ == "__main__":
    main()
