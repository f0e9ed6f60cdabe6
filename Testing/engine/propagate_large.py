"""Run in a process of its own by test_resources.py: a 300-slice 512 x 512 pair, and what it takes in memory and time."""

import json
import resource
import sys
import time

import numpy as np
from p2sam.models.graph import GraphModel
from p2sam.propagation import propagate
from p2sam.segmentation import Segment, Segmentation
from p2sam.settings import preset
from p2sam.volume import Volume
from small_visit import in_place


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def made(structures, seed):
    """A cylinder of tissue with noise, int16, and small structures of 60 x 60 x 10 voxels in it."""
    random = np.random.default_rng(seed)
    rows, columns = np.ogrid[:512, :512]
    slice_hu = np.where((rows - 256) ** 2 + (columns - 256) ** 2 < 220**2, 0, -1000)
    tile = random.normal(0, 20, (8, 512, 512)).astype(np.int16)
    array = np.empty((300, 512, 512), np.int16)
    masks = [np.zeros(array.shape, bool) for _ in range(structures)]
    for k in range(300):
        array[k] = slice_hu + np.roll(tile[k % 8], k, axis=0)
    for n, mask in enumerate(masks):
        mask[150 + n : 160 + n, 200:260, 150 + 70 * n : 210 + 70 * n] = True
        array[mask] += 150
    matrix = np.diag([-0.9, -0.9, 1.5, 1.0])
    matrix[:3, 3] = 230, 230, -225
    return Volume(array, matrix), Segmentation(tuple(Segment(f"T{n}", m, f"{n}") for n, m in enumerate(masks)), matrix, array.shape)


def main(structures):
    (prior, truth), (followup, _) = made(structures, 0), made(structures, 1)
    given, started, times = peak_mib(), time.process_time(), []
    result = propagate(
        prior, truth, followup, GraphModel(), preset("clinical"), alignment=in_place("rigid"),
        progress=lambda stage, done, total: times.append((stage, time.process_time(), total)),
    )  # fmt: skip
    first, last = [t for stage, t, _ in times if stage == "slices"][:: max(1, len(times) - 1 - structures)][:2]
    drawn = sum(len(s.slices) for s in result.structures)
    found = [float(2 * (s.segment.mask & m.mask).sum() / (s.segment.mask.sum() + m.mask.sum())) for s, m in zip(result.structures, truth.segments)]
    print(json.dumps(dict(given=given, peak=peak_mib(), slice=(last - first) / drawn, slices=drawn, total=time.process_time() - started, dice=found)))


main(int(sys.argv[1]))
