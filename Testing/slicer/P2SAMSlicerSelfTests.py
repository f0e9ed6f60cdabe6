"""Self-tests for a real 3D Slicer: the panel, the worker and the built-in model on the computed patient. No network.

    Slicer --testing --no-splash --additional-module-paths P2SAMSlicer \
           --python-code "import slicer.testing; slicer.testing.runUnitTest(['Testing/slicer'], 'P2SAMSlicerSelfTests')"

Each test starts from an empty scene, so that any order and any choice of them will do. A Slicer that lacks scikit-learn or POT skips
what needs the model, and says so: nothing is installed in testing mode.
"""

import importlib.util
import sys
import tempfile
import time
import unittest
from pathlib import Path

import numpy as np
import slicer

PACKAGES = ("sklearn", "ot", "threadpoolctl")
MISSING = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
SCALE = 3.0
"""Voxel size of the computed patient as a multiple of the usual: segmented in seconds."""
PATIENCE_SECONDS = 240.0

needsModel = unittest.skipIf(MISSING, f"the packages {', '.join(MISSING)} are not installed in this Slicer")


class ModuleTest(unittest.TestCase):
    """An empty scene and a logic of its own for each test; torch is never imported."""

    def setUp(self):
        from P2SAMSlicer import P2SAMSlicerLogic

        slicer.mrmlScene.Clear()
        self.hadTorch = "torch" in sys.modules
        self.logic = P2SAMSlicerLogic()

    def tearDown(self):
        self.logic.shutdown()
        slicer.mrmlScene.Clear()
        self.assertEqual("torch" in sys.modules, self.hadTorch)

    def sample(self):
        with tempfile.TemporaryDirectory(prefix="p2sam-test-") as folder:
            return self.logic.loadSample(folder=folder, scale=SCALE)

    def propagated(self):
        """(review node, segmentation node, follow-up) of the tumour on the first follow-up."""
        sample = self.sample()
        (review,) = self.logic.propagate(sample["priorVolume"], sample["priorSegmentation"], sample["followups"][:1], segments=["GTV"])
        return review, review.GetNodeReference("P2SAM.segmentation"), sample["followups"][0]

    def mask(self, segmentation, followup):
        return slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segmentation.GetSegmentation().GetNthSegmentID(0), followup)


@needsModel
class LogicTest(ModuleTest):
    def test_aFollowupIsSegmentedLikeTheTruth(self):
        sample = self.sample()
        (review,) = self.logic.propagate(sample["priorVolume"], sample["priorSegmentation"], sample["followups"][:1], segments=["GTV"])
        found = self.mask(review.GetNodeReference("P2SAM.segmentation"), sample["followups"][0]) > 0
        truth = sample["truths"][0]
        known = slicer.util.arrayFromSegmentBinaryLabelmap(truth, truth.GetSegmentation().GetSegmentIdBySegmentName("GTV"), sample["followups"][0]) > 0
        dice = 2 * np.count_nonzero(found & known) / (np.count_nonzero(found) + np.count_nonzero(known))
        self.assertGreater(dice, 0.8)

    def test_theSegmentKeepsNameAndColourAndThePointsLieOnTheirSlices(self):
        sample = self.sample()
        (review,) = self.logic.propagate(sample["priorVolume"], sample["priorSegmentation"], sample["followups"][:1], segments=["GTV"])
        segment = review.GetNodeReference("P2SAM.segmentation").GetSegmentation().GetNthSegment(0)
        prior = sample["priorSegmentation"].GetSegmentation()
        self.assertEqual(segment.GetName(), "GTV")
        np.testing.assert_allclose(segment.GetColor(), prior.GetSegment(prior.GetSegmentIdBySegmentName("GTV")).GetColor())
        positive = review.GetNthNodeReference("P2SAM.positive", 0)
        self.assertGreater(positive.GetNumberOfControlPoints(), 0)
        toIjk = np.linalg.inv(slicer.util.arrayFromVTKMatrix(self.toRas(sample["followups"][0])))
        slices = self.logic.review(review).structure("GTV").slices
        for n in range(positive.GetNumberOfControlPoints()):
            k = (toIjk @ [*positive.GetNthControlPointPositionWorld(n), 1])[2]
            self.assertAlmostEqual(k, round(k), places=3)
            self.assertIn(round(k), slices)

    def test_anAcceptedSliceStaysBitForBit(self):
        review, segmentation, followup = self.propagated()
        row = self.logic.review(review).worstFirst()[0]
        accepted = self.mask(segmentation, followup)[row.slice.index].copy()
        self.logic.acceptSlice(review, "GTV", row.slice.index, reviewer="self-test")
        self.logic.propagateAgain(review)
        np.testing.assert_array_equal(self.mask(segmentation, followup)[row.slice.index], accepted)
        self.assertEqual(self.logic.review(review).slice("GTV", row.slice.index).status, "accepted")

    def test_aPointPutElsewhereDrawsTheSliceAgainAndResetTakesItBack(self):
        review, segmentation, followup = self.propagated()
        masks = self.mask(segmentation, followup)
        index = int(masks.sum(axis=(1, 2)).argmax())
        before = masks[index].copy()
        toRas = slicer.util.arrayFromVTKMatrix(self.toRas(followup))
        positive, negative = (review.GetNthNodeReference(role, 0) for role in ("P2SAM.positive", "P2SAM.negative"))
        points = np.array([positive.GetNthControlPointPositionWorld(n) for n in range(positive.GetNumberOfControlPoints())])
        pixels = np.argwhere(before)
        places = np.column_stack([pixels[:, ::-1], np.full(len(pixels), index), np.ones(len(pixels))]) @ toRas[:3].T
        farthest = np.linalg.norm(places[:, None] - points[None], axis=2).min(axis=1).argmax()
        negative.AddControlPointWorld(*places[farthest])
        self.logic.redrawSlice(review, "GTV", index)
        after = self.mask(segmentation, followup)[index]
        self.assertEqual(after[tuple(pixels[farthest])], 0)
        self.logic.resetSlice(review, "GTV", index)
        np.testing.assert_array_equal(self.mask(segmentation, followup)[index], before)

    def test_aSceneThatIsSavedAndLoadedHasTheSameReview(self):
        review, segmentation, followup = self.propagated()
        index = self.logic.review(review).worstFirst()[0].slice.index
        self.logic.flagSlice(review, "GTV", index, reviewer="self-test", note="look again")
        rows, voxels = self.rows(review), int(self.mask(segmentation, followup).sum())
        points = review.GetNthNodeReference("P2SAM.positive", 0).GetNumberOfControlPoints()
        with tempfile.TemporaryDirectory(prefix="p2sam-test-") as folder:
            path = str(Path(folder) / "visit.mrb")
            self.assertTrue(slicer.util.saveScene(path))
            slicer.mrmlScene.Clear()
            self.assertTrue(slicer.util.loadScene(path))
        (loaded,) = self.logic.visits()
        self.assertEqual(self.rows(loaded), rows)
        found = self.mask(loaded.GetNodeReference("P2SAM.segmentation"), loaded.GetNodeReference("P2SAM.followup"))
        self.assertEqual(int(found.sum()), voxels)
        self.assertEqual(loaded.GetNthNodeReference("P2SAM.positive", 0).GetNumberOfControlPoints(), points)

    def test_aCancelledRunKeepsTheSlicesDone(self):
        sample, drawn = self.sample(), []

        class Observer:
            onSlice = staticmethod(lambda visit, structure, index: drawn.append((structure, index)))

            def __getattr__(self, name):
                return lambda *told: None

        run = self.logic.propagate(
            sample["priorVolume"], sample["priorSegmentation"], sample["followups"], segments=["GTV", "Heart"], wait=False, observer=Observer()
        )
        self.until(lambda: len(drawn) >= 3 or run.finished)
        self.logic.cancel()
        self.until(lambda: run.finished)
        self.assertEqual(run.status, "cancelled")
        (visit,) = self.logic.visits()  # the second follow-up was not begun
        structures = self.logic.review(visit).structures
        self.assertLessEqual(set(drawn), {(one.name, index) for one in structures for index in one.slices})
        self.assertFalse(self.logic.running)

    def rows(self, review):
        return [(row.structure, row.slice.index, row.slice.distance, row.slice.status, row.slice.note) for row in self.logic.review(review).worstFirst()]

    def toRas(self, volume):
        import vtk

        matrix = vtk.vtkMatrix4x4()
        volume.GetIJKToRASMatrix(matrix)
        return matrix

    def until(self, condition):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            self.assertLess(time.monotonic(), deadline, "it took too long")
            self.logic.flush()
            slicer.app.processEvents()
            time.sleep(0.01)


class PanelTest(ModuleTest):
    def panel(self):
        slicer.util.selectModule("P2SAMSlicer")
        return slicer.modules.P2SAMSlicerWidget.panel

    def test_thePanelOpensOnAnEmptySceneAndSaysWhyItCannotRun(self):
        panel = self.panel()
        self.assertFalse(panel.ui.propagateButton.enabled)
        self.assertTrue(panel.ui.propagateButton.toolTip)
        self.assertIsNone(panel.parameterNode.priorVolume)

    @needsModel
    def test_thePanelRunsFromTheSamplePatientToTheReview(self):
        panel = self.panel()
        sample, node = self.sample(), panel.parameterNode
        node.priorVolume, node.priorSegmentation = sample["priorVolume"], sample["priorSegmentation"]
        node.followups = sample["followups"][:1]
        slicer.app.processEvents()
        node.priorSegmentIds = [sample["priorSegmentation"].GetSegmentation().GetSegmentIdBySegmentName("GTV")]
        self.until(lambda: panel.ui.propagateButton.enabled)
        panel.ui.propagateButton.click()
        self.until(lambda: panel.logic.visits() and not panel.logic.running and panel.isSettled)
        review = panel.logic.review(panel.logic.visits()[0])
        drawn = sum(len(structure.slices) for structure in review.structures)
        self.assertGreater(drawn, 5)
        self.until(lambda: panel.reviewUi.sliceTable.rowCount == drawn)  # filled in parts
        slicer.mrmlScene.Clear()
        slicer.app.processEvents()
        self.assertFalse(panel.ui.propagateButton.enabled)

    def test_theModuleIsReloadedWithItsPackages(self):
        self.panel()
        slicer.modules.P2SAMSlicerWidget.onReload()
        self.assertFalse(self.panel().ui.propagateButton.enabled)

    def until(self, condition):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            self.assertLess(time.monotonic(), deadline, "it took too long")
            slicer.app.processEvents()
            time.sleep(0.01)
