"""The panel and the command line give the same voxels, on the computed patient and on the real one."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import slicer
from panel_driver import PanelDriver, reviews
from p2sam.files.images import read_volume
from p2sam.files.segmentations import read_segmentation
from P2SAMSlicerLib import MRMLReview
from P2SAMSlicerLib.MRMLSegmentations import addSegment, createResult
from P2SAMSlicerLib.MRMLSegments import readMask, writeSegment
from phantom_scene import add_volume

MODULE = Path(__file__).resolve().parents[2] / "P2SAMSlicer"
SCALE, STRUCTURES = 2.5, ("GTV", "Spinal cord")
FILES = {"--prior": "prior_ct.nrrd", "--segmentation": "prior.seg.nrrd", "--followup": "followup1_ct.nrrd"}


@pytest.fixture
def panel(module, wait):
    driver = PanelDriver(module, wait)
    driver.ui.visitsButton.collapsed = driver.ui.modelButton.collapsed = False
    yield driver
    module.panel.logic.shutdown()


def commandLine(files, structures, output, *more):
    """The segmentation that `p2sam propagate` writes for these files."""
    options = [str(part) for name, file in files.items() for part in (name, file)] + list(more)
    options += [part for name in structures for part in ("--structure", name)]
    arguments = [sys.executable, "-m", "p2sam", "propagate", *options, "--output", str(output)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=600, cwd=MODULE)
    assert done.returncode == 0, done.stderr
    (found,) = output.rglob("segmentation.seg.nrrd")
    return found


def loaded(path):
    """Read by Slicer's own storage node."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "command line")
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    return node


def byPanel(panel, prior, segmentation, followup, structures):
    """The review of a run from the panel, with everything chosen as a person chooses it."""
    panel.settle()
    panel.ui.priorVolumeSelector.setCurrentNode(prior)
    panel.ui.priorSegmentationSelector.setCurrentNode(segmentation)
    panel.click(panel.ui.noSegmentsButton)
    for name in structures:
        panel.tickStructure(name)
    panel.tickFollowup(followup)
    panel.propagate()
    panel.finish()
    (review,) = reviews()
    assert MRMLReview.load(review).complete
    return review


def requireEqual(review, written, followup, structures, least):
    for name in structures:
        shown = readMask(MRMLReview.reference(review, "segmentation"), MRMLReview.load(review).structure(name).segmentId, followup)
        onDisk = readMask(written, written.GetSegmentation().GetSegmentIdBySegmentName(name), followup)
        assert np.array_equal(shown, onDisk) and shown.sum() > least, name


def test_the_panel_draws_what_the_command_line_draws_voxel_for_voxel(panel, scene, tmp_path):
    nodes = panel.panel.logic.loadSample(folder=tmp_path / "patient", scale=SCALE)
    followup = nodes["followups"][0]
    review = byPanel(panel, nodes["priorVolume"], nodes["priorSegmentation"], followup, STRUCTURES)
    files = {name: tmp_path / "patient" / file for name, file in FILES.items()}
    requireEqual(review, loaded(commandLine(files, STRUCTURES, tmp_path / "output")), followup, STRUCTURES, 50)


@pytest.mark.real
def test_the_real_case_runs_from_the_panel_and_gives_the_command_lines_voxels(panel, scene, shared_data, tmp_path):
    """DICOM and RTSTRUCT of the first visit, and the second. Rigid: deformable takes longer, and the comparison does not depend on it."""
    case, later = shared_data / "lung1-001", shared_data / "lung1-001-followups" / "visit2_ct.nrrd"
    files, structures = {"--prior": case / "ct", "--segmentation": case / "rtstruct", "--followup": later}, ("GTV-1", "Spinal-Cord")
    prior, followup = read_volume(files["--prior"]), read_volume(later)
    contours = read_segmentation(files["--segmentation"], prior, structures)
    priorNode, followupNode = (add_volume(scene, name, one.array, one.ijk_to_ras) for name, one in (("visit 1", prior), ("visit 2", followup)))
    segmentation = createResult(scene, priorNode)
    for one in contours.segments:
        writeSegment(segmentation, addSegment(segmentation, priorNode, one.name, colorRgb=one.color_rgb), one.mask, priorNode)
    panel.panel.parameterNode.alignment = "rigid"
    review = byPanel(panel, priorNode, segmentation, followupNode, structures)
    written = loaded(commandLine(files, structures, tmp_path / "output", "--alignment", "rigid"))
    requireEqual(review, written, followupNode, structures, 1000)
