"""The self-tests for a real Slicer run in the stand-in too, each by itself."""

import sys
import unittest
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "slicer"))
NAMES = [
    "LogicTest.test_aCancelledRunKeepsTheSlicesDone",
    "LogicTest.test_aFollowupIsSegmentedLikeTheTruth",
    "LogicTest.test_aPointPutElsewhereDrawsTheSliceAgainAndResetTakesItBack",
    "LogicTest.test_anAcceptedSliceStaysBitForBit",
    "LogicTest.test_theSegmentKeepsNameAndColourAndThePointsLieOnTheirSlices",
    "PanelTest.test_thePanelOpensOnAnEmptySceneAndSaysWhyItCannotRun",
    "PanelTest.test_thePanelRunsFromTheSamplePatientToTheReview",
]


@pytest.fixture(scope="module")
def workers():
    """The worker that the logics of these tests share, as starting one takes seconds; ended after the last."""
    made = []
    yield made
    for worker in made:
        worker.shutdown()


@pytest.fixture
def sharedWorker(module, workers, monkeypatch):
    import P2SAMSlicer

    class Sharing(P2SAMSlicer.P2SAMSlicerLogic):
        def __init__(self):
            super().__init__()
            self.worker = workers[0] if workers else self.worker
            workers[:] = [self.worker]

        def shutdown(self):
            if self.running:
                super().shutdown()

    monkeypatch.setattr(P2SAMSlicer, "P2SAMSlicerLogic", Sharing)


@pytest.mark.parametrize("name", NAMES)
def test_a_self_test_passes(name, scene, module, sharedWorker, printed):
    suite = unittest.defaultTestLoader.loadTestsFromName(f"P2SAMSlicerSelfTests.{name}")
    result = unittest.TestResult()
    suite.run(result)
    assert result.testsRun == 1 and not result.skipped
    assert result.wasSuccessful(), "\n".join(trace for _, trace in [*result.failures, *result.errors])
