"""Typed parameters live in a node of the scene, follow their widgets, and come back with the scene."""

from typing import Annotated

import ctk
import pytest
import qt
import slicer
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic


@parameterNodeWrapper
class Parameters:
    priorVolume: slicer.vtkMRMLScalarVolumeNode
    followups: list[slicer.vtkMRMLScalarVolumeNode]
    segmentIds: list[str]
    counts: str = "1-3"
    reach: float = 6.5
    slices: Annotated[int, WithinRange(1, 200)] = 20
    fromDisplay: bool = True
    preset: Annotated[str, Choice(["clinical", "paper"])] = "clinical"
    weights: dict[str, float]


class TryLogic(ScriptedLoadableModuleLogic):
    def getParameterNode(self):
        return Parameters(super().getParameterNode())


@pytest.fixture
def parameters(scene):
    return TryLogic().getParameterNode()


def volumes(scene, count):
    return [scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", f"CT {number}") for number in range(count)]


def test_a_new_scene_has_the_defaults(parameters):
    assert (parameters.counts, parameters.reach, parameters.slices, parameters.fromDisplay) == ("1-3", 6.5, 20, True)
    assert parameters.priorVolume is None and list(parameters.followups) == [] and list(parameters.segmentIds) == []


def test_values_and_nodes_come_back_with_a_saved_scene(parameters, scene, tmp_path, application):
    first, second, third = volumes(scene, 3)
    parameters.priorVolume, parameters.followups = first, [second, third]
    parameters.segmentIds = ["GTV, primary", "Lung left"]
    parameters.counts, parameters.reach, parameters.slices, parameters.fromDisplay = "1,5-10", 0.1, 7, False
    parameters.weights = {"distance": 0.25}
    scene.SetURL(str(tmp_path / "case.mrml"))
    assert scene.Commit()
    scene.Clear(0)
    assert TryLogic().getParameterNode().reach == 6.5, "a closed scene starts from the defaults"
    scene.Clear(0)
    assert scene.Import()
    again = TryLogic().getParameterNode()
    assert (again.counts, again.reach, again.slices, again.fromDisplay) == ("1,5-10", 0.1, 7, False)
    assert again.priorVolume.GetName() == "CT 0" and [one.GetName() for one in again.followups] == ["CT 1", "CT 2"]
    assert list(again.segmentIds) == ["GTV, primary", "Lung left"] and again.weights["distance"] == 0.25


def test_what_comes_back_of_a_list_is_no_list_but_writes_itself(parameters):
    kept = parameters.segmentIds
    assert not isinstance(kept, list)
    kept.append("GTV")
    assert list(parameters.segmentIds) == ["GTV"]
    kept.remove("GTV")
    assert list(parameters.segmentIds) == []


def test_wrong_values_are_refused(parameters, scene):
    with pytest.raises(Exception, match="200"):
        parameters.slices = 201
    with pytest.raises(Exception):  # noqa: B017 - Slicer and the stand-in differ in the kind
        parameters.priorVolume = scene.AddNewNodeByClass("vtkMRMLTextNode")
    with pytest.raises(Exception):  # noqa: B017
        parameters.counts = 3
    assert parameters.slices == 20 and parameters.priorVolume is None and parameters.counts == "1-3"


def panel():
    """A widget with one child for each kind of parameter."""
    parent = qt.QWidget()
    made = {
        "counts": qt.QLineEdit(parent), "reach": qt.QDoubleSpinBox(parent), "slices": qt.QSpinBox(parent), "fromDisplay": qt.QCheckBox(parent),
        "preset": qt.QComboBox(parent), "priorVolume": slicer.qMRMLNodeComboBox(parent),
    }
    for name, widget in made.items():
        widget.setProperty("SlicerParameterName", name)
    made["priorVolume"].setMRMLScene(slicer.mrmlScene)
    made["priorVolume"].noneEnabled = True
    return parent, made


def test_widgets_follow_parameters_and_parameters_follow_widgets(parameters, scene):
    (volume,) = volumes(scene, 1)
    parent, made = panel()
    tag = parameters.connectGui(parent)
    assert (made["counts"].text, made["reach"].value, made["slices"].value, made["fromDisplay"].checked, made["preset"].currentText) == ("1-3", 6.5, 20, True, "clinical")
    made["counts"].text, made["slices"].value, made["fromDisplay"].checked, made["preset"].currentIndex = "2", 9, False, 1
    made["priorVolume"].setCurrentNode(volume)
    assert (parameters.counts, parameters.slices, parameters.fromDisplay, parameters.preset) == ("2", 9, False, "paper")
    assert parameters.priorVolume.GetID() == volume.GetID()
    parameters.counts, parameters.reach = "1-5", 2.5
    assert (made["counts"].text, made["reach"].value) == ("1-5", 2.5)
    parameters.disconnectGui(tag)
    made["counts"].text = "4"
    assert parameters.counts == "1-5"


def test_a_widget_that_no_connector_fits_is_refused(parameters):
    parent = qt.QWidget()
    box = ctk.ctkComboBox(parent)
    box.setProperty("SlicerParameterName", "counts")
    with pytest.raises(RuntimeError, match="Unable to create GUI connector"):
        parameters.connectGui(parent)


def test_a_widget_named_after_no_parameter_is_refused(parameters):
    parent = qt.QWidget()
    qt.QLineEdit(parent).setProperty("SlicerParameterName", "conuts")
    with pytest.raises(ValueError, match="conuts"):
        parameters.connectGui(parent)
