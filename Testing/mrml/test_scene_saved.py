"""A scene that is saved and loaded again has the same review, points, labels, statuses and references."""

import numpy as np
import pytest
import slicer
from P2SAMSlicerLib import MRMLPrompts, MRMLReview, MRMLTables
from P2SAMSlicerLib.Review import VisitReview
from p2sam.errors import InputError
from review_case import NAME, SHAPE, addSegmentation, addVolume, propose, visitOf


def addVisit(scene, name="CT 2"):
    """A whole visit as Logic leaves it in the scene; returns the review's node."""
    prior, followup = addVolume(scene, "CT 1"), addVolume(scene, name)
    segmentation, priorSegmentation = addSegmentation(scene, followup, f"{name} P2SAM"), addSegmentation(scene, prior, "contours")
    visit = visitOf(name=name)
    review = VisitReview.fromResult(visit, settings={"preset": "clinical", "window_hu": (-910.0, 590.0)}, model={"name": "graph", "sha256": "f00"})
    mask = np.zeros(SHAPE, dtype=bool)
    mask[3:8] = np.random.default_rng(1).random((5, *SHAPE[1:])) > 0.8
    propose(review.structure(NAME), mask, 0)
    review.setStatus(NAME, 4, "accepted", "Dr. Ä", "fine · <&>", time="2026-03-01T10:00:00+01:00")
    review.setStatus(NAME, 5, "flagged", "CD", "where is it?")
    node = MRMLReview.save(scene, None, review, followup)
    MRMLReview.setReferences(node, segmentation=segmentation, priorVolume=prior, priorSegmentation=priorSegmentation)
    lists = {}
    for structure in visit["structures"]:
        lists[structure["name"]] = MRMLPrompts.createLists(scene, followup, structure["name"])
        MRMLPrompts.fill(lists[structure["name"]], structure["slices"])
    MRMLReview.setLists(node, lists, review.names)
    chart, _series = MRMLTables.distanceChart(scene, review, followup=followup)
    metrics = MRMLTables.metricsTable(scene, [{"structure": NAME, "dice": 0.91, "hd95_mm": None}], name, "drawn by hand", followup=followup)
    MRMLReview.setReferences(node, table=MRMLTables.reportTable(scene, review, followup=followup), chart=chart, metrics=metrics)
    return node


def saveAsMrml(scene, folder):
    """As Slicer's Save dialog: every storable node into a file of its own, then the scene."""
    folder.mkdir()
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLStorableNode")):
        node = scene.GetNthNodeByClass(number, "vtkMRMLStorableNode")
        node.AddDefaultStorageNode()
        storage = node.GetStorageNode()
        if storage is not None:
            storage.SetFileName(str(folder / f"{number}.{storage.GetDefaultWriteFileExtension()}"))
            assert storage.WriteData(node), node.GetName()
    scene.SetURL(str(folder / "scene.mrml"))
    scene.SetRootDirectory(str(folder))
    assert scene.Commit()
    return folder / "scene.mrml"


def throughMrml(scene, loaded, folder):
    path = saveAsMrml(scene, folder / "saved")
    loaded.SetURL(str(path))
    assert loaded.Connect()


def throughBundle(scene, loaded, folder):
    path = folder / "scene.mrb"
    assert scene.WriteToMRB(str(path), None) and loaded.ReadFromMRB(str(path))


def intoAFullScene(scene, loaded, folder):
    """Added to a scene with nodes of the same names and ids."""
    addVisit(loaded, "CT 9")
    path = saveAsMrml(scene, folder / "saved")
    loaded.SetURL(str(path))
    assert loaded.Import()


@pytest.fixture(params=[throughMrml, throughBundle, intoAFullScene])
def saved(request, scene, makeScene, tmp_path):
    """(review node before, review node after, scene it is loaded into)"""
    node = addVisit(scene)
    loaded = makeScene()
    request.param(scene, loaded, tmp_path)
    (after,) = [one for one in MRMLReview.findAll(loaded) if MRMLReview.load(one).name == "CT 2"]
    return node, after, loaded


def contentOf(lists):
    """All that a list says and shows."""
    rows = []
    for node in lists:
        for row in range(node.GetNumberOfControlPoints()):
            position = [0.0, 0.0, 0.0]
            node.GetNthControlPointPositionWorld(row, position)
            rows.append((node.GetNthControlPointLabel(row), node.GetNthControlPointDescription(row), *position))
    return rows


def test_the_review_is_the_same(saved):
    before, after, _scene = saved
    assert after.GetText() == before.GetText() and after.GetName() == before.GetName()
    review = MRMLReview.load(after)
    assert review == MRMLReview.load(before)
    assert review.slice(NAME, 4).note == "fine · <&>" and review.slice(NAME, 4).reviewer == "Dr. Ä"
    assert [row.key for row in review.worstFirst()] == [row.key for row in MRMLReview.load(before).worstFirst()]


def test_the_references_lead_to_the_nodes_of_the_same_names(saved):
    before, after, scene = saved
    for name in MRMLReview.SINGLE:
        found = MRMLReview.reference(after, name)
        assert found is not None and found.GetName() == MRMLReview.reference(before, name).GetName(), name
        assert found.GetScene() is scene


def test_the_points_have_the_same_places_labels_and_descriptions_and_are_still_locked(saved):
    before, after, _scene = saved
    one, other = MRMLReview.listsOf(before), MRMLReview.listsOf(after)
    assert list(other) == list(one) == [NAME, "Heart"]
    for name, lists in one.items():
        kept, found = contentOf(lists), contentOf(other[name])
        assert [row[:2] for row in found] == [row[:2] for row in kept] and len(found) >= 10
        assert np.allclose([row[2:] for row in found], [row[2:] for row in kept], atol=1e-9)
        for node, earlier in zip(other[name], lists, strict=True):
            display, wanted = node.GetDisplayNode(), earlier.GetDisplayNode()
            assert node.GetLocked() and MRMLPrompts.isOurs(node) and not display.GetSliceProjection() and not display.GetVisibility3D()
            assert display.GetGlyphType() == wanted.GetGlyphType() and np.allclose(display.GetSelectedColor(), wanted.GetSelectedColor(), atol=1e-6)


def test_points_of_a_slice_are_found_and_replaced_after_loading(saved):
    _before, after, _scene = saved
    lists = MRMLReview.listsOf(after)[NAME]
    followup = MRMLReview.reference(after, "followup")
    assert [point["part"] for point in MRMLPrompts.pointsOfSlice(lists, followup, 0, 5)] == [0, 1, 2, 0, 1]
    MRMLPrompts.replaceSlice(lists, 5, [])
    assert MRMLPrompts.pointsOfSlice(lists, followup, 0, 5) == [] and len(MRMLPrompts.pointsOfSlice(lists, followup, 0, 6)) == 5


def test_the_chart_still_tells_which_slice_a_point_is(saved):
    _before, after, _scene = saved
    chart = MRMLReview.reference(after, "chart")
    series = [chart.GetNthPlotSeriesNode(number) for number in range(chart.GetNumberOfPlotSeriesNodes())]
    assert [(one.GetAttribute("P2SAM.Structure"), one.GetAttribute("P2SAM.FlaggedOnly")) for one in series] == [(NAME, "0"), (NAME, "1"), ("Heart", "0")]
    assert MRMLTables.pointOf(series[1], 1) == (NAME, 4) and MRMLTables.pointOf(series[2], 3) == ("Heart", 6)
    for one in series:
        assert one.GetTableNode().GetColumnIndex(one.GetYColumnName()) >= 0, one.GetYColumnName()


def test_the_report_table_is_the_same(saved):
    before, after, _scene = saved
    one, other = MRMLReview.reference(before, "table"), MRMLReview.reference(after, "table")
    assert [other.GetColumnName(column) for column in range(other.GetNumberOfColumns())] == [one.GetColumnName(column) for column in range(one.GetNumberOfColumns())]
    for row in range(one.GetNumberOfRows()):
        for column in range(one.GetNumberOfColumns()):
            assert other.GetCellText(row, column) == one.GetCellText(row, column)


def test_a_loaded_scene_can_be_changed_and_saved_again(saved, makeScene, tmp_path):
    _before, after, scene = saved
    review = MRMLReview.load(after)
    review.setStatus("Heart", 6, "accepted", "EF")
    assert MRMLReview.save(scene, after, review) is after
    again = makeScene()
    throughBundle(scene, again, tmp_path / "..")
    found = [MRMLReview.load(one) for one in MRMLReview.findAll(again)]
    assert next(one for one in found if one.name == "CT 2").slice("Heart", 6).reviewer == "EF"


def test_removing_a_visit_removes_what_is_ours_and_nothing_else(scene):
    node, other = addVisit(scene), addVisit(scene, "CT 3")
    mine = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "CT 2 P2SAM mine")
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", "not ours")
    kept = MRMLReview.reference(node, "table")
    MRMLReview.setReferences(node, table=table)
    volumes, segmentations = scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode"), scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
    MRMLReview.removeOurs(node)
    assert MRMLReview.findAll(scene) == [other] and len(MRMLReview.listsOf(other)) == 2 and MRMLReview.reference(other, "chart") is not None
    assert mine.GetScene() is scene and table.GetScene() is scene and kept.GetScene() is scene
    assert scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == volumes and scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == segmentations
    assert scene.GetNumberOfNodesByClass("vtkMRMLMarkupsFiducialNode") == 5 and scene.GetNumberOfNodesByClass("vtkMRMLPlotChartNode") == 1
    assert scene.GetNumberOfNodesByClass("vtkMRMLPlotSeriesNode") == 3
    MRMLReview.removeOurs(mine)
    assert mine.GetScene() is scene, "a node that is no review is never removed"


def test_the_folder_of_a_visit_goes_with_its_last_node(scene):
    node = addVisit(scene)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    folder = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node))
    mine = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "my empty folder")
    MRMLReview.removeOurs(node)
    assert hierarchy.GetItemName(folder) == "" and hierarchy.GetItemName(mine) == "my empty folder"


def test_a_deleted_list_leaves_the_lists_of_the_other_structures_where_they_belong(scene):
    node = addVisit(scene)
    scene.RemoveNode(MRMLReview.listsOf(node)[NAME][0])
    lists = MRMLReview.listsOf(node)
    assert list(lists) == ["Heart"] and lists["Heart"][0].GetNumberOfControlPoints() == 6


def test_a_review_of_a_newer_module_is_refused_and_left_as_it_is(scene):
    node = addVisit(scene)
    text = node.GetText().replace('"format":1', '"format":7')
    node.SetText(text)
    with pytest.raises(InputError, match="newer P2SAM"):
        MRMLReview.load(node)
    assert node.GetText() == text and MRMLReview.findAll(scene) == [node]


def test_an_empty_or_absent_scene_has_no_reviews(scene):
    text = scene.AddNewNodeByClass("vtkMRMLTextNode", "notes")
    assert MRMLReview.findAll(scene) == [] and MRMLReview.findAll(None) == []
    assert not MRMLReview.isReview(text) and not MRMLReview.isReview(None)


def test_a_review_is_saved_only_once_a_visit_and_named_after_the_volume(scene):
    node = addVisit(scene)
    assert node.GetName() == "CT 2 P2SAM review" and node.GetAttribute("P2SAM.Review") == "1"
    MRMLReview.save(scene, node, MRMLReview.load(node))
    assert len(MRMLReview.findAll(scene)) == 1
