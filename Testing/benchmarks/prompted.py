"""Dice of a model that is told where the object is: one point, five points, or a box, taken from the truth.

    python Testing/benchmarks/prompted.py --model sam_nano                the model that ships, or a weights file
    python Testing/benchmarks/prompted.py --model sam_nano --images 50    fewer of the synthetic images

Synthetic images are of the stream that neither training nor validation sees. CT slices are of lung1-001 (every third that has
the structure), left out where ../shared/data is missing. The first point lies deepest in the object, each further one deepest in
what is wrong so far.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np
from propagation import DATA
from scipy import ndimage

from p2sam.adapt.synthetic import SyntheticSlices
from p2sam.files.images import read_volume
from p2sam.files.segmentations import read_segmentation
from p2sam.metrics import dice
from p2sam.models.base import PromptableModel, Prompts
from p2sam.models.loading import load
from p2sam.settings import Settings
from p2sam.slices import window_to_rgb

TEST_STREAM = 2
STRUCTURES = ("GTV-1", "Spinal-Cord", "Lung-Left", "Lung-Right")
LEAST_PIXELS = 30
POINTS = 5


def synthetic(images: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(source, (H, W, 3) uint8, (H, W) bool)."""
    slices = SyntheticSlices(images, size=256, masks=4, stream=TEST_STREAM)
    for index in range(images):
        example = slices.example(index)
        yield from (("synthetic", example.image, mask) for mask in example.masks)


def development_ct() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """As `synthetic`, of a patient."""
    if not DATA.is_dir():
        return
    volume = read_volume(DATA / "lung1-001" / "ct")
    segmentation = read_segmentation(DATA / "lung1-001" / "rtstruct" / "1-1.dcm", volume)
    for name in STRUCTURES:
        mask = segmentation.segment(name).mask
        shown = [k for k in range(len(mask)) if mask[k].sum() >= LEAST_PIXELS]
        yield from ((name, window_to_rgb(volume.array[k], Settings().window_hu), mask[k]) for k in shown[::3])


def deepest(region: np.ndarray) -> tuple[int, int]:
    """(x, y) of the pixel farthest from the region's edge."""
    depth = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(column), int(row)


def by_points(model: PromptableModel, embedding, truth: np.ndarray) -> tuple[float, float]:
    """Dice after the first point, and after the last."""
    points, labels, mask, found = [], [], np.zeros_like(truth), []
    for _ in range(POINTS):
        missed, much = truth & ~mask, mask & ~truth
        positive = missed.sum() >= much.sum()
        points.append(deepest(missed if positive else much))
        labels.append(int(positive))
        prompts = Prompts(np.array([points], np.float32), np.array([labels], np.int8))
        mask = model.decode(embedding, prompts).logits[0] > 0
        found.append(dice(truth, mask))
    return found[0], found[-1]


def by_box(model: PromptableModel, embedding, truth: np.ndarray) -> float:
    rows, columns = np.nonzero(truth)
    box = np.array([[columns.min(), rows.min(), columns.max(), rows.max()]], np.float32)
    empty = Prompts(np.zeros((1, 0, 2), np.float32), np.zeros((1, 0), np.int8), boxes_xyxy=box)
    return dice(truth, model.decode(embedding, empty).logits[0] > 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--images", type=int, default=200)
    arguments = parser.parse_args()
    model, found, seconds = load(arguments.model), {}, []
    for source, image, truth in (*synthetic(arguments.images), *development_ct()):
        began = time.process_time()
        (embedding,) = model.embed(image[None])
        one, five = by_points(model, embedding, truth)
        seconds.append(time.process_time() - began)
        found.setdefault(source, []).append((one, five, by_box(model, embedding, truth)))
    print("| images | masks | one point | five points | box |")
    print("|---|---|---|---|---|")
    for source, rows in found.items():
        print(f"| {source} | {len(rows)} | " + " | ".join(f"{value:.3f}" for value in np.mean(rows, axis=0)) + " |")
    print(f"\nOne slice embedded and five points decoded: {np.median(seconds):.2f} s of processor time.")


if __name__ == "__main__":
    main()
