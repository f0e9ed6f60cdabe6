"""Images made of nothing: random label maps with random looks, and slices of the phantom. No patient, no licence.

Real CT is meant to look like one more sample to a model that was trained on these. Sample n of a seed is always the
same, on every machine with the same numpy, whichever process makes it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import ndimage

from ..phantom import phantom_patient
from ..slices import window_to_rgb
from .appearance import rendered
from .batch import Example
from .shapes import Random, label_map

PHANTOM_SHARE = 0.05
LEAST_AREA, MOST_AREA = 3e-4, 0.6
"""Of the image: smaller masks are under 20 pixels of 256 x 256."""
_PHANTOM_SCALE = 2.0
_PHANTOM_SEEDS = 2
_TRIES = 20


class SyntheticSlices:
    """A data set without end: `example(index, epoch)` is image number `epoch * len + index`.

    Parameters
    ----------
    length : int
        Images an epoch.
    size : int
        The longer side in pixels.
    masks : int
        Masks an image at most.
    seed, stream : int
        Streams of one seed share no image: 0 to train on, 1 to validate, 2 to measure at the end.
    """

    def __init__(self, length: int, size: int = 256, masks: int = 4, seed: int = 0, stream: int = 0):
        self.length, self.size, self.masks, self.seed, self.stream = length, size, masks, seed, stream

    def __len__(self) -> int:
        return self.length

    def example(self, index: int, epoch: int = 0) -> Example:
        random = np.random.default_rng([self.seed, self.stream, epoch * self.length + index])
        for _ in range(_TRIES):
            image, regions = self._scene(random)
            masks = objects_of(random, regions, self.masks)
            if len(masks):
                return Example(image, masks)
        raise RuntimeError(f"Twenty scenes of sample {index} had no object; the generator is broken.")

    def _scene(self, random: Random) -> tuple[np.ndarray, list[np.ndarray]]:
        """The image, and its regions as masks."""
        if random.random() < PHANTOM_SHARE:
            return _phantom_scene(random)
        labels = label_map(random, self._shape(random))
        return rendered(random, labels), [labels == value for value in np.unique(labels)]

    def _shape(self, random: Random) -> tuple[int, int]:
        """Mostly square, as CT slices are; a third is not, so that padding is known."""
        short = self.size if random.random() < 0.67 else int(self.size * random.uniform(0.6, 1.0))
        return (self.size, short) if random.random() < 0.5 else (short, self.size)


def objects_of(random: Random, regions: list[np.ndarray], most: int) -> np.ndarray:
    """Up to `most` of the regions, or of their connected parts, in random order -> (M, H, W) bool.

    Parameters
    ----------
    regions : list of (H, W) bool
    """
    chosen: list[np.ndarray] = []
    for number in random.permutation(len(regions)):
        region = regions[number]
        if random.random() < 0.8:
            region = _one_part(random, region)
        if LEAST_AREA * region.size <= region.sum() <= MOST_AREA * region.size:
            chosen.append(region)
        if len(chosen) == most:
            break
    return np.stack(chosen) if chosen else np.zeros((0, *regions[0].shape), bool)


def _one_part(random: Random, region: np.ndarray) -> np.ndarray:
    """The connected part around a random pixel; the larger a part, the more often it is taken."""
    places = np.flatnonzero(region)
    if len(places) == 0:
        return region
    parts, _ = ndimage.label(region)
    return parts == parts.ravel()[places[int(random.integers(len(places)))]]


def _phantom_scene(random: Random) -> tuple[np.ndarray, list[np.ndarray]]:
    """A slice of the phantom in the usual window or one near it, mirrored or not."""
    scans = _phantom_scans(int(random.integers(_PHANTOM_SEEDS)))
    hu, structures = scans[int(random.integers(len(scans)))]
    k = int(random.integers(len(hu)))
    low, high = -910 + random.normal(0, 60), 590 + random.normal(0, 120)
    turn = slice(None, None, -1 if random.random() < 0.5 else 1)
    image = window_to_rgb(hu[k], (low, high))[:, turn]
    return np.ascontiguousarray(image), [mask[k][:, turn] for mask in structures] + [np.zeros(hu[k].shape, bool)]


@lru_cache(maxsize=_PHANTOM_SEEDS)
def _phantom_scans(seed: int) -> list[tuple[np.ndarray, list[np.ndarray]]]:
    patient = phantom_patient(seed, _PHANTOM_SCALE)
    scans = [(patient.prior, patient.prior_segmentation), *((volume, truth) for _, volume, truth in patient.followups)]
    return [(volume.array, [segment.mask for segment in truth.segments]) for volume, truth in scans]
