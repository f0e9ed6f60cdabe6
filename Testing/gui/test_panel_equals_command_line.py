"""The panel and the command line give the same voxels, on the computed patient."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import slicer
from panel_driver import PanelDriver, reviews
from P2SAMSlicerLib import MRMLReview
from P2SAMSlicerLib.MRMLSegments import readMask

MODULE = Path(__file__).resolve().parents[2] / "P2SAMSlicer"
SCALE, STRUCTURES = 2.5, ("GTV", "Spinal cord")
FILES = {"--prior": "prior_ct.nrrd", "--segmentation": "prior.seg.nrrd", "--followup": "followup1_ct.nrrd"}


@pytest.fixture
def panel(module, wait):
    driver = PanelDriver(module, wait)
    driver.ui.visitsButton.collapsed = driver.ui.modelButton.collapsed = False
    yield driver
    module.panel.logic.shutdown()


def commandLine(folder, output):
    """The segmentation that `p2sam propagate` writes for these files."""
    options = [part for name, file in FILES.items() for part in (name, str(folder / file))]
    options += [part for name in STRUCTURES for part in ("--structure", name)]
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


def test_the_panel_draws_what_the_command_line_draws_voxel_for_voxel(panel, scene, tmp_path):
    nodes = panel.panel.logic.loadSample(folder=tmp_path / "patient", scale=SCALE)
    followup = nodes["followups"][0]
    panel.settle()
    panel.ui.priorVolumeSelector.setCurrentNode(nodes["priorVolume"])
    panel.ui.priorSegmentationSelector.setCurrentNode(nodes["priorSegmentation"])
    panel.click(panel.ui.noSegmentsButton)
    for name in STRUCTURES:
        panel.tickStructure(name)
    panel.tickFollowup(followup)
    panel.propagate()
    panel.finish()
    (review,) = reviews()
    assert MRMLReview.load(review).complete
    written = loaded(commandLine(tmp_path / "patient", tmp_path / "output"))
    for name in STRUCTURES:
        byPanel = readMask(MRMLReview.reference(review, "segmentation"), MRMLReview.load(review).structure(name).segmentId, followup)
        byCommandLine = readMask(written, written.GetSegmentation().GetSegmentIdBySegmentName(name), followup)
        assert np.array_equal(byPanel, byCommandLine) and byPanel.sum() > 50, name
