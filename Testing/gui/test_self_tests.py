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


@pytest.mark.parametrize("name", NAMES)
def test_a_self_test_passes(name, scene, module, printed):
    suite = unittest.defaultTestLoader.loadTestsFromName(f"P2SAMSlicerSelfTests.{name}")
    result = unittest.TestResult()
    suite.run(result)
    assert result.testsRun == 1 and not result.skipped
    assert result.wasSuccessful(), "\n".join(trace for _, trace in [*result.failures, *result.errors])
