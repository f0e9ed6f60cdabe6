"""The application around the module: modules, layouts, undo, and a module loaded from its file."""

import textwrap

import numpy as np
import pytest
import slicer
import slicer.util
from application_kind import isRealSlicer

TRY = """
import slicer
from slicer.ScriptedLoadableModule import *
from slicer.util import VTKObservationMixin

class TryModule(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = "Try"
        parent.categories = ["Radiotherapy"]

class TryModuleWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.calls = []

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        self.ui = slicer.util.childWidgetVariables(self.load())
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, lambda caller, event: self.calls.append("closed"))
        self.calls.append("setup")

    def load(self):
        widget = slicer.util.loadUI(self.resourcePath("UI/TryModule.ui"))
        self.layout.addWidget(widget)
        widget.setMRMLScene(slicer.mrmlScene)
        return widget

    def enter(self):
        self.calls.append("enter")

    def exit(self):
        self.calls.append("exit")

    def cleanup(self):
        self.removeObservers()
        self.calls.append("cleanup")
"""
UI = """<?xml version="1.0" encoding="UTF-8"?>
<ui version="4.0"><class>TryModule</class>
<widget class="qMRMLWidget" name="TryModule"><layout class="QVBoxLayout" name="column">
<item><widget class="ctkCollapsibleButton" name="visits"><property name="text"><string>Visits</string></property>
<layout class="QFormLayout" name="form"><item row="0" column="1"><widget class="qMRMLNodeComboBox" name="prior">
<property name="nodeTypes"><stringlist><string>vtkMRMLScalarVolumeNode</string></stringlist></property>
<property name="noneEnabled"><bool>true</bool></property>
<property name="SlicerParameterName" stdset="0"><string>priorVolume</string></property></widget></item></layout></widget></item>
</layout></widget>
<connections><connection><sender>TryModule</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal><receiver>prior</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot></connection></connections></ui>
"""


@pytest.fixture
def tryModule(scene, mainWindow, tmp_path):
    """A small module, loaded from its file and entered."""
    if isRealSlicer():
        pytest.skip("Slicer finds modules at its start only")
    import runtime

    (tmp_path / "Resources" / "UI").mkdir(parents=True)
    (tmp_path / "TryModule.py").write_text(textwrap.dedent(TRY), encoding="utf-8")
    (tmp_path / "Resources" / "UI" / "TryModule.ui").write_text(UI, encoding="utf-8")
    runtime.load_module(tmp_path / "TryModule.py")
    slicer.util.selectModule("TryModule")
    yield slicer.util.getModuleWidget("TryModule")
    slicer.util.selectModule("SegmentEditor")


def test_a_scripted_module_is_set_up_entered_and_left(tryModule, scene):
    assert slicer.modules.trymodule.title == "Try" and slicer.util.selectedModule() == "TryModule"
    assert tryModule.calls == ["setup", "enter"] and slicer.modules.TryModuleWidget is tryModule
    slicer.util.selectModule("SegmentEditor")
    assert tryModule.calls[-1] == "exit" and not tryModule.parent.visible


def test_a_ui_file_hands_the_scene_on_and_keeps_dynamic_properties(tryModule, scene):
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
    assert tryModule.ui.prior.nodeCount() == 1 and tryModule.ui.prior.property("SlicerParameterName") == "priorVolume"
    tryModule.ui.prior.setCurrentNode(volume)
    assert tryModule.ui.prior.currentNode().GetName() == "CT"
    assert tryModule.ui.visits.text == "Visits" and tryModule.ui.prior.noneEnabled is True


def test_a_module_is_reloaded_from_its_file(tryModule, scene):
    before = tryModule
    slicer.util.reloadScriptedModule("TryModule")
    after = slicer.util.getModuleWidget("TryModule")
    assert after is not before and before.calls[-1] == "cleanup" and "setup" in after.calls
    scene.Clear(0)
    assert "closed" in after.calls and "closed" not in before.calls


def test_the_segment_editor_can_be_opened_on_a_segment_and_undone(scene, mainWindow):
    volume = slicer.util.addVolumeFromArray(np.zeros((6, 8, 10), np.int16), np.diag([1.0, 1.5, 3.0, 1.0]), "CT")
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "CT P2SAM")
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    for name in ("GTV", "Heart"):
        node.GetSegmentation().AddEmptySegment(name, name)
    slicer.util.selectModule("SegmentEditor")
    editor = slicer.util.getModuleWidget("SegmentEditor").editor
    editor.setSegmentationNode(node)
    editor.setSourceVolumeNode(volume)
    editor.setCurrentSegmentID("Heart")
    assert editor.currentSegmentID() == "Heart" and editor.segmentationNode().GetID() == node.GetID()
    mask = np.zeros((6, 8, 10), np.uint8)
    mask[2:4, 2:6, 3:7] = 1
    editor.saveStateForUndo()
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, "Heart", volume)
    assert slicer.util.arrayFromSegmentBinaryLabelmap(node, "Heart", volume).sum() == mask.sum()
    editor.undo()
    assert slicer.util.arrayFromSegmentBinaryLabelmap(node, "Heart", volume).sum() == 0


def test_the_application_says_what_it_is(application):
    assert application.majorVersion == 5 and application.testingEnabled() in (True, False)
    assert application.applicationLogic().GetSelectionNode() is not None
    assert slicer.util.mainWindow().className() == "qSlicerMainWindow" or isRealSlicer()


def test_a_chart_is_drawn_in_the_plot_view(scene, mainWindow, application):
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", "Distances")
    slicer.util.updateTableFromArray(table, [np.arange(5.0), np.array([1.0, 4.0, 2.0, 8.0, 3.0])], ["Slice", "Distance"])
    series = scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", "GTV")
    series.SetAndObserveTableNodeID(table.GetID())
    series.SetXColumnName("Slice")
    series.SetYColumnName("Distance")
    series.SetColor(1, 0, 0)
    chart = scene.AddNewNodeByClass("vtkMRMLPlotChartNode", "Chart")
    chart.AddAndObservePlotSeriesNodeID(series.GetID())
    layout = slicer.app.layoutManager()
    layout.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalPlotView)
    application.processEvents()
    layout.plotWidget(0).mrmlPlotViewNode().SetPlotChartNodeID(chart.GetID())
    application.processEvents()
    image = layout.plotWidget(0).grab().toImage()
    colours = {image.pixelColor(x, y).name() for x in range(0, image.width(), 1) for y in range(0, image.height(), 2)}
    assert len(colours) > 2, "lines and a frame are drawn"
    layout.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView)


@pytest.mark.parametrize("name", ["case.mrb", "folder/case.mrml", "bundle"])
def test_a_scene_is_saved_closed_and_loaded_again(scene, mainWindow, tmp_path, application, name):
    array = (np.arange(6 * 8 * 10).reshape(6, 8, 10) % 100).astype(np.int16)
    volume = slicer.util.addVolumeFromArray(array, np.array([[-1.0, 0, 0, 5], [0, -1.5, 0, 7], [0, 0, 3.0, -9], [0, 0, 0, 1]]), "CT")
    points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "GTV +")
    points.AddControlPoint(1.0, 2.0, 3.0, "p1 · slice 4")
    path = tmp_path / name
    if name.endswith("mrml"):
        path.parent.mkdir()
        for node, end in ((volume, "nrrd"), (points, "mrk.json")):
            assert slicer.util.saveNode(node, str(path.parent / f"{node.GetName()}.{end}"))
    assert slicer.util.saveScene(str(path))
    scene.Clear(0)
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []
    file = next(path.glob("*.mrml")) if path.is_dir() else path
    slicer.util.loadScene(str(file))
    application.processEvents()
    assert np.array_equal(slicer.util.arrayFromVolume(slicer.util.getNode("CT")), array)
    assert slicer.util.getNode("GTV +").GetNthControlPointLabel(0) == "p1 · slice 4"
    assert slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode().GetScene() is scene
