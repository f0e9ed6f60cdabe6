"""`p2sam demo`, on voxels so coarse that it takes seconds."""

import json

import pytest
from command_line import run

METHODS = {"prior in place", "prior aligned (rigid)", "prior aligned (deformable)", "P2SAM"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("demo") / "p2sam-demo"


def test_the_demo_compares_every_structure_with_its_truth_and_runs_again(folder, capfd, monkeypatch):
    monkeypatch.setattr("p2sam.command.demo.VOXELS", 4)
    code, out, err = run(["demo", "--output", folder, "--json"], capfd)
    assert code == 0, err
    told = json.loads(out)
    rows = [row for visit in told["visits"] for row in visit["metrics"]]
    assert {(row["visit"], row["structure"]) for row in rows} == {
        (visit, name) for visit in ("followup1", "followup2") for name in ("GTV", "Heart", "Spinal cord", "Lung left", "Lung right")
    }
    assert all({row["method"] for row in rows if row["visit"] == visit} <= METHODS for visit in ("followup1", "followup2"))
    patient = (folder / "patient" / "prior_ct.nrrd").stat().st_mtime_ns
    report = (folder / "followup1" / "report.html").stat().st_mtime_ns

    monkeypatch.setattr("p2sam.phantom.write_phantom", lambda *_, **__: pytest.fail("the patient was made again"))
    code, out, err = run(["demo", "--output", folder], capfd)
    assert code == 0, err
    assert "mean" in out and "P2SAM" in out and str(folder / "followup2" / "report.html") in out
    assert (folder / "patient" / "prior_ct.nrrd").stat().st_mtime_ns == patient
    assert (folder / "followup1" / "report.html").stat().st_mtime_ns > report
