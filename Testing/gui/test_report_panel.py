"""Report on a propagated visit: its figures are the engine's, and what leaves the scene is what is in it."""

import csv

import numpy as np
import pytest
import slicer
from propagated_visit import Visit, makeLogic

from p2sam.metrics import compute
from P2SAMSlicerLib import MRMLReview
from P2SAMSlicerLib.MRMLSegments import readMask
from P2SAMSlicerLib.MRMLSegmentExport import exportSegments
from P2SAMSlicerLib.MRMLVolumes import volumeOf


@pytest.fixture(scope="module")
def logic(application):
    logic = makeLogic()
    yield logic
    logic.shutdown()


@pytest.fixture
def visit(logic):
    visit = Visit(logic)
    visit.ui.reportCollapsibleButton.collapsed = False
    yield visit
    visit.opened.close()


def shown(table):
    return [[table.item(row, column).text() if table.item(row, column) is not None else "" for column in range(table.columnCount)] for row in range(table.rowCount)]


def test_the_figures_are_those_of_the_voxels(visit):
    _array, matrix = volumeOf(visit.patient.followup)
    rows = {row[1]: row for row in shown(visit.ui.reportTable)}
    review = MRMLReview.load(visit.node)
    for structure in review.structures:
        mask = readMask(visit.nodes.segmentation, structure.segmentId, visit.patient.followup)
        volume = mask.sum() * abs(np.linalg.det(np.asarray(matrix)[:3, :3])) / 1000
        assert float(rows[structure.name][2]) == pytest.approx(volume, abs=0.051)
        change = 100 * (structure.volumeMl / structure.priorVolumeMl - 1)
        assert rows[structure.name][3].replace("−", "-") == f"{change:+.0f} %"
        assert float(rows[structure.name][4]) == pytest.approx(structure.centroidShiftMm, abs=0.051)


def test_the_shift_says_what_it_is_measured_from(visit):
    header = visit.ui.reportTable.horizontalHeaderItem(4)
    assert header.text().replace("\n", " ") == "Shift to aligned prior (mm)" and "not the shift in the patient" in header.toolTip()


def test_statuses_are_counted_as_they_are_given(visit):
    visit.ui.reviewerLineEdit.setText("Dr Baker")
    visit.ui.acceptButton.click()
    visit.opened.panels.review.select(visit.node, "mass", visit.others[0])
    visit.ui.flagButton.click()
    visit.opened.settle()
    rows = {row[1]: row for row in shown(visit.ui.reportTable)}
    slices = MRMLReview.load(visit.node).counts("mass")["slices"]
    assert rows["mass"][5] == f"2 / {slices}" and rows["mass"][6] == "Flagged" and rows["nodule"][6] == "Not started"
    visit.ui.reportTable.selectRow([row[1] for row in shown(visit.ui.reportTable)].index("mass"))
    text = visit.ui.reportLabel.text
    assert "Slices of mass: 1 accepted, 0 edited, 1 flagged" in text and "Dr Baker" in text


def test_the_comparison_is_the_engines_and_needs_a_named_reference(visit):
    assert not visit.ui.compareButton.enabled and visit.ui.compareTable.isHidden()
    visit.ui.referenceSelector.setCurrentNode(visit.patient.segmentation)
    visit.opened.settle()
    assert [box for box in visit.opened.panels.report.compare.pairs()] == ["mass", "nodule"]
    visit.ui.compareButton.click()
    visit.opened.wait_until(lambda: not visit.logic.running)
    rows = {row[0]: row for row in shown(visit.ui.compareTable)}
    (truth,) = exportSegments(visit.patient.segmentation, visit.patient.followup, ["Segment_1"])
    wanted = compute(np.asarray(truth["mask"], bool), visit.mask(), np.asarray(volumeOf(visit.patient.followup)[1]))
    assert float(rows["mass"][2]) == pytest.approx(wanted.dice, abs=5e-4)
    assert float(rows["mass"][3]) == pytest.approx(wanted.surface_dice, abs=5e-4)
    assert float(rows["mass"][4].split()[0]) == pytest.approx(wanted.hd95_mm, abs=0.051)
    assert float(rows["mass"][5].split()[0]) == pytest.approx(wanted.mean_surface_mm, abs=0.0051)
    assert f"({wanted.tolerance_mm:g} mm)" in visit.ui.compareTable.horizontalHeaderItem(3).text()
    table = MRMLReview.reference(visit.node, "metrics")
    columns = {table.GetTable().GetColumnName(n): table.GetTable().GetColumn(n) for n in range(table.GetTable().GetNumberOfColumns())}
    assert columns["structure"].GetValue(0) == "mass" and columns["dice"].GetValue(0) == pytest.approx(wanted.dice, abs=1e-6)
    assert columns["Reference"].GetValue(0) == visit.patient.segmentation.GetName() and table.GetName() in visit.ui.exportLabel.text
    visit.ui.compareButton.click()
    visit.opened.wait_until(lambda: not visit.logic.running)
    assert MRMLReview.reference(visit.node, "metrics") is table
    MRMLReview.removeOurs(visit.node)
    assert table.GetScene() is None


def test_a_structure_can_be_left_out_of_the_comparison(visit):
    visit.ui.referenceSelector.setCurrentNode(visit.patient.segmentation)
    visit.opened.settle()
    visit.ui.compareTable.cellWidget(1, 1).setCurrentIndex(0)
    visit.ui.compareButton.click()
    visit.opened.wait_until(lambda: not visit.logic.running)
    assert shown(visit.ui.compareTable)[0][2] and not shown(visit.ui.compareTable)[1][2]


def test_the_report_is_written_beside_tables_and_contours(visit, tmp_path, dialogs):
    visit.ui.acceptButton.click()
    visit.ui.folderEdit.currentPath = str(tmp_path)
    visit.ui.exportButton.click()
    visit.opened.wait_until(lambda: not visit.logic.running)
    folder = tmp_path / MRMLReview.load(visit.node).name
    assert folder.is_dir() and str(folder) in visit.ui.exportLabel.text
    assert any("research use" in path.read_text(encoding="utf-8").casefold() for path in folder.glob("*.html"))
    tables = {path.name: list(csv.DictReader(path.open(encoding="utf-8-sig"))) for path in folder.glob("*.csv")}
    assert tables and sum(len(rows) for rows in tables.values()) > 10
    dialogs.expect("confirmOkCancelDisplay", True)
    visit.ui.exportButton.click()
    visit.opened.wait_until(lambda: not visit.logic.running)
    assert "The report is in" in visit.ui.exportLabel.text


def test_the_written_report_has_the_comparison_with_the_reference_that_is_chosen(visit, tmp_path):
    visit.ui.referenceSelector.setCurrentNode(visit.patient.segmentation)
    visit.opened.settle()
    visit.ui.compareTable.cellWidget(1, 1).setCurrentIndex(0)
    visit.ui.folderEdit.currentPath = str(tmp_path)
    visit.ui.exportButton.click()
    visit.opened.wait_until(lambda: not visit.logic.running)
    rows = list(csv.DictReader((tmp_path / MRMLReview.load(visit.node).name / "metrics.csv").open(encoding="utf-8")))
    assert {row["structure"] for row in rows} == {"mass"} and rows[0]["method"] == "P2SAM"


def test_without_a_folder_the_report_says_what_is_missing(visit):
    visit.ui.folderEdit.currentPath = ""
    visit.ui.exportButton.click()
    assert "Choose a folder" in visit.ui.exportLabel.text


def test_the_figures_become_one_table_node_of_the_scene(visit):
    visit.ui.tableButton.click()
    visit.ui.tableButton.click()
    table = MRMLReview.reference(visit.node, "table")
    assert table is not None and table.GetNumberOfRows() == 2
    names = [slicer.mrmlScene.GetNthNodeByClass(n, "vtkMRMLTableNode").GetName() for n in range(slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLTableNode"))]
    assert names.count(table.GetName()) == 1


def test_a_saved_scene_gives_the_same_tables(visit, tmp_path, printed):
    visit.ui.acceptButton.click()
    visit.opened.panels.review.select(visit.node, "mass", visit.others[0])
    visit.ui.noteLineEdit.setText("look again")
    visit.ui.flagButton.click()
    visit.opened.settle()
    reviewed, reported = shown(visit.ui.sliceTable), shown(visit.ui.reportTable)
    (tmp_path / "saved").mkdir()
    slicer.mrmlScene.StartState(slicer.mrmlScene.SaveState)
    assert slicer.mrmlScene.SaveSceneToSlicerDataBundleDirectory(str(tmp_path / "saved"))
    slicer.mrmlScene.EndState(slicer.mrmlScene.SaveState)
    slicer.mrmlScene.Clear(0)
    visit.opened.settle()
    assert visit.ui.sliceTable.rowCount == 0 and visit.ui.reportTable.rowCount == 0 and not visit.opened.current.isSet
    slicer.mrmlScene.SetURL(str(next((tmp_path / "saved").rglob("*.mrml"))))
    slicer.mrmlScene.Import()
    visit.opened.settle(0.2)
    assert shown(visit.ui.sliceTable) == reviewed and shown(visit.ui.reportTable) == reported
    (node,) = MRMLReview.findAll(slicer.mrmlScene)
    assert MRMLReview.load(node).slice("mass", visit.others[0]).note == "look again"
    visit.opened.panels.review.select(node, "mass", visit.others[1])
    visit.opened.settle()
    assert visit.ui.pointTable.rowCount > 0
    assert all("orientation preset name: Reformat" in text for text in printed)  # MRML's own, for every oblique view it reads
    printed.clear()
