"""The real patient: DICOM CT and RTSTRUCT of the first visit, a follow-up, in the scene and on the command line."""

import numpy as np
import pytest
from segment_scene import add_shared, add_volume
from visit_scene import makeLogic, masksOf

from p2sam.cli import main
from p2sam.files.images import read_volume
from p2sam.files.segmentations import read_segmentation
from P2SAMSlicerLib import MRMLReview

STRUCTURES = ("GTV-1", "Spinal-Cord")
ALIGNMENT = "rigid"
"""Deformable alignment takes minutes on such scans, and what is compared here does not depend on it."""


@pytest.fixture
def files(shared_data):
    case, followups = shared_data / "lung1-001", shared_data / "lung1-001-followups"
    return {"prior": case / "ct", "segmentation": case / "rtstruct", "followup": followups / "visit2_ct.nrrd"}


def byCommandLine(files, output, followup):
    options = [str(part) for name, path in files.items() for part in (f"--{name}", path)]
    options += [part for name in STRUCTURES for part in ("--structure", name)]
    assert main(["propagate", *options, "--alignment", ALIGNMENT, "--output", str(output)]) == 0
    (path,) = output.rglob("segmentation.seg.nrrd")
    return {one.name: one.mask for one in read_segmentation(path, followup).segments}


def inTheScene(scene, prior, segmentation, followup):
    volume = add_volume(scene, prior.ijk_to_ras, name="visit 1", array=prior.array)
    masks = {f"Segment_{number}": one.mask for number, one in enumerate(segmentation.segments, 1)}
    contours = add_shared(scene, volume, masks, "contours")
    for number, one in enumerate(segmentation.segments, 1):
        contours.GetSegmentation().GetSegment(f"Segment_{number}").SetName(one.name)
    return volume, contours, add_volume(scene, followup.ijk_to_ras, name="visit 2", array=followup.array)


@pytest.mark.real
def test_a_real_case_gives_the_command_lines_voxels(scene, files, tmp_path):
    prior, followup = read_volume(files["prior"]), read_volume(files["followup"])
    segmentation = read_segmentation(files["segmentation"], prior, STRUCTURES)
    wanted = byCommandLine(files, tmp_path / "output", followup)
    logic = makeLogic(scene)
    try:
        volume, contours, later = inTheScene(scene, prior, segmentation, followup)
        (node,) = logic.propagate(volume, contours, later, settings={"alignment": ALIGNMENT})
        assert MRMLReview.load(node).complete
        found = masksOf(logic, node)
    finally:
        logic.shutdown()
    assert set(found) == set(wanted) == set(STRUCTURES)
    for name, mask in wanted.items():
        assert np.array_equal(found[name], mask) and mask.sum() > 1000, name
