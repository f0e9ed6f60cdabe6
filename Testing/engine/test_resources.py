"""What a follow-up costs: seconds a slice, and memory for a pair as large as a CT gets."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from p2sam.models.graph import GraphModel
from p2sam.phantom import phantom_patient
from p2sam.propagation import propagate
from p2sam.settings import preset
from small_visit import moved_by

HERE = Path(__file__).resolve().parent
GIB = 1024


def test_a_slice_of_the_phantom_takes_under_a_second_of_one_core_with_graph():
    """The tumour of the phantom at half its resolution, with deformable alignment left out."""
    patient = phantom_patient(scale=2.0)
    _, followup, _ = patient.followups[0]
    stages = []
    result = propagate(
        patient.prior, patient.prior_segmentation, followup, GraphModel(), preset("clinical"),
        names=["GTV"], alignment=moved_by((-7, 5, -9)),
        progress=lambda stage, done, total: stages.append((stage, done, time.process_time())),
    )  # fmt: skip
    times = [t for stage, _, t in stages if stage == "slices"]
    slices = len({s.index for structure in result.structures for s in structure.slices})
    assert len(times) == slices + 1 > 10
    assert max(later - earlier for earlier, later in zip(times, times[1:])) < 1.0


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read as Linux tells it")
def test_a_pair_of_300_slices_of_512_by_512_stays_under_two_gib_and_a_second_a_slice_and_structure():
    environment = {**os.environ, "PYTHONPATH": str(HERE), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "POT_BACKEND_DISABLE_PYTORCH": "1"}
    done = subprocess.run([sys.executable, HERE / "propagate_large.py", "2"], env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["slices"] >= 6 and min(found["dice"]) > 0.9
    assert found["peak_mib"] < 2 * GIB
    assert found["seconds_a_slice"] < 2.0
