"""The points of a structure in the scene: where they lie, what they say, and what happens when they are moved."""

import numpy as np
import pytest
import slicer
from P2SAMSlicerLib.MRMLPrompts import createLists, fill, isOurs, pointsOfSlice, relabel, replaceSlice, setLocked, showOnly
from p2sam.files.prompt_look import COLORS_RGB, GLYPHS, NEGATIVE, POSITIVE
from review_case import NAME, addVolume, obliqueMatrix, rasOf, toVtk, visitOf


def turned(scene, node):
    """Put a node under a linear transform; returns it as (4, 4)."""
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "turned")
    matrix = obliqueMatrix(spacing=(1, 1, 1), degrees=(5, 10, -30), flips=(False, False, False), origin=(7, -90, 33))
    transform.SetMatrixTransformToParent(toVtk(matrix))
    node.SetAndObserveTransformNodeID(transform.GetID())
    return matrix


@pytest.fixture(params=[(0, False), (0, True), (1, False), (2, True)], ids=["along K", "along K, transformed", "along J", "along I, transformed"])
def points(request, scene):
    """(lists, follow-up, slice axis, slices as the worker reported them)."""
    axis, moved = request.param
    followup = addVolume(scene)
    matrix = turned(scene, followup) @ obliqueMatrix() if moved else obliqueMatrix()
    lists = createLists(scene, followup, NAME, axis)
    slices = visitOf(matrix, sliceAxis=axis)["structures"][0]["slices"]
    fill(lists, slices)
    return lists, followup, axis, slices


def worldOf(node, row):
    position = [0.0, 0.0, 0.0]
    node.GetNthControlPointPositionWorld(row, position)
    return np.array(position)


def test_every_point_of_every_slice_is_in_the_list_of_its_kind_at_its_place(points):
    lists, _followup, _axis, slices = points
    for node, label in zip(lists, (POSITIVE, NEGATIVE), strict=True):
        reported = [point for one in slices for point in one["points"] if point["label"] == label]
        assert node.GetNumberOfControlPoints() == len(reported) > 5
        for row, point in enumerate(reported):
            assert np.allclose(worldOf(node, row), point["ras"], atol=1e-9)


def test_a_point_says_its_part_its_slice_and_its_similarity(points):
    (positive, negative), _followup, _axis, _slices = points
    assert [positive.GetNthControlPointLabel(row) for row in range(4)] == ["p1 · 3", "p2 · 3", "p3 · 3", "p1 · 4"]
    assert positive.GetNthControlPointDescription(2) == "positive prompt; similarity 0.8754"
    assert negative.GetNthControlPointDescription(1) == "negative prompt; similarity 0.8877"


def test_the_points_of_a_slice_come_back_as_the_worker_takes_them(points):
    lists, followup, axis, slices = points
    for one in slices:
        found = pointsOfSlice(lists, followup, axis, one["index"])
        assert [(point["label"], point["part"]) for point in found] == [(point["label"], point["part"]) for point in one["points"]]
        assert np.allclose([point["ras"] for point in found], [point["ras"] for point in one["points"]])
        assert np.allclose([point["similarity"] for point in found], [point["similarity"] for point in one["points"]], atol=1e-4)
    assert pointsOfSlice(lists, followup, axis, 12) == []


def test_a_point_moved_to_another_slice_belongs_to_it_and_says_so_after_relabelling(points):
    lists, followup, axis, slices = points
    target = next(point["ras"] for point in slices[3]["points"] if point["label"] == 1)
    lists[0].SetNthControlPointPositionWorld(2, target)
    assert [point["part"] for point in pointsOfSlice(lists, followup, axis, 3) if point["label"] == 1] == [0, 1]
    assert [point["part"] for point in pointsOfSlice(lists, followup, axis, 6) if point["label"] == 1] == [2, 0, 1, 2]
    relabel(lists)
    assert lists[0].GetNthControlPointLabel(2) == "p3 · 6" and lists[0].GetNthControlPointLabel(1) == "p2 · 3"


def test_a_point_within_half_a_slice_belongs_to_the_slice_also_on_a_flipped_axis(points):
    lists, followup, axis, slices = points
    here, there = (np.array(slices[number]["points"][0]["ras"]) for number in (0, 1))
    for part, index in ((0.45, 3), (0.55, 4), (-0.45, 3), (-0.55, 2)):
        lists[0].SetNthControlPointPositionWorld(0, here + part * (there - here))
        assert pointsOfSlice(lists, followup, axis, index)[0]["part"] == 0


def test_a_point_that_a_person_added_has_no_part_and_no_similarity(points):
    lists, followup, axis, slices = points
    lists[1].AddControlPointWorld(slices[2]["points"][0]["ras"])
    found = pointsOfSlice(lists, followup, axis, 5)[-1]
    assert (found["label"], found["part"], found["similarity"]) == (NEGATIVE, -1, None)
    relabel(lists)
    last = lists[1].GetNumberOfControlPoints() - 1
    assert lists[1].GetNthControlPointLabel(last) == "added · 5"
    assert pointsOfSlice(lists, followup, axis, 5)[-1]["part"] == -1


def test_the_points_of_one_slice_are_replaced_and_all_others_stay(points):
    lists, followup, axis, slices = points
    before = {index: pointsOfSlice(lists, followup, axis, index) for index in (3, 4, 6, 7)}
    ras = slices[2]["points"][1]["ras"]
    replaceSlice(lists, 5, [{"label": 1, "part": 4, "similarity": 0.5, "ras": ras}, {"label": 0, "part": -1, "similarity": None, "ras": ras}])
    found = pointsOfSlice(lists, followup, axis, 5)
    assert [(point["label"], point["part"], point["similarity"]) for point in found] == [(1, 4, 0.5), (0, -1, None)]
    assert {index: pointsOfSlice(lists, followup, axis, index) for index in (3, 4, 6, 7)} == before
    assert lists[1].GetNthControlPointDescription(lists[1].GetNumberOfControlPoints() - 1) == "negative point added by hand"


def test_where_the_follow_up_is_gone_the_labels_tell_the_slice(points, scene):
    lists, followup, axis, _slices = points
    scene.RemoveNode(followup)
    replaceSlice(lists, 5, [])
    assert not any("· 5" in lists[0].GetNthControlPointLabel(row) for row in range(lists[0].GetNumberOfControlPoints()))
    assert lists[0].GetNumberOfControlPoints() == 12 and lists[1].GetNumberOfControlPoints() == 8


def test_filling_again_leaves_no_old_point(points):
    lists, followup, axis, slices = points
    fill(lists, slices[:1])
    assert [node.GetNumberOfControlPoints() for node in lists] == [3, 2] and pointsOfSlice(lists, followup, axis, 4) == []


def test_the_two_kinds_differ_in_colour_and_shape_and_are_locked_until_they_are_unlocked(points):
    lists, followup, _axis, _slices = points
    for node, label in zip(lists, (POSITIVE, NEGATIVE), strict=True):
        display = node.GetDisplayNode()
        assert np.allclose(display.GetSelectedColor(), COLORS_RGB[label])
        assert display.GetGlyphTypeAsString(display.GetGlyphType()) == GLYPHS[label]
        assert not display.GetSliceProjection() and not display.GetVisibility3D() and node.GetLocked()
        assert node.GetName() == f"CT 2 P2SAM {NAME} {'positive' if label else 'negative'}"
    setLocked(lists, False)
    assert not lists[0].GetLocked() and not lists[1].GetLocked()


def test_only_the_chosen_structure_is_shown_and_nodes_of_others_are_left_alone(points, scene):
    lists, followup, _axis, _slices = points
    other = createLists(scene, followup, "Heart")
    stranger = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "mine")
    stranger.CreateDefaultDisplayNodes()
    showOnly(other, [*lists, *other, stranger])
    assert [bool(node.GetDisplayNode().GetVisibility()) for node in (*lists, *other, stranger)] == [False, False, True, True, True]
    assert not isOurs(stranger) and isOurs(other[0]) and not isOurs(None)


def test_a_second_pair_of_lists_of_the_same_structure_has_another_name(points, scene):
    lists, followup, _axis, _slices = points
    again = createLists(scene, followup, NAME)
    assert len({node.GetName() for node in (*lists, *again)}) == 4


def test_the_lists_are_told_of_once_however_many_points_change(points):
    lists, _followup, _axis, slices = points
    counts = []
    lists[0].AddObserver("ModifiedEvent", lambda *_: counts.append(1))
    fill(lists, slices)
    assert len(counts) <= 2


def test_a_visit_of_many_points_is_filled_in_a_moment(scene):
    import time

    followup = addVolume(scene)
    lists = createLists(scene, followup, "Lung")
    one = visitOf()["structures"][0]["slices"][0]
    start = time.perf_counter()
    fill(lists, [{**one, "index": index} for index in range(200)])
    seconds = time.perf_counter() - start
    assert lists[0].GetNumberOfControlPoints() == 600 and seconds < 2, f"{seconds:.2f} s"


def test_lists_are_in_the_folder_of_the_visit_beside_its_ct(points, scene):
    lists, followup, _axis, _slices = points
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    folder = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(lists[0]))
    assert hierarchy.GetItemName(folder) == "CT 2 P2SAM points and review"
    assert hierarchy.GetItemParent(folder) == hierarchy.GetItemParent(hierarchy.GetItemByDataNode(followup))
    assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(lists[1])) == folder
