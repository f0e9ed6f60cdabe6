"""Run in a process of its own by test_resources.py: a 300-slice 512 x 512 pair, and what it takes in memory and time."""

import json
import sys
import time

import numpy as np
from p2sam.models.graph import GraphModel
from p2sam.propagation import propagate
from p2sam.segmentation import Segment, Segmentation
from p2sam.settings import preset
from p2sam.volume import Volume
from small_visit import dice, in_place


def peak_mib():
    """Of this program alone: `getrusage` counts what its parent had when it began, which in a run of tests may be more."""
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(status["VmHWM"].split()[0]) / 1024


def made(structures, seed):
    """A cylinder of tissue with noise, int16, and small structures of 30 x 30 x 6 voxels in it."""
    random = np.random.default_rng(seed)
    rows, columns = np.ogrid[:512, :512]
    slice_hu = np.where((rows - 256) ** 2 + (columns - 256) ** 2 < 220**2, 0, -1000)
    tile = random.normal(0, 20, (8, 512, 512)).astype(np.int16)
    array = np.empty((300, 512, 512), np.int16)
    masks = [np.zeros(array.shape, bool) for _ in range(structures)]
    for k in range(300):
        array[k] = slice_hu + np.roll(tile[k % 8], k, axis=0)
    for n, mask in enumerate(masks):
        mask[150 + n : 156 + n, 230:260, 120 + 50 * n : 150 + 50 * n] = True
        array[mask] += 150
    matrix = np.diag([-0.9, -0.9, 1.5, 1.0])
    matrix[:3, 3] = 230, 230, -225
    return Volume(array, matrix), Segmentation(tuple(Segment(f"T{n}", m, f"{n}") for n, m in enumerate(masks)), matrix, array.shape)


def main(structures):
    (prior, truth), (followup, _) = made(structures, 0), made(structures, 1)
    given, started, times = peak_mib(), time.process_time(), []

    def progress(stage, done, total):
        if stage == "slices":
            times.append(time.process_time())

    result = propagate(prior, truth, followup, GraphModel(), preset("clinical"), alignment=in_place("rigid"), progress=progress)
    found, true = ([s.mask for s in segments] for segments in ([s.segment for s in result.structures], truth.segments))
    measured = {
        "given_mib": given,
        "peak_mib": peak_mib(),
        "slices": len(times) - 1,
        "seconds_a_slice": (times[-1] - times[0]) / (len(times) - 1),
        "seconds": time.process_time() - started,
        "dice": [dice(a, b) for a, b in zip(found, true)],
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main(int(sys.argv[1]))
