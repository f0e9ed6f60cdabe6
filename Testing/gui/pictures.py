"""The pictures of the README, from the computed patient, driven as a person would: `python Testing/gui/pictures.py docs/images`."""

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from application_kind import MODULE, standIn  # noqa: E402 - the folders must be on the path first

SIZE = (1440, 960)
STRUCTURE, STRUCTURES = "GTV", ("GTV", "Heart", "Spinal cord")


class Pictures:
    """Takes pictures of the main window.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder):
        reason = standIn()
        if reason:
            sys.exit(reason)
        import qt
        import runtime
        import slicer

        self.qt, self.slicer, self.folder = qt, slicer, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.window = slicer.util.mainWindow()
        self.window.resize(*SIZE)
        self.window.show()
        runtime.load_module(MODULE)
        slicer.util.selectModule("P2SAMSlicer")
        self.panel = slicer.util.getModuleWidget("P2SAMSlicer").panel
        self.ui, self.reviewUi = self.panel.ui, self.panel.reviewUi
        self.settle()

    def settle(self, seconds=0.3):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.slicer.app.processEvents()

    def wait(self, condition, what, seconds=600):
        end = time.monotonic() + seconds
        while not condition():
            self.slicer.app.processEvents()
            time.sleep(0.005)
            if time.monotonic() > end:
                sys.exit(f"{what} did not come within {seconds} s")
        self.settle()

    def take(self, name):
        self.slicer.util.forceRenderAllViews()
        self.settle()
        path = self.folder / f"{name}.png"
        if not self.window.grab().save(str(path)):
            sys.exit(f"{path} could not be written")
        print(path, flush=True)

    def open(self, *buttons):
        """Of the sections of the panel leave these open, and scroll to the first."""
        every = {self.ui: ("visitsButton", "modelButton", "settingsButton"), self.reviewUi: ("reviewCollapsibleButton", "correctCollapsibleButton", "reportCollapsibleButton")}
        for ui, names in every.items():
            for name in names:
                getattr(ui, name).collapsed = name not in buttons
        self.settle()

    def atRest(self):
        self.ui.sampleButton.click()
        self.wait(lambda: self.panel.whyNot() is None and not self.panel.logic.running, "the sample patient")
        names = self.ui.segmentsList
        for number in range(names.count):
            if names.item(number).text() not in STRUCTURES:
                names.item(number).setCheckState(self.qt.Qt.Unchecked)
        self.open("visitsButton", "modelButton")
        self.wait(lambda: "About" in self.ui.estimateLabel.text, "the estimate")
        self.take("panel-rest")

    def duringARun(self):
        self.ui.propagateButton.click()
        self.wait(lambda: f"{STRUCTURE}" in self.ui.progressLabel.text and "drawing" in self.ui.progressLabel.text, "the drawing")
        self.settle(1.5)
        self.take("panel-running")
        self.wait(lambda: not self.panel.runPanel.running and not self.panel.logic.running, "the end of the run")

    def inReview(self):
        self.open("reviewCollapsibleButton")
        review = self.panel.reviewPanels.review
        self.node, self.index, self.target = self._worthCorrecting()
        self.reviewUi.reviewerLineEdit.setText("Dr Adams")
        for key in review.table.keys[:2]:
            review.select(review.logic.scene.GetNodeByID(key[0]), *key[1:])
            self.reviewUi.acceptButton.click()
            self.settle()
        review.select(self.node, STRUCTURE, self.index)
        self.take("panel-review")

    def corrected(self):
        from P2SAMSlicerLib.ReviewNodes import ReviewNodes

        self.open("reviewCollapsibleButton", "correctCollapsibleButton")
        self.reviewUi.unlockButton.setChecked(True)
        self.settle()
        positive = ReviewNodes(self.node).lists(STRUCTURE)[0]
        rows = [row for row in range(positive.GetNumberOfControlPoints()) if positive.GetNthControlPointLabel(row).endswith(f" {self.index}")]
        positive.SetNthControlPointPositionWorld(rows[0], *self.target)
        self.wait(lambda: not self.panel.reviewPanels.correct.redraws.isBusy and not self.panel.logic.running, "the slice drawn again")
        self.reviewUi.pointTable.selectRow(0)
        self.take("panel-corrected")

    def report(self):
        self.open("reportCollapsibleButton")
        self.reviewUi.chartButton.click()
        self.reviewUi.referenceSelector.setCurrentNode(self._truth())
        self.settle()
        self.reviewUi.compareButton.click()
        self.wait(lambda: not self.panel.logic.running, "the comparison")
        self.take("panel-report")

    def _truth(self):
        """The right answer for the first follow-up."""
        every = self.slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
        return next(node for node in every if "followup1" in node.GetName() and "truth" in node.GetName())

    def _worthCorrecting(self):
        """(review of the first visit, the slice with a positive point on which most of the structure was missed, RAS in what was missed)."""
        import numpy as np
        from P2SAMSlicerLib import MRMLReview
        from P2SAMSlicerLib.MRMLSegments import readMask
        from P2SAMSlicerLib.MRMLVolumes import volumeOf

        node = MRMLReview.findAll(self.slicer.mrmlScene)[0]
        review, followup, truth = MRMLReview.load(node), MRMLReview.reference(node, "followup"), self._truth()
        structure = review.structure(STRUCTURE)
        right = readMask(truth, truth.GetSegmentation().GetSegmentIdBySegmentName(STRUCTURE), followup)
        missed = np.moveaxis(right & ~readMask(MRMLReview.reference(node, "segmentation"), structure.segmentId, followup), review.sliceAxis, 0)
        index = max((one for one in structure.slices if any(point["label"] == 1 for point in structure.slices[one].points)), key=lambda one: missed[one].sum())
        places = np.argwhere(missed[index])
        place = places[np.argmin(np.linalg.norm(places - places.mean(axis=0), axis=1))]
        kji = np.insert(place, review.sliceAxis, index)
        return node, index, (volumeOf(followup)[1] @ [*kji[::-1], 1.0])[:3]


def main():
    if len(sys.argv) != 2:
        sys.exit("Usage: python Testing/gui/pictures.py FOLDER")
    pictures = Pictures(Path(sys.argv[1]))
    try:
        for step in (pictures.atRest, pictures.duringARun, pictures.inReview, pictures.corrected, pictures.report):
            step()
    finally:
        pictures.panel.logic.shutdown()


if __name__ == "__main__":
    main()
