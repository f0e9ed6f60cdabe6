"""What a model lacks is asked for and installed on Propagate only; Slicer's own packages stay as they are."""

import os
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import pytest
import slicer
from p2sam_worker import packages
from P2SAMSlicerLib import Dependencies as module_under_test
from P2SAMSlicerLib import Installer
from P2SAMSlicerLib.Dependencies import SAM2, TORCH, Declined, Dependencies, DependencyError

REQUIREMENTS = Path(__file__).resolve().parents[2] / "P2SAMSlicer" / "Resources" / "requirements.txt"


@pytest.fixture
def outside(monkeypatch, application):
    """An application that is not in testing mode, whose pip only notes what it is asked for, and what is installed."""
    calls, installed = [], set()

    def install(requirements, **options):
        calls.append(([*requirements], {name: os.environ.get(name) for name in ("PIP_CONSTRAINT", "PIP_NO_INDEX", "PIP_FIND_LINKS", "SAM2_BUILD_CUDA")}))
        installed.update(one for one in requirements if not one.startswith("-"))

    packaging = types.ModuleType("slicer.packaging")
    packaging.pip_install = install
    monkeypatch.setitem(sys.modules, "slicer.packaging", packaging)
    monkeypatch.setattr(module_under_test.slicer, "app", types.SimpleNamespace(testingEnabled=lambda: False))
    monkeypatch.setattr(slicer.util, "pip_install", install, raising=False)
    monkeypatch.setattr(slicer.util, "pip_uninstall", lambda names, **options: calls.append((["uninstall", names], {})), raising=False)
    monkeypatch.setattr(Installer, "isSatisfied", lambda requirement: requirement in installed)
    return types.SimpleNamespace(calls=calls, installed=installed, install=install)


def torchUtils(monkeypatch, outside):
    """The PyTorch extension, as it is: it imports torch into the application after installing it."""
    asked = []

    class PyTorchUtilsLogic:
        def installTorch(self, askConfirmation=False, forceComputationBackend=None, torchVersionRequirement=None):
            asked.append((askConfirmation, torchVersionRequirement))
            outside.installed.update(TORCH)
            import torch

            return torch

    monkeypatch.setitem(sys.modules, "PyTorchUtils", types.SimpleNamespace(PyTorchUtilsLogic=PyTorchUtilsLogic))
    return asked


def packagesOf(call):
    return [one for one in call[0] if not one.startswith("-")]


def test_graph_needs_three_small_packages_and_no_torch(outside, dialogs):
    dialogs.expect("confirmOkCancelDisplay", True)
    assert Dependencies(REQUIREMENTS).ensure("graph") is True
    ((requirements, _environment),) = outside.calls
    assert sorted(one.partition(">")[0] for one in requirements) == ["POT", "scikit-learn", "threadpoolctl"]
    text = dialogs.shown[0][1]
    assert "scikit-learn" in text and "numpy and SimpleITK are not changed" in text and "20 MB" in text


def test_a_sam_needs_what_opens_every_form_of_its_weights(outside):
    """Also the file of `sam_nano`, which comes with the module: without this it would stop after the installation."""
    missing = {one.partition(">")[0] for one in Dependencies(REQUIREMENTS).missing("sam")}
    assert {"torch", "torchvision", "segment-anything", "safetensors"} <= missing
    assert "safetensors" in packages.MODULES


def test_nothing_is_asked_where_nothing_is_missing(outside):
    dependencies = Dependencies(REQUIREMENTS)
    outside.installed.update(dependencies.missing("graph"))
    assert dependencies.ensure("graph") is False and not outside.calls


def test_what_is_declined_is_not_installed(outside, dialogs):
    dialogs.expect("confirmOkCancelDisplay", False)
    stopped = []
    with pytest.raises(Declined, match="Nothing was installed"):
        Dependencies(REQUIREMENTS).ensure("graph", beforeInstall=lambda: stopped.append(1))
    assert not outside.calls and not stopped


def test_testing_mode_installs_nothing_and_says_so(monkeypatch, outside):
    monkeypatch.setattr(module_under_test.slicer, "app", types.SimpleNamespace(testingEnabled=lambda: True))
    with pytest.raises(DependencyError, match="testing mode"):
        Dependencies(REQUIREMENTS).ensure("graph")
    assert not outside.calls


def test_what_slicer_ships_is_held_at_its_version(outside, dialogs, monkeypatch):
    seen = []
    inner = outside.install

    def install(requirements, **options):
        import urllib.request

        with urllib.request.urlopen(os.environ["PIP_CONSTRAINT"]) as file:
            seen.append(file.read().decode())
        inner(requirements, **options)

    monkeypatch.setattr(sys.modules["slicer.packaging"], "pip_install", install)
    dialogs.expect("confirmOkCancelDisplay", True)
    Dependencies(REQUIREMENTS).ensure("graph")
    import numpy
    import SimpleITK

    assert f"numpy=={numpy.__version__}\n" in seen[0] and "SimpleITK==" in seen[0] and SimpleITK
    assert "PIP_CONSTRAINT" not in os.environ


def test_torch_comes_through_the_pytorch_extension_and_stays_out_of_this_process(outside, dialogs, monkeypatch):
    asked = torchUtils(monkeypatch, outside)
    dialogs.expect("confirmOkCancelDisplay", True)
    assert Dependencies(REQUIREMENTS).ensure("sam")
    assert asked == [(False, ">=2.6")] and "torch" not in sys.modules
    assert not any(one in TORCH for call in outside.calls for one in call[0])
    assert "sam2" not in " ".join(one for call in outside.calls for one in call[0])


def test_without_the_pytorch_extension_the_way_out_is_named(outside, dialogs, monkeypatch):
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    dialogs.expect("confirmOkCancelDisplay", True)
    with pytest.raises(DependencyError, match="Extensions Manager"):
        Dependencies(REQUIREMENTS).ensure("sam")


def test_sam2_is_built_last_without_its_cuda_part_and_without_dependencies(outside, dialogs, monkeypatch):
    torchUtils(monkeypatch, outside)
    dialogs.expect("confirmOkCancelDisplay", True)
    Dependencies(REQUIREMENTS).ensure("sam2")
    last, environment = outside.calls[-1]
    assert last == [*SAM2, "--no-deps", "--no-build-isolation"] and environment["SAM2_BUILD_CUDA"] == "0"
    assert "SAM2_BUILD_CUDA" not in os.environ


def test_a_folder_of_packages_replaces_the_network(outside, dialogs, tmp_path):
    wheels = tmp_path / "our wheels"
    wheels.mkdir()
    dialogs.expect("confirmOkCancelDisplay", True)
    Dependencies(REQUIREMENTS, str(wheels)).ensure("sam")
    assert all(call[1]["PIP_NO_INDEX"] == "1" and call[1]["PIP_FIND_LINKS"] == wheels.as_uri() for call in outside.calls)
    assert [one for call in outside.calls for one in call[0] if one in TORCH] == list(TORCH)
    assert str(wheels) in dialogs.shown[0][1]


def test_a_folder_that_is_not_there_is_named(outside, dialogs):
    dialogs.expect("confirmOkCancelDisplay", True)
    with pytest.raises(DependencyError, match="absent"):
        Dependencies(REQUIREMENTS, "/absent/wheels").ensure("graph")


def test_pip_that_fails_is_a_sentence(outside, dialogs, monkeypatch):
    def fail(requirements, **options):
        raise subprocess.CalledProcessError(1, "pip")

    monkeypatch.setattr(sys.modules["slicer.packaging"], "pip_install", fail)
    dialogs.expect("confirmOkCancelDisplay", True)
    with pytest.raises(DependencyError, match="could not be installed"):
        Dependencies(REQUIREMENTS).ensure("graph")


def test_slicer_5_10_has_no_packaging_and_its_older_function_is_used(outside, dialogs, monkeypatch):
    monkeypatch.setitem(sys.modules, "slicer.packaging", None)
    dialogs.expect("confirmOkCancelDisplay", True)
    assert Dependencies(REQUIREMENTS).ensure("graph") and len(outside.calls) == 1


def test_a_damaged_torch_is_removed_and_installed_again_after_asking(outside, dialogs, monkeypatch):
    asked = torchUtils(monkeypatch, outside)
    order = []
    dialogs.expect("confirmOkCancelDisplay", True)
    Dependencies(REQUIREMENTS).repairTorch("libcudnn.so.9 is missing", beforeInstall=lambda: order.append("worker stopped"))
    assert outside.calls[0][0] == ["uninstall", "torch torchvision"] and asked and order == ["worker stopped"]
    assert "libcudnn" in dialogs.shown[0][1]


def test_a_restart_is_offered_only_where_a_loaded_package_changed(dialogs, monkeypatch):
    before = Installer.versions()
    Installer.offerRestart(before)
    assert not dialogs.shown
    dialogs.expect("confirmYesNoDisplay", False)
    Installer.offerRestart({**before, "numpy": "1.0"})
    assert "numpy" in dialogs.shown[0][1]


@pytest.mark.parametrize(("requirement", "isThere"), [("numpy>=1.20", True), ("numpy>=99", False), ("surely-not-there>=1", False)])
def test_a_requirement_is_compared_with_what_is_recorded(requirement, isThere):
    assert Installer.isSatisfied(requirement) is isThere


def test_pip_itself_honours_the_constraints_and_the_folder_with_blanks_in_their_names(tmp_path):
    """Run for real, without a network: a package that wants a newer one than is held is refused."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    for name, version, needs in (("alpha", "1.0", ""), ("alpha", "2.0", ""), ("beta", "1.0", "alpha>=1.0"), ("gamma", "1.0", "alpha>=2.0")):
        writeWheel(folder, name, version, needs)
    constraints = folder / "constraints.txt"
    constraints.write_text("alpha==1.0\n")

    def dryRun(name):
        with Installer.environment(PIP_CONSTRAINT=constraints.as_uri(), PIP_NO_INDEX="1", PIP_FIND_LINKS=folder.as_uri(), PIP_DISABLE_PIP_VERSION_CHECK="1"):
            return subprocess.run([sys.executable, "-m", "pip", "install", "--dry-run", "--target", str(tmp_path / "t"), name], capture_output=True, text=True, timeout=120)

    assert "Would install alpha-1.0 beta-1.0" in dryRun("beta").stdout
    assert dryRun("gamma").returncode != 0


def writeWheel(folder, name, version, needs):
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{name}.py", "")
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + (f"Requires-Dist: {needs}\n" if needs else ""))
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
