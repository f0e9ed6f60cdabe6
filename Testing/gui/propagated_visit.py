"""A visit propagated for real, shown in the panels: real worker, grids that are oblique, flipped, anisotropic and not square."""

import sys
from pathlib import Path

import qt
import slicer
from review_panels import OpenedPanels

sys.path.append(str(Path(__file__).resolve().parents[1] / "mrml"))
from visit_scene import SETTINGS, Patient  # noqa: E402

from P2SAMSlicerLib import MRMLReview  # noqa: E402
from P2SAMSlicerLib.Logic import Logic  # noqa: E402
from P2SAMSlicerLib.MRMLSegments import readMask, readSlice  # noqa: E402
from P2SAMSlicerLib.ReviewNodes import ReviewNodes  # noqa: E402
from P2SAMSlicerLib.WorkerProcess import WorkerProcess  # noqa: E402


def makeLogic():
    """A logic on Slicer's scene, with the process that Slicer uses."""
    return Logic(slicer.mrmlScene, WorkerProcess, later=lambda action: qt.QTimer.singleShot(0, action))


class Visit:
    """A propagated visit in the panels, at the middle of the larger structure."""

    def __init__(self, logic):
        slicer.mrmlScene.Clear(0)
        self.logic = logic
        self.patient = Patient(slicer.mrmlScene)
        (self.node,) = logic.propagate(self.patient.prior, self.patient.segmentation, self.patient.followup, settings=SETTINGS)
        self.opened = OpenedPanels(logic)
        self.ui = self.opened.ui
        self.ui.correctCollapsibleButton.collapsed = False
        review = MRMLReview.load(self.node)
        self.axis = review.sliceAxis
        drawn = sorted(index for index, one in review.structure("mass").slices.items() if one.areaMm2 > 200)
        self.index = drawn[len(drawn) // 2]
        self.others = drawn
        self.opened.panels.review.select(self.node, "mass", self.index)
        self.opened.settle()

    @property
    def nodes(self):
        return ReviewNodes(self.node)

    @property
    def lists(self):
        return self.nodes.lists("mass")

    @property
    def segment(self):
        return MRMLReview.load(self.node).structure("mass").segmentId

    def mask(self):
        return readMask(self.nodes.segmentation, self.segment, self.patient.followup).astype(bool)

    def slice(self, index=None):
        return readSlice(self.nodes.segmentation, self.segment, self.patient.followup, self.index if index is None else index, self.axis).astype(bool)

    def status(self, index=None):
        return MRMLReview.load(self.node).slice("mass", self.index if index is None else index).status

    def wait(self):
        self.opened.wait_until(lambda: not self.opened.panels.correct.redraws.isBusy and not self.logic.running)

    def rows_on_slice(self, which=0):
        return [row for row in range(self.lists[which].GetNumberOfControlPoints()) if self.lists[which].GetNthControlPointLabel(row).endswith(f" {self.index}")]
