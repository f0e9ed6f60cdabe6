"""Part 2 of the panel: the list of models, download with consent, bytes and cancel, removal, own files, devices."""

import sys
from dataclasses import replace

import pytest
import qt
import weights_server
from p2sam.models import registry, weights
from panel_driver import PanelDriver
from phantom_scene import PhantomScene
from P2SAMSlicerLib import ModelChoice
from P2SAMSlicerLib.WorkerProcess import WorkerProcess

SERVED = """
import dataclasses, sys
from p2sam.models import registry
spec = dataclasses.replace(registry.find("sam_vit_b"), url={url!r}, sha256={sha256!r}, size_bytes={size})
registry.MODELS = tuple(spec if one.name == spec.name else one for one in registry.MODELS)
from p2sam_worker import weights
sys.exit(weights.main(sys.argv[1:]))
"""
"""The child as it is, but for where the file lies."""


@pytest.fixture
def panel(module, wait, tmp_path, monkeypatch):
    module.panel.logic.shutdown()
    monkeypatch.setenv("P2SAM_HOME", str(tmp_path / "home"))
    driver = PanelDriver(module, wait)
    driver.ui.modelButton.collapsed = False
    yield driver
    driver.panel.modelPanel._weights.kill()
    driver.panel.logic.shutdown()


@pytest.fixture
def served(panel, monkeypatch):
    """Function: pause between pieces -> the model sam_vit_b comes from a server of this machine."""
    stack = []

    def start(pause_s=0.0, sha256=weights_server.SHA256):
        server = weights_server.serving(pause_s)
        stack.append(server)
        url, size = server.__enter__(), len(weights_server.CONTENT)
        script = SERVED.format(url=url, sha256=sha256, size=size)
        spec = replace(registry.find("sam_vit_b"), url=url, sha256=sha256, size_bytes=size)
        monkeypatch.setattr(registry, "MODELS", tuple(spec if one.name == spec.name else one for one in registry.MODELS))
        monkeypatch.setattr(panel.panel.modelPanel._weights, "_makeProcess", lambda arguments: WorkerProcess(["-c", script, *arguments[2:]]))
        return spec

    yield start
    for server in stack:
        server.__exit__(None, None, None)


def choose(panel, key):
    panel.panel.modelPanel.choose(key)


def test_the_list_has_every_model_with_its_size_and_the_built_in_one_first(panel):
    titles = [panel.ui.modelSelector.itemText(number) for number in range(panel.ui.modelSelector.count)]
    assert len(titles) == len(registry.MODELS) + 1 and "Graph" in titles[0]
    large = next(title for title in titles if "SAM ViT-B" in title)
    assert "375 MB" in large and "to download" in large and "SAM nano" in titles[1] and "download" not in titles[1]
    choose(panel, "sam_vit_h")
    assert "2.6 GB" in panel.ui.modelDetailsLabel.text and "Apache-2.0" in panel.ui.modelDetailsLabel.text


def test_the_built_in_model_asks_for_nothing(panel):
    assert not panel.ui.weightsRow.visible and not panel.ui.deviceSelector.visible and not panel.ui.modelFileEdit.visible


def test_a_model_without_weights_disables_propagate_with_the_reason(panel, scene):
    panel.choose(PhantomScene(scene, followups=1))
    choose(panel, "sam2.1_tiny")
    assert "Download the weights of SAM 2.1 tiny" in panel.whyNot


def test_a_download_that_is_declined_asks_the_network_for_nothing(panel, dialogs):
    choose(panel, "sam_vit_b")
    dialogs.expect("confirmOkCancelDisplay", False)
    panel.click(panel.ui.downloadButton)
    assert "375 MB" in dialogs.shown[0][1] and "Licence" in dialogs.shown[0][1] and "dl.fbaipublicfiles.com" in dialogs.shown[0][1]
    assert not panel.panel.modelPanel._weights.running


def test_weights_are_downloaded_used_and_removed(panel, served, dialogs):
    spec = served(0.02)
    choose(panel, "sam_vit_b")
    dialogs.expect("confirmOkCancelDisplay", True)
    panel.click(panel.ui.downloadButton)
    assert panel.ui.downloadButton.text == "Cancel download" and "downloaded" in panel.panel.modelPanel.whyNot()
    panel.wait(lambda: panel.ui.downloadProgressBar.value > 100, 20, "bytes")
    assert "MB" in panel.ui.downloadProgressBar.format
    panel.wait(lambda: weights.is_present(spec) and not panel.panel.modelPanel._weights.running, 20)
    assert panel.panel.modelPanel.whyNot() is None and panel.ui.removeButton.visible and not panel.ui.downloadButton.visible
    dialogs.expect("confirmOkCancelDisplay", True)
    panel.click(panel.ui.removeButton)
    assert not weights.path(spec).exists() and panel.ui.downloadButton.visible


def test_a_cancelled_download_goes_on_where_it_stopped(panel, served, dialogs, monkeypatch):
    """Also where the next one begins before the first would have been ended by force."""
    monkeypatch.setattr(sys.modules[type(panel.panel.modelPanel).__module__], "KILL_AFTER_MS", 700)
    spec = served(0.15)
    choose(panel, "sam_vit_b")
    dialogs.expect("confirmOkCancelDisplay", True)
    panel.click(panel.ui.downloadButton)
    panel.wait(lambda: panel.ui.downloadProgressBar.value > 200, 20, "bytes")
    panel.click(panel.ui.downloadButton)
    panel.wait(lambda: not panel.panel.modelPanel._weights.running, 5, "the end of the download")
    part = weights.path(spec).with_name(weights.path(spec).name + ".part")
    kept = part.stat().st_size
    assert 0 < kept < spec.size_bytes and panel.ui.downloadButton.text == "Download…"
    dialogs.expect("confirmOkCancelDisplay", True)
    panel.click(panel.ui.downloadButton)
    panel.wait(lambda: weights.is_present(spec), 20)
    assert weights.path(spec).read_bytes() == weights_server.CONTENT


def test_a_file_that_is_not_the_published_one_is_refused_and_said(panel, served, dialogs):
    served(sha256="0" * 64)
    choose(panel, "sam_vit_b")
    dialogs.expect("confirmOkCancelDisplay", True)
    panel.click(panel.ui.downloadButton)
    panel.wait(lambda: "is not the published" in panel.ui.modelDetailsLabel.text, 20, "the refusal")
    assert panel.panel.modelPanel.whyNot() is not None


def test_weights_can_come_from_a_file_without_a_network(panel, served, dialogs, tmp_path):
    spec = served()
    file = tmp_path / "copied here.pth"
    file.write_bytes(weights_server.CONTENT)
    choose(panel, "sam_vit_b")
    dialogs.expect("QFileDialog.getOpenFileName", str(file))
    panel.click(panel.ui.installFileButton)
    panel.wait(lambda: weights.is_present(spec), 20)


def test_a_file_of_ones_own_must_exist(panel, tmp_path, scene):
    panel.choose(PhantomScene(scene, followups=1))
    choose(panel, ModelChoice.LOCAL_FILE)
    assert "Choose the weights file" in panel.whyNot
    panel.ui.modelFileEdit.currentPath = str(tmp_path / "absent.pth")
    assert "absent.pth" in panel.whyNot
    (tmp_path / "mine.pth").write_bytes(b"x")
    panel.ui.modelFileEdit.currentPath = str(tmp_path / "mine.pth")
    assert panel.whyNot is None and panel.panel.modelPanel.name == str(tmp_path / "mine.pth") and panel.panel.modelPanel.family == "sam"


def test_devices_are_tried_in_the_worker_and_torch_stays_out_of_slicer(panel):
    choose(panel, "sam_vit_b")
    assert "Press Test" in panel.ui.deviceDetailsLabel.text
    panel.click(panel.ui.probeButton)
    panel.wait(lambda: panel.panel.devicePanel.probed, 90, "the devices")
    titles = [panel.ui.deviceSelector.itemText(number) for number in range(panel.ui.deviceSelector.count)]
    assert titles[0] == "Automatic" and len(titles) >= 2
    assert "torch" not in sys.modules


def test_a_torch_that_does_not_start_is_said_and_a_repair_offered(panel, monkeypatch):
    choose(panel, "sam_vit_b")
    answer = {"devices": [{"id": "cpu", "title": "CPU", "works": True, "reason": ""}], "torch": None, "torch_error": "libcudnn.so.9 is missing"}
    monkeypatch.setattr(panel.panel.logic, "devices", lambda callback: callback(answer), raising=False)
    monkeypatch.setattr("P2SAMSlicerLib.DevicePanel._torchRecord", lambda: True)
    panel.click(panel.ui.probeButton)
    assert "libcudnn" in panel.ui.deviceDetailsLabel.text and panel.ui.repairButton.visible
    panel.panel.devicePanel.forget()
    assert not panel.ui.repairButton.visible


def test_a_gpu_that_does_not_work_is_named_with_the_reason(panel, monkeypatch):
    choose(panel, "sam_vit_b")
    devices = [{"id": "cuda:0", "title": "Old GPU, 1.2 GB free", "works": False, "reason": "no kernel image"}, {"id": "cpu", "title": "CPU", "works": True, "reason": ""}]
    monkeypatch.setattr(panel.panel.logic, "devices", lambda callback: callback({"devices": devices, "torch": "2.6", "torch_error": None}), raising=False)
    panel.click(panel.ui.probeButton)
    assert "Old GPU" in panel.ui.deviceDetailsLabel.text and "no kernel image" in panel.ui.deviceDetailsLabel.text
    assert [panel.ui.deviceSelector.itemText(number) for number in range(panel.ui.deviceSelector.count)] == ["Automatic", "CPU"]


def test_the_folder_of_packages_is_kept_by_the_application(panel, tmp_path):
    panel.ui.wheelhouseEdit.currentPath = str(tmp_path)
    assert qt.QSettings().value("P2SAMSlicer/Wheelhouse") == str(tmp_path) and panel.panel.offline.folder == str(tmp_path)
    panel.ui.wheelhouseEdit.currentPath = ""
