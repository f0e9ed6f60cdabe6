"""Selectors of nodes follow the scene."""

import pytest
import slicer


@pytest.fixture
def selector(scene):
    one = slicer.qMRMLNodeComboBox()
    one.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    one.noneEnabled = True
    one.setMRMLScene(scene)
    return one


def add(scene, name, kind="vtkMRMLScalarVolumeNode"):
    return scene.AddNewNodeByClass(kind, name)


def test_only_nodes_of_the_class_are_offered(selector, scene):
    add(scene, "CT 1")
    add(scene, "Text", "vtkMRMLTextNode")
    assert selector.nodeCount() == 1 and selector.currentNode() is None


def test_without_none_the_first_node_is_chosen(selector, scene):
    first = add(scene, "CT 1")
    selector.noneEnabled = False
    add(scene, "CT 2")
    assert selector.currentNode().GetID() == first.GetID()


def test_the_choice_is_told_and_lost_with_its_node(selector, scene):
    one, seen = add(scene, "CT 1"), []
    selector.connect("currentNodeChanged(vtkMRMLNode*)", lambda node: seen.append(node.GetName() if node else None))
    selector.setCurrentNode(one)
    selector.setCurrentNode(one)
    scene.RemoveNode(one)
    assert seen == ["CT 1", None] and selector.currentNode() is None


def test_a_closed_scene_leaves_nothing_chosen(selector, scene):
    selector.setCurrentNode(add(scene, "CT 1"))
    scene.Clear(0)
    assert selector.currentNode() is None and selector.nodeCount() == 0


def test_several_nodes_are_ticked_and_told_once_each(scene):
    box, seen = slicer.qMRMLCheckableNodeComboBox(), []
    box.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    box.setMRMLScene(scene)
    first, second = add(scene, "CT 1"), add(scene, "CT 2")
    box.connect("checkedNodesChanged()", lambda: seen.append(len(box.checkedNodes())))
    for one in (first, second):
        box.setCheckState(one, 2)
    assert seen == [1, 2] and {one.GetName() for one in box.checkedNodes()} == {"CT 1", "CT 2"}
    scene.RemoveNode(first)
    assert [one.GetName() for one in box.checkedNodes()] == ["CT 2"]
