"""The report of a visit as a table of the scene, and its distances over the slices as a chart."""

from __future__ import annotations

import math

import vtk
from slicer.i18n import tr as _

from .MRMLFolder import addNode, removeNode
from .MRMLReview import own
from .ReviewRows import reportRows

STRUCTURE, FLAGGED = "P2SAM.Structure", "P2SAM.FlaggedOnly"
"""Attributes of a series: whose distances it shows, and whether only those of slices that the method flagged."""
COLORS = ((0.12, 0.35, 0.65), (0.80, 0.40, 0.00), (0.20, 0.55, 0.30), (0.55, 0.25, 0.60), (0.45, 0.35, 0.20), (0.15, 0.55, 0.60))
FLAG_RGB = (0.75, 0.10, 0.10)


def reportTable(scene, review, node=None, followup=None):
    """One row a structure: volume, change, centroid shift, flags, statuses, reviewer, time.

    Parameters
    ----------
    review : VisitReview
    node : vtkMRMLTableNode or None
        The table to fill again; None makes a new one.
    followup : vtkMRMLScalarVolumeNode or None
        Where in the subject hierarchy a new table belongs.

    Returns
    -------
    vtkMRMLTableNode
    """
    rows = reportRows(review)
    columns = [(title, [row[key] for row in rows]) for key, title in _reportTitles()]
    columns.append((_("Completeness"), [_("complete") if row["complete"] else _("INCOMPLETE: the run was stopped") for row in rows]))
    columns.append((_("Warnings"), [row["warnings"] for row in rows]))
    node = node or _made(scene, "vtkMRMLTableNode", _("{volume} P2SAM report"), review.name, followup)
    fillTable(node, columns)
    node.SetDescription(researchOnly())
    return node


def metricsTable(scene, rows, name: str, reference: str, node=None, followup=None):
    """Dice and surface distances against a reference that the user named: rows as the worker's `evaluate` returns them.

    Parameters
    ----------
    name : str
        The visit's, for a new node without a follow-up.
    reference : str
        What was compared with; told in every row.
    """
    keys = list(dict.fromkeys(key for row in rows for key in row))
    node = node or _made(scene, "vtkMRMLTableNode", _("{volume} P2SAM against a reference"), name, followup)
    columns = [(key, [row.get(key) for row in rows]) for key in keys]
    fillTable(node, [*columns[:1], (_("Reference"), [reference] * len(rows)), *columns[1:]])
    node.SetDescription(researchOnly())
    return node


def distanceChart(scene, review, chart=None, followup=None):
    """The distance of every slice, one line a structure, with the slices that the method flagged marked.

    Parameters
    ----------
    chart : vtkMRMLPlotChartNode or None
        The chart to fill again, with its table; None makes them.

    Returns
    -------
    (chart, series) : vtkMRMLPlotChartNode, list of vtkMRMLPlotSeriesNode
        `pointOf` tells which slice a point of a series is.
    """
    known = _seriesOf(chart)
    table = next((one.GetTableNode() for one in known if one.GetTableNode()), None)
    table = table or _made(scene, "vtkMRMLTableNode", _("{volume} P2SAM distances"), review.name, followup)
    chart = chart or _made(scene, "vtkMRMLPlotChartNode", _("{volume} P2SAM distance over slices"), review.name, followup)
    indices = sorted({index for structure in review.structures for index in structure.slices})
    columns, wanted = [(_("Slice"), indices)], []
    for number, structure in enumerate(review.structures):
        distances = [structure.relative(structure.slices[index]) if index in structure.slices else None for index in indices]
        flagged = [distance if index in structure.slices and structure.slices[index].flags else None for index, distance in zip(indices, distances, strict=True)]
        for only, values, title in ((False, distances, structure.name), (True, flagged, _("{structure}, reason to look").format(structure=structure.name))):
            if not only or any(value is not None for value in values):
                columns.append((_columnName(title, columns), values))
                wanted.append((structure.name, only, columns[-1][0], COLORS[number % len(COLORS)]))
    fillTable(table, columns)
    series = _matched(scene, chart, known, wanted, table, columns[0][0])
    chart.SetTitle(_("Distance over slices, {visit}").format(visit=review.name))
    chart.SetXAxisTitle(_("Slice"))
    isRelative = all(structure.usualDistance for structure in review.structures)
    chart.SetYAxisTitle(_("Distance (1: usual within the prior)") if isRelative else _("Distance"))
    chart.SetLegendVisibility(True)
    return chart, series


def pointOf(series, row: int) -> tuple | None:
    """(structure name, slice index) of the point that a person picked in a series; None where it is no point of ours."""
    table = series.GetTableNode() if series is not None else None
    structure = series.GetAttribute(STRUCTURE) if series is not None else None
    if table is None or structure is None or not 0 <= row < table.GetNumberOfRows():
        return None
    return structure, int(table.GetTable().GetColumnByName(series.GetXColumnName()).GetValue(row))


def fillTable(node, columns) -> None:
    """Replace the content of a table node.

    Parameters
    ----------
    columns : list of (title, values)
        Text, whole numbers, or numbers; what does not exist (None) is an empty text, or no number.
    """
    table = vtk.vtkTable()
    for title, values in columns:
        array = _arrayOf(values)
        array.SetName(title)
        table.AddColumn(array)
    was = node.StartModify()
    node.RemoveAllColumns()
    node.SetAndObserveTable(table)
    node.SetLocked(True)
    node.EndModify(was)


def researchOnly() -> str:
    return _("For research use only; not a medical device.")


def _reportTitles() -> list:
    return [
        ("visit", _("Visit")),
        ("structure", _("Structure")),
        ("volumeMl", _("Volume (ml)")),
        ("priorVolumeMl", _("Prior volume (ml)")),
        ("changePercent", _("Change against the prior's own volume (%)")),
        ("centroidShiftMm", _("Shift to aligned prior (mm)")),
        ("slices", _("Slices")),
        ("flaggedByMethod", _("With a reason to look")),
        ("accepted", _("Accepted")),
        ("edited", _("Edited")),
        ("flagged", _("Flagged by a reviewer")),
        ("notReviewed", _("Not reviewed")),
        ("changedByHand", _("Changed by hand")),
        ("worstSlice", _("Slice to begin with")),
        ("worstDistance", _("Its distance (1: usual within the prior)")),
        ("status", _("Status")),
        ("reviewer", _("Reviewer")),
        ("time", _("Time")),
    ]


def _arrayOf(values):
    known = [value for value in values if value is not None]
    if any(isinstance(value, str) for value in known) or not known and values:
        array = vtk.vtkStringArray()
        cells = ["" if value is None else _oneLine(str(value)) for value in values]
    elif len(known) == len(values) and all(isinstance(value, int) for value in known):
        array, cells = vtk.vtkIntArray(), [int(value) for value in values]
    else:
        array, cells = vtk.vtkDoubleArray(), [math.nan if value is None else float(value) for value in values]
    for cell in cells:
        array.InsertNextValue(cell)
    return array


def _made(scene, className: str, pattern: str, volume: str, followup):
    node = addNode(scene, className, pattern.format(volume=followup.GetName() if followup is not None else volume), followup)
    own(node)
    return node


def _columnName(title: str, columns: list) -> str:
    """The title on one line, and different from every column there is."""
    title, taken, number = _oneLine(title), {name for name, _values in columns}, 2
    name = title
    while name in taken:
        name, number = f"{title} ({number})", number + 1
    return name


def _oneLine(text: str) -> str:
    """Without line breaks, tabs and straight double quotes, which Slicer's table files lose."""
    return " ".join(text.replace('"', "\N{DOUBLE PRIME}").split())


def _seriesOf(chart) -> list:
    nodes = [chart.GetNthPlotSeriesNode(number) for number in range(chart.GetNumberOfPlotSeriesNodes())] if chart is not None else []
    return [node for node in nodes if node is not None and node.GetAttribute(STRUCTURE) is not None]


def _matched(scene, chart, known: list, wanted: list, table, xColumn: str) -> list:
    """A series for each (structure, flagged only, column, colour): the known ones again, new ones, and none too many."""
    before = {(node.GetAttribute(STRUCTURE), node.GetAttribute(FLAGGED) == "1"): node for node in known}
    series = []
    for structure, only, column, color in wanted:
        node = before.pop((structure, only), None) or _newSeries(scene, structure, only, color)
        node.SetName(column)
        node.SetAndObserveTableNodeID(table.GetID())
        node.SetXColumnName(xColumn)
        node.SetYColumnName(column)
        if not chart.HasPlotSeriesNodeID(node.GetID()):
            chart.AddAndObservePlotSeriesNodeID(node.GetID())
        series.append(node)
    for node in before.values():
        chart.RemovePlotSeriesNodeID(node.GetID())
        removeNode(node)
    return series


def _newSeries(scene, structure: str, only: bool, color):
    node = scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", structure)
    own(node)
    node.SetAttribute(STRUCTURE, structure)
    node.SetAttribute(FLAGGED, "1" if only else "0")
    node.SetPlotType(node.PlotTypeScatter)
    node.SetColor(*(FLAG_RGB if only else color))
    node.SetLineStyle(node.LineStyleNone if only else node.LineStyleSolid)
    node.SetMarkerStyle(node.MarkerStyleDiamond if only else node.MarkerStyleCircle)
    node.SetMarkerSize(12.0 if only else 6.0)
    return node
