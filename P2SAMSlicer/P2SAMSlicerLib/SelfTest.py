"""What the module's self-tests do inside the application: real nodes, the real worker, the built-in model, no network."""

import sys
import tempfile

import slicer

SCALE = 3.0
"""Voxel size of the computed patient as a multiple of the usual: made and segmented in seconds."""
STRUCTURE = "Heart"


def propagateThePhantom(test, logic):
    """One structure is carried from the prior to a follow-up, in a process of its own."""
    try:
        with tempfile.TemporaryDirectory(prefix="p2sam-test-") as folder:
            nodes = logic.loadSample(folder=folder, scale=SCALE)
        segmentation = nodes["priorSegmentation"]
        segmentId = segmentation.GetSegmentation().GetSegmentIdBySegmentName(STRUCTURE)
        (review,) = logic.propagate(nodes["priorVolume"], segmentation, nodes["followups"][:1], segments=[segmentId])
        drawn = review.GetNodeReference("P2SAM.segmentation")
        found = slicer.util.arrayFromSegmentBinaryLabelmap(drawn, drawn.GetSegmentation().GetNthSegmentID(0), nodes["followups"][0])
        test.assertGreater(int(found.sum()), 100)
        test.assertEqual(drawn.GetSegmentation().GetNthSegment(0).GetName(), STRUCTURE)
        test.assertNotIn("torch", sys.modules)
    finally:
        logic.shutdown()


def openThePanel(test):
    """The panel opens without data, installs nothing, and says why it cannot run."""
    slicer.util.selectModule("P2SAMSlicer")
    panel = slicer.modules.P2SAMSlicerWidget.panel
    test.assertFalse(panel.ui.propagateButton.enabled)
    test.assertTrue(panel.ui.propagateButton.toolTip)
    test.assertNotIn("torch", sys.modules)
