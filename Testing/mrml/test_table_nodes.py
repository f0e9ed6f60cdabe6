"""The report as a table and the distances as a chart: values, titles, what a picked point is, and nothing left behind."""

import math

import pytest
from P2SAMSlicerLib.MRMLTables import distanceChart, fillTable, metricsTable, pointOf, reportTable
from P2SAMSlicerLib.Review import VisitReview
from review_case import NAME, addVolume, visitOf


CHANGE = "Change against the prior's own volume (%)"


@pytest.fixture
def review():
    return VisitReview.fromResult({**visitOf(), "complete": True})


def cells(node):
    """Column title -> values."""
    table = node.GetTable()
    columns = [table.GetColumn(number) for number in range(table.GetNumberOfColumns())]
    return {column.GetName(): [column.GetValue(row) for row in range(column.GetNumberOfValues())] for column in columns}


def test_the_report_has_a_row_a_structure_with_its_numbers(scene, review):
    review.setStatus(NAME, 4, "accepted", "AB", time="2026-03-01T10:00:00+01:00")
    found = cells(reportTable(scene, review))
    assert found["Structure"][1] == "Heart" and found["Volume (ml)"] == [12.0, 0.0] and found["Prior volume (ml)"] == [16.0, 0.0]
    assert found[CHANGE][0] == -25.0 and math.isnan(found[CHANGE][1])
    assert found["Shift to aligned prior (mm)"][0] == 3.25 and math.isnan(found["Shift to aligned prior (mm)"][1])
    assert found["Accepted"] == [1, 0] and found["With a reason to look"] == [3, 0] and found["Slice to begin with"] == [5, 6]
    assert found["Reviewer"] == ["AB", ""] and found["Time"] == ["2026-03-01T10:00:00+01:00", ""] and found["Status"] == ["InProgress", "NotStarted"]
    assert found["Completeness"] == ["complete"] * 2


def test_what_is_incomplete_or_cut_by_a_scan_is_not_compared(scene, review):
    review.structure(NAME).isPart = True
    found = cells(reportTable(scene, review))
    assert found[CHANGE] == ["", ""] and found["Shift to aligned prior (mm)"][0] == 3.25
    review.structure(NAME).isPart, review.complete = False, False
    found = cells(reportTable(scene, review))
    assert found[CHANGE] == found["Shift to aligned prior (mm)"] == ["", ""]
    assert found["Completeness"] == ["INCOMPLETE: the run was stopped"] * 2


def test_the_report_is_for_research_use_and_says_so_and_cannot_be_typed_into(scene, review):
    node = reportTable(scene, review, followup=addVolume(scene))
    assert "research use only" in node.GetDescription() and node.GetLocked() and node.GetName() == "CT 2 P2SAM report"


def test_filling_the_report_again_changes_the_same_node(scene, review):
    node = reportTable(scene, review)
    review.structures = review.structures[:1]
    assert reportTable(scene, review, node) is node and node.GetNumberOfRows() == 1
    assert scene.GetNumberOfNodesByClass("vtkMRMLTableNode") == 1


def test_a_point_of_the_chart_leads_to_its_slice(scene, review):
    chart, series = distanceChart(scene, review)
    assert chart.GetNumberOfPlotSeriesNodes() == len(series) == 3
    drawn = {}
    for one in series:
        column = one.GetTableNode().GetTable().GetColumnByName(one.GetYColumnName())
        for row in range(column.GetNumberOfValues()):
            if not math.isnan(column.GetValue(row)):
                drawn.setdefault(one.GetAttribute("P2SAM.FlaggedOnly"), []).append((*pointOf(one, row), round(column.GetValue(row), 6)))
    assert drawn["0"] == [(NAME, 3, 0.5), (NAME, 4, 4.75), (NAME, 6, 1.5), (NAME, 7, 2.0), ("Heart", 6, 6.0)], "as multiples of what is usual, as in the review table"
    assert drawn["1"] == [(NAME, 4, 4.75), (NAME, 7, 2.0)]
    assert pointOf(series[0], -1) is None and pointOf(series[0], 99) is None and pointOf(None, 0) is None
    assert pointOf(scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", "other"), 0) is None


def test_the_chart_is_filled_again_without_leaving_nodes_behind(scene, review):
    chart, before = distanceChart(scene, review)
    mine = scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", "mine")
    chart.AddAndObservePlotSeriesNodeID(mine.GetID())
    for one in review.structure(NAME).slices.values():
        one.flags = []
    again, after = distanceChart(scene, review, chart)
    assert again is chart and [one.GetName() for one in after] == [before[0].GetName(), "Heart"] and after[0] is before[0]
    assert scene.GetNumberOfNodesByClass("vtkMRMLPlotSeriesNode") == 3 and scene.GetNumberOfNodesByClass("vtkMRMLTableNode") == 1
    assert chart.HasPlotSeriesNodeID(mine.GetID())


def test_structures_of_one_name_or_of_a_columns_name_get_columns_of_their_own(scene, review):
    review.structures[0].name, review.structures[1].name = "Slice", "Slice, reason to look"
    _chart, series = distanceChart(scene, review)
    assert len({one.GetYColumnName() for one in series}) == 3 and all(one.GetYColumnName() != one.GetXColumnName() for one in series)
    assert pointOf(series[0], 1) == ("Slice", 4)


def test_a_visit_without_structures_gives_empty_nodes(scene):
    review = VisitReview("CT 2")
    assert reportTable(scene, review).GetNumberOfRows() == 0
    chart, series = distanceChart(scene, review)
    assert series == [] and chart.GetTitle() == "Distance over slices, CT 2"


def test_metrics_against_a_reference_keep_their_names_and_gaps(scene):
    node = metricsTable(scene, [{"structure": "Heart", "dice": 0.9}, {"structure": "GTV", "dice": None, "hd95_mm": 4.5}], "CT 2", "drawn by Dr Adams")
    found = cells(node)
    assert found["Reference"] == ["drawn by Dr Adams"] * 2 and "research use only" in node.GetDescription()
    assert found["structure"] == ["Heart", "GTV"] and found["dice"][0] == 0.9 and math.isnan(found["dice"][1]) and math.isnan(found["hd95_mm"][0])


def test_what_a_table_file_would_lose_is_replaced(scene):
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", "t")
    fillTable(node, [("a", ['say "x"\tand\nmore', None]), ("b", [1, None]), ("c", [True, 3]), ("d", [None, None])])
    found = cells(node)
    assert found["a"] == ["say ″x″ and more", ""] and found["b"][0] == 1.0 and math.isnan(found["b"][1])
    assert found["c"] == [1, 3] and found["d"] == ["", ""]
