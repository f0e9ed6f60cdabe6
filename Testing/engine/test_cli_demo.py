"""`p2sam demo`, on voxels so coarse and with so few features that it takes seconds."""

import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from command_line import run
from p2sam.align import align
from p2sam.truth import rigid_part
from p2sam.files.images import read_volume
from p2sam.settings import PRESETS

METHODS = ["P2SAM", "prior in place", "prior aligned (rigid)", "prior aligned (deformable)"]
STRUCTURES = ["GTV", "Heart", "Spinal cord", "Lung left", "Lung right"]


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr("p2sam.command.demo.VOXELS", 4)
    monkeypatch.setitem(PRESETS, "clinical", replace(PRESETS["clinical"], n_positive=(1,), max_features=40, pool_slices=0, extent_mm=0.0))


def test_the_demo_compares_every_structure_with_its_truth_and_keeps_the_patient_for_the_next_run(quick, tmp_path, capfd, monkeypatch):
    folder = tmp_path / "p2sam-demo"
    code, out, err = run(["demo", "--output", folder, "--json"], capfd)
    assert code == 0, err
    rows = [row for visit in json.loads(out)["visits"] for row in visit["metrics"]]
    expected = [(visit, name, method) for visit in ("followup1", "followup2") for name in STRUCTURES for method in METHODS]
    assert [(row["visit"], row["structure"], row["method"]) for row in rows] == expected
    patient = (folder / "patient" / "prior_ct.nrrd").stat().st_mtime_ns
    report = (folder / "followup1" / "report.html").stat().st_mtime_ns

    monkeypatch.setattr("p2sam.phantom.write_phantom", lambda *_, **__: pytest.fail("the patient was made again"))
    monkeypatch.setattr("p2sam.command.run.align", lambda prior, followup, *_: align(prior, followup, "none"))
    code, out, err = run(["demo", "--output", folder], capfd)
    assert code == 0, err
    assert "mean" in out and "P2SAM" in out and str(folder / "followup2" / "report.html") in out
    assert (folder / "patient" / "prior_ct.nrrd").stat().st_mtime_ns == patient
    assert (folder / "followup1" / "report.html").stat().st_mtime_ns > report


def test_the_rigid_part_of_a_deformable_alignment_is_what_it_deformed(phantom):
    prior = read_volume(phantom["prior_ct"])
    in_place = align(prior, prior, "none")
    shift, bend = sitk.TranslationTransform(3, (1.0, 2.0, 3.0)), sitk.ScaleTransform(3, (1.1, 1.0, 1.0))
    deformed = replace(in_place, used="deformable", transform=sitk.CompositeTransform([shift, bend]))
    assert np.allclose(rigid_part(deformed).TransformPoint((10.0, 0.0, 0.0)), (11.0, 2.0, 3.0))
    assert rigid_part(in_place) is None
