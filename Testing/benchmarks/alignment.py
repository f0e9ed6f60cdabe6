"""Dice of the prior's contours, warped by each alignment, on the simulated follow-ups of lung1-001.

    python Testing/benchmarks/alignment.py [--data ../shared/data] [--save FOLDER] [--method rigid ...]

The follow-ups are simulated: their truth is a smooth warp of the prior, which flatters deformable alignment.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from p2sam.align import align
from p2sam.files.images import read_volume
from p2sam.files.rtstruct import read_rtstruct
from p2sam.settings import ALIGNMENTS

STRUCTURES = {"GTV-1": 1, "Spinal-Cord": 2, "Lung-Left": 3, "Lung-Right": 4}
REPOSITORY = Path(__file__).resolve().parents[2]


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / max(1, one.sum() + other.sum()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data")
    parser.add_argument("--save", type=Path, help="folder for the transforms, visitN_METHOD.tfm")
    parser.add_argument("--method", action="append", choices=ALIGNMENTS)
    arguments = parser.parse_args()
    prior = read_volume(arguments.data / "lung1-001" / "ct")
    contours = next(path for path in sorted((arguments.data / "lung1-001" / "rtstruct").rglob("*")) if path.is_file())
    segmentation = read_rtstruct(contours, prior)
    print("| visit | alignment | used | " + " | ".join(STRUCTURES) + " | quality | bone | least Jacobian | seconds |")
    print("|" + "---|" * (len(STRUCTURES) + 7))
    for number in (2, 3, 4):
        folder = arguments.data / "lung1-001-followups"
        followup = read_volume(folder / f"visit{number}_ct.nrrd")
        truth = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"visit{number}_truth.nrrd")))
        for method in arguments.method or ALIGNMENTS:
            alignment = align(prior, followup, method)
            warped = [alignment.resample_mask(segmentation.segment(name).mask, prior, followup) >= 0.5 for name in STRUCTURES]
            scores = [f"{dice(mask, truth == label):.3f}" for mask, label in zip(warped, STRUCTURES.values())]
            jacobian = alignment.details.get("least_jacobian")
            folds = "" if jacobian is None else f"{jacobian:.2f}"
            told = [f"{alignment.quality:.3f}", f"{alignment.details['bone_dice']:.3f}", folds, f"{alignment.seconds:.1f}"]
            print("| " + " | ".join([f"visit{number}", method, alignment.used, *scores, *told]) + " |", flush=True)
            for warning in alignment.warnings:
                print(f"<!-- {warning} -->", flush=True)
            if arguments.save is not None:
                sitk.WriteTransform(alignment.transform, str(arguments.save / f"visit{number}_{method}.tfm"))


if __name__ == "__main__":
    main()
