"""The module itself: what loading it does and does not do, reload, several scenes, save and load, the sample patient."""

import subprocess
import sys
from pathlib import Path

import pytest
import qt
import slicer
from panel_driver import PanelDriver, reviews
from phantom_scene import PhantomScene
from P2SAMSlicerLib import MRMLReview, SampleData
from p2sam_worker.protocol import VERSION

ROOT = Path(__file__).resolve().parents[2]
LOADS = """
import sys
sys.path.insert(0, {testing!r})
import runtime
slicer = runtime.install()
def refused(*arguments, **options):
    raise AssertionError("something was asked or installed")
for name in ("confirmOkCancelDisplay", "confirmYesNoDisplay", "infoDisplay", "errorDisplay", "pip_install"):
    setattr(slicer.util, name, refused)
runtime.load_module({module!r})
heavy = {{"torch", "SimpleITK", "sklearn", "ot", "scipy"}} & sys.modules.keys()
slicer.util.selectModule("P2SAMSlicer")
slicer.app.processEvents()
panel = slicer.util.getModuleWidget("P2SAMSlicer").panel
print("HEAVY", sorted(heavy), "TORCH", "torch" in sys.modules, "WORKER", panel.logic.worker.running)
runtime.close()
"""


@pytest.fixture
def panel(module, wait):
    driver = PanelDriver(module, wait)
    yield driver
    driver.rest()


def test_loading_and_opening_asks_installs_and_starts_nothing(application):
    script = LOADS.format(testing=str(ROOT / "Testing"), module=str(ROOT / "P2SAMSlicer/P2SAMSlicer.py"))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert "HEAVY [] TORCH False WORKER False" in done.stdout, done.stdout + done.stderr[-2000:]


def test_the_module_says_what_it_is(module):
    about = slicer.modules.p2samslicer
    assert about.title == "P2SAM" and list(about.categories) == ["Radiotherapy"] and list(about.contributors) == ["P2SAMSlicer contributors"]
    assert "research use only" in about.helpText and "2403.05433" in about.acknowledgementText


def test_closing_the_scene_leaves_a_panel_that_works(panel, scene):
    panel.choose(PhantomScene(scene, followups=1))
    assert panel.whyNot is None
    scene.Clear(0)
    panel.settle()
    assert "prior volume" in panel.whyNot and panel.ui.segmentsList.count == 0 and panel.ui.followupsTree.topLevelItemCount == 0
    panel.choose(PhantomScene(scene, followups=1))
    assert panel.whyNot is None


def test_choices_and_results_come_back_with_the_scene(panel, scene, tmp_path, printed):
    phantom = PhantomScene(scene, followups=1)
    panel.choose(phantom, structures=["GTV"])
    panel.ui.reachBox.value = 22
    panel.ui.negativeCountsEdit.text = "1-2"
    panel.propagate()
    panel.finish()
    (review,) = reviews()
    before = MRMLReview.load(review)
    for node in [phantom.prior, *phantom.followups]:
        save(node, tmp_path / f"{node.GetName()}.nrrd", "vtkMRMLVolumeArchetypeStorageNode")
    for node in (phantom.segmentation, MRMLReview.reference(review, "segmentation")):
        save(node, tmp_path / f"{node.GetName()}.seg.nrrd", "vtkMRMLSegmentationStorageNode")
    scene.SetURL(str(tmp_path / "scene.mrml"))
    scene.SetRootDirectory(str(tmp_path))
    assert scene.Commit()
    scene.Clear(0)
    assert not reviews()
    scene.SetURL(str(tmp_path / "scene.mrml"))
    assert scene.Connect()
    panel.settle()
    node = panel.panel.parameterNode
    assert (node.priorVolume.GetName(), node.priorSegmentation.GetName()) == ("CT January", "Contours January")
    assert [one.GetName() for one in node.followups] == ["CT February"] and panel.panel.visitsPanel.segmentIds() == ["GTV"]
    assert panel.ui.reachBox.value == 22 and panel.ui.negativeCountsEdit.text == "1-2" and panel.whyNot is None
    (again,) = reviews()
    assert MRMLReview.load(again).toJson() == before.toJson()
    assert all("preset name: Reformat" in one for one in printed), "Slicer says this itself of every saved view that is turned"
    printed.clear()


def save(node, path, storageClass):
    storage = slicer.mrmlScene.AddNewNodeByClass(storageClass)
    storage.SetFileName(str(path))
    node.SetAndObserveStorageNodeID(storage.GetID())
    assert storage.WriteData(node)


def test_reloading_the_module_gives_a_panel_with_the_same_choices(panel, scene):
    phantom = PhantomScene(scene, followups=1)
    panel.choose(phantom, structures=["GTV"])
    worker = panel.panel.logic.worker
    slicer.modules.P2SAMSlicerWidget.onReload()
    slicer.util.selectModule("P2SAMSlicer")
    fresh = slicer.util.getModuleWidget("P2SAMSlicer")
    assert fresh.panel is not panel.panel and not worker.running
    assert fresh.panel._entered, "the panel on the screen shows the slices of a run, and its keys work"
    fresh.panel.visitsPanel.refresh()
    assert fresh.panel.visitsPanel.segmentIds() == ["GTV"] and fresh.panel.parameterNode.priorVolume is phantom.prior
    fresh.panel.logic.shutdown()


def test_a_scene_closed_during_a_run_ends_it_and_the_panel_works_on(panel, scene):
    phantom = PhantomScene(scene, followups=1)
    panel.choose(phantom)
    panel.propagate()
    panel.wait(lambda: "drawing" in panel.ui.progressLabel.text, 60)
    scene.Clear(0)
    panel.finish(30)
    panel.choose(PhantomScene(scene, followups=1), structures=["GTV"])
    panel.propagate()
    panel.finish()
    assert len(reviews()) == 1


def test_the_sample_patient_is_computed_loaded_and_chosen(panel):
    panel.click(panel.ui.sampleButton)
    panel.wait(lambda: panel.whyNot is None, 120, "the sample patient")
    assert [node.GetName() for node in panel.panel.visitsPanel.followups()] == ["Sample followup1", "Sample followup2"]
    assert "same patient" in panel.ui.checksLabel.text and "⚠" not in panel.ui.checksLabel.text
    assert len(panel.panel.visitsPanel.segmentIds()) == 5


def test_a_sample_patient_that_cannot_be_computed_is_told_with_the_reason(panel, monkeypatch):
    compute = panel.panel.logic.loadSample
    monkeypatch.setattr(panel.panel.logic, "loadSample", lambda callback: compute(callback, scale=0.4))
    panel.click(panel.ui.sampleButton)
    panel.wait(lambda: panel.ui.propagateButton.text == "Propagate" and panel.ui.progressLabel.text, 60, "the reason")
    assert "between 0.5 and 4" in panel.ui.progressLabel.text and panel.ui.sampleButton.visible


def test_the_dates_of_the_sample_are_those_of_the_phantom(application):
    code = "from p2sam.phantom import FOLLOWUPS, PATIENT_ID, PRIOR; print(PATIENT_ID, PRIOR.date, *(one.date for one in FOLLOWUPS))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == [SampleData.PATIENT_ID, *SampleData.DATES]


def test_the_sample_is_offered_in_slicers_sample_data_without_a_download(monkeypatch, application):
    offered = []

    class SampleDataLogic:
        @staticmethod
        def registerCustomSampleDataSource(**options):
            offered.append(options)

    monkeypatch.setitem(sys.modules, "SampleData", type(sys)("SampleData"))
    sys.modules["SampleData"].SampleDataLogic = SampleDataLogic
    SampleData.register()
    (source,) = offered
    assert source["customDownloader"] is SampleData.load and not source["uris"] and Path(source["thumbnailFileName"]).is_file()


def test_slicer_and_worker_speak_the_same_protocol(panel, scene):
    panel.panel.logic.devices()
    assert panel.panel.logic.worker.client.hello["protocol"] == VERSION


def test_the_self_tests_of_the_module_pass(module, scene):
    slicer.selfTests["P2SAMSlicer"]()


def test_research_use_is_stated_once_where_no_section_hides_it(module):
    panel = module.panel
    sections = [getattr(panel.ui, name) for name in ("visitsButton", "modelButton", "settingsButton")]
    sections += [getattr(panel.reviewUi, name) for name in ("reviewCollapsibleButton", "correctCollapsibleButton", "reportCollapsibleButton")]
    before = [section.collapsed for section in sections]
    try:
        for section in sections:
            section.collapsed = True
        stated = [label for label in panel.uiWidget.findChildren(qt.QLabel) if "research use" in label.text]
        assert [label.visible for label in stated] == [True]
    finally:
        for section, was in zip(sections, before):
            section.collapsed = was
