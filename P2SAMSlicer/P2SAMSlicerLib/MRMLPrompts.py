"""The points of a structure as two fiducial lists of the scene, positive and negative: drawn, read, moved, saved."""

from __future__ import annotations

import re
from contextlib import contextmanager

import numpy as np
from p2sam.files.prompt_look import ACTIVE_RGB, COLORS_RGB, GLYPH_SCALE, GLYPHS, NEGATIVE, POSITIVE, TEXT_SCALE, WORDS
from slicer.i18n import tr as _

from .MRMLFolder import addNode
from .MRMLVolumes import volumeOf

KIND, STRUCTURE, SLICE_AXIS = "P2SAM.Points", "P2SAM.Structure", "P2SAM.SliceAxis"
"""Attributes of our lists: "positive" or "negative", the structure's name, the numpy axis of the slices."""
FOLLOWUP = "P2SAM.followup"
"""Role of a list's reference to the follow-up."""

_PART = re.compile(r"^p(?P<part>[1-9]\d*) ·")
_SLICE = re.compile(r"· \D*(?P<slice>\d+)$")
_SIMILARITY = re.compile(r"(?P<value>-?\d+\.\d+)$")


def createLists(scene, followup, structureName: str, sliceAxis: int = 0) -> tuple:
    """Two empty, locked fiducial lists for the points of a structure.

    Parameters
    ----------
    followup : vtkMRMLScalarVolumeNode
        The lists lie under its parent transform and beside it in the subject hierarchy.
    sliceAxis : int
        Numpy axis of the follow-up along which slices are counted.

    Returns
    -------
    (positive, negative) : vtkMRMLMarkupsFiducialNode
    """
    lists = []
    for label in (POSITIVE, NEGATIVE):
        name = _("{volume} P2SAM {structure} {kind}").format(volume=followup.GetName(), structure=structureName, kind=WORDS[label])
        node = addNode(scene, "vtkMRMLMarkupsFiducialNode", name, followup)
        node.SetAttribute(KIND, WORDS[label])
        node.SetAttribute(STRUCTURE, structureName)
        node.SetAttribute(SLICE_AXIS, str(int(sliceAxis)))
        node.SetNodeReferenceID(FOLLOWUP, followup.GetID())
        node.SetAndObserveTransformNodeID(followup.GetTransformNodeID())
        node.SetControlPointLabelFormat(_("added %d"))
        node.SetLocked(True)
        _dress(node, label)
        lists.append(node)
    return lists[0], lists[1]


def isOurs(node) -> bool:
    return node is not None and node.GetAttribute(KIND) in WORDS.values()


def labelOf(node) -> int:
    """1 for a positive list, 0 for a negative one."""
    return POSITIVE if node.GetAttribute(KIND) == WORDS[POSITIVE] else NEGATIVE


def pointLabel(part: int, index: int) -> str:
    """What stands beside a point, as short as can be, since points lie close together: the part, from 1, and the slice, as
    Slicer's IJK counts it. A point that a person added has no part."""
    name = f"p{part + 1}" if part >= 0 else _("added")
    return _("{part} · {index}").format(part=name, index=index)


def fill(lists, slices) -> None:
    """Replace every point by those of the slices.

    Parameters
    ----------
    lists : (positive, negative)
    slices : iterable of dict
        `index` and `points`, as the worker reports slices; a point is `{label, part, similarity, ras}`.
    """
    with _quiet(lists):
        for node in lists:
            node.RemoveAllControlPoints()
        for one in slices:
            _add(lists, int(one["index"]), one.get("points") or ())


def pointsOfSlice(lists, volumeNode, sliceAxis: int, index: int) -> list:
    """Points that lie on a slice, wherever they were proposed.

    Returns
    -------
    list of dict
        `{label, part, similarity, ras}`; `part` is -1 and `similarity` None for a point that a person added.
    """
    found = []
    for node in lists:
        for row in np.flatnonzero(_slicesOf(node, volumeNode, sliceAxis) == index):
            found.append(
                {
                    "label": labelOf(node),
                    "part": _partOf(node.GetNthControlPointLabel(int(row))),
                    "similarity": _similarityOf(node.GetNthControlPointDescription(int(row))),
                    "ras": [float(value) for value in _positions(node)[row]],
                }
            )
    return found


def replaceSlice(lists, index: int, points, volumeNode=None, sliceAxis: int | None = None) -> None:
    """Put new points on one slice; all others stay as they are.

    Parameters
    ----------
    points : iterable of dict
        As in `fill`.
    volumeNode, sliceAxis
        The follow-up and its slice axis; None takes those the lists were made with.
    """
    with _quiet(lists):
        for node in lists:
            for row in sorted(np.flatnonzero(_slicesOf(node, volumeNode, sliceAxis) == index), reverse=True):
                node.RemoveNthControlPoint(int(row))
        _add(lists, index, points)


def relabel(lists, volumeNode=None, sliceAxis: int | None = None) -> None:
    """Let each label name the slice its point lies on: after a person added points or moved one across slices."""
    for node in lists:
        for row, index in enumerate(_slicesOf(node, volumeNode, sliceAxis)):
            label = pointLabel(_partOf(node.GetNthControlPointLabel(row)), int(index))
            if node.GetNthControlPointLabel(row) != label:
                node.SetNthControlPointLabel(row, label)


def setLocked(lists, locked: bool) -> None:
    """Locked points cannot be moved with the mouse."""
    for node in lists:
        node.SetLocked(bool(locked))


def showOnly(shown, others=()) -> None:
    """Show the points of some lists and hide those of others; a slice view itself leaves out what is not on its slice.

    Parameters
    ----------
    shown, others : iterable of vtkMRMLMarkupsFiducialNode
        A list in both is shown; nodes that are not ours are left alone.
    """
    shown = [node for node in shown if isOurs(node)]
    for node in [*shown, *(node for node in others if isOurs(node) and node not in shown)]:
        display = node.GetDisplayNode()
        if display is not None and bool(display.GetVisibility()) != (node in shown):
            display.SetVisibility(node in shown)


def _dress(node, label: int) -> None:
    """Colour and shape by kind; never in 3D, and no projection, so that a point shows on its own slice only."""
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetColor(*COLORS_RGB[label])
    display.SetSelectedColor(*COLORS_RGB[label])
    display.SetActiveColor(*ACTIVE_RGB)
    display.SetGlyphTypeFromString(GLYPHS[label])
    display.SetUseGlyphScale(True)
    display.SetGlyphScale(GLYPH_SCALE)
    display.SetTextScale(TEXT_SCALE)
    display.SetPointLabelsVisibility(label == POSITIVE)
    display.SetPropertiesLabelVisibility(False)
    display.SetSliceProjection(False)
    display.SetVisibility3D(False)


def _add(lists, index: int, points) -> None:
    for point in points:
        node = lists[0] if point["label"] == POSITIVE else lists[1]
        row = node.AddControlPointWorld([float(value) for value in point["ras"]], pointLabel(int(point["part"]), index))
        node.SetNthControlPointDescription(row, _description(int(point["label"]), int(point["part"]), point.get("similarity")))


def _description(label: int, part: int, similarity) -> str:
    kind = WORDS[label]
    if part < 0 or similarity is None:
        return _("{kind} point added by hand").format(kind=kind)
    return _("{kind} prompt; similarity {value}").format(kind=kind, value=f"{float(similarity):.4f}")


def _partOf(label: str) -> int:
    found = _PART.search(label)
    return int(found["part"]) - 1 if found else -1


def _similarityOf(description: str) -> float | None:
    found = _SIMILARITY.search(description)
    return float(found["value"]) if found else None


def _positions(node) -> np.ndarray:
    """(n, 3) world RAS of every control point."""
    positions = np.zeros((node.GetNumberOfControlPoints(), 3))
    for row in range(len(positions)):
        node.GetNthControlPointPositionWorld(row, positions[row])
    return positions


def _slicesOf(node, volumeNode, sliceAxis: int | None) -> np.ndarray:
    """(n,) slice on which each control point lies; by its label where the follow-up is gone from the scene."""
    volumeNode = volumeNode or node.GetNodeReference(FOLLOWUP)
    positions = _positions(node)
    if volumeNode is None:
        found = (_SLICE.search(node.GetNthControlPointLabel(row)) for row in range(len(positions)))
        return np.array([int(one["slice"]) if one else -1 for one in found], dtype=int)
    axis = int(node.GetAttribute(SLICE_AXIS) or 0) if sliceAxis is None else sliceAxis
    toIjk = np.linalg.inv(volumeOf(volumeNode)[1])
    return np.floor((positions @ toIjk[:3, :3].T + toIjk[:3, 3])[:, 2 - axis] + 0.5).astype(int)


@contextmanager
def _quiet(nodes):
    """Tell the views once, at the end, of all that happens to the lists inside."""
    before = [node.StartModify() for node in nodes]
    try:
        yield
    finally:
        for node, was in zip(nodes, before, strict=True):
            node.EndModify(was)
