"""What this Python has is told right in every state of torch, and no state of it harms the worker."""

import os
import time

import fake_packages
import pytest
from p2sam.errors import Cancelled
from p2sam_worker.probe import probe
from talk import processes_of, talking


def devices_with(source, tmp_path):
    with talking(tmp_path, python_path=[fake_packages.write_package(tmp_path / "fake", "torch", source)]) as talk:
        told = talk.ask("probe_devices")
        assert talk.ask("load_model", model="graph", device="auto")["name"] == "graph", "the built-in model needs no torch"
        return told


def test_devices_are_named_with_their_free_memory_and_each_was_tried(tmp_path):
    told = devices_with(fake_packages.GOOD, tmp_path)
    assert [one["id"] for one in told["devices"]] == ["cpu", "cuda:0", "cuda:1"] and all(one["works"] and one["reason"] == "" for one in told["devices"])
    assert told["devices"][1]["title"] == "Fake GPU 9000, 23.0 GB free" and told["devices"][1]["total_bytes"] == 24 * 2**30
    assert told["torch"] == "9.9+fake" and told["torch_error"] is None


@pytest.mark.parametrize(
    ("state", "number", "reason"),
    [
        ("NO_KERNEL", 1, "this torch has no kernels for it (CUDA error: no kernel image is available for execution on the device); install a torch"),
        ("FULL", 0, "its memory is full (CUDA out of memory. Tried to allocate 2 bytes); close other programs"),
        ("WRONG", 0, "it computes wrongly (512.0, 0.0 instead of 512, 36)"),
    ],
)
def test_a_device_that_cannot_run_a_kernel_says_why(tmp_path, state, number, reason):
    told = devices_with(getattr(fake_packages, state), tmp_path)
    device = told["devices"][1 + number]
    assert device["works"] is False and reason in device["reason"] and device["title"] == "Fake GPU 9000 (cannot be used)"
    assert told["devices"][0]["works"] and told["torch_error"] is None
    if state == "NO_KERNEL":
        assert told["devices"][1]["works"], "the other card is judged by itself"


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("MISSING", None),
        ("HALF", "torch is only half installed (No module named 'torch._C_that_was_never_unpacked'); repair"),
        ("NO_LIBRARY", "torch cannot be loaded (OSError: libcudart.so.13: cannot open shared object file: No such file or directory); repair"),
        ("CRASHES", "Trying torch failed: it crashed (signal 11); repair"),
        ("EXITS", "Trying torch failed: it ended with code 3; repair"),
    ],
)
def test_a_torch_that_is_not_whole_leaves_the_cpu(tmp_path, state, error):
    if os.name != "posix" and state == "CRASHES":
        pytest.skip("signals are POSIX's")
    told = devices_with(getattr(fake_packages, state), tmp_path)
    assert [one["id"] for one in told["devices"]] == ["cpu"] and told["devices"][0]["works"]
    assert told["torch"] is None
    assert told["torch_error"] is None if error is None else told["torch_error"].startswith(error)


def test_a_driver_that_cannot_be_asked_leaves_the_cpu(tmp_path):
    told = devices_with(fake_packages.NO_DRIVER, tmp_path)
    assert [one["id"] for one in told["devices"]] == ["cpu"] and told["torch"] == "9.9+fake"


@pytest.mark.parametrize("state", ["MISSING", "HALF", "NO_LIBRARY"])
def test_a_model_that_needs_torch_says_what_is_wrong_with_it(tmp_path, state):
    weights = tmp_path / "mine.pth"
    weights.write_bytes(b"any")
    with talking(tmp_path, python_path=[fake_packages.write_package(tmp_path / "fake", "torch", getattr(fake_packages, state))]) as talk:
        message = talk.error_of("load_model", model=str(weights), device="cpu")
        assert message["kind"] == "WeightsError" and "graph" in message["message"] and "torch" in message["message"]
        assert talk.ask("load_model", model="graph")["device"] == "cpu"


def test_every_package_is_told_with_its_version_and_the_broken_ones_with_why(tmp_path):
    for name, source in (("torch", fake_packages.CRASHES), ("sklearn", fake_packages.NO_LIBRARY), ("ot", "x = 1\n")):
        fake_packages.write_package(tmp_path / "fake", name, source)
    with talking(tmp_path, python_path=[tmp_path / "fake"]) as talk:
        told = talk.ask("probe_packages", names=["numpy", "scikit-learn", "torch", "POT", "pydicom"])
        assert set(told["packages"]) == {"numpy", "scikit-learn", "torch", "POT", "pydicom"} and told["packages"]["numpy"].startswith(("1.", "2."))
        assert told["broken"]["scikit-learn"].startswith("OSError: libcudart")
        assert told["broken"]["torch"] == "loading it, it crashed (signal 11)"
        assert set(told["broken"]) == {"scikit-learn", "torch"}, "those after the crash were tried as well"


def test_a_package_that_is_not_there_has_no_version_and_is_not_broken(monkeypatch, tmp_path):
    from p2sam_worker.verbs import probes

    monkeypatch.setitem(probes.MODULES, "Not There", "p2sam_not_there")
    assert probes.installed("Not There") is None
    (tmp_path / "p2sam_bundled.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(probes.MODULES, "Bundled", "p2sam_bundled")
    assert probes.installed("Bundled") == "unknown"


def test_a_probe_that_hangs_is_ended_at_its_limit_and_a_cancelled_one_at_once(tmp_path, monkeypatch):
    (tmp_path / "p2sam_hangs.py").write_text("import time\nprint('{\"begun\": 1}', flush=True)\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    began = time.monotonic()
    told = probe("p2sam_hangs", limit_s=2)
    assert told.told == [{"begun": 1}] and told.failure == "it did not answer within 2 s" and time.monotonic() - began < 10
    began = time.monotonic()
    with pytest.raises(Cancelled):
        probe("p2sam_hangs", cancelled=lambda: True)
    assert time.monotonic() - began < 5


def test_a_cancel_ends_a_probe_and_its_process(tmp_path):
    hangs = "import time\ntime.sleep(60)\n"
    with talking(tmp_path, python_path=[fake_packages.write_package(tmp_path / "fake", "torch", hangs)]) as talk:
        pid = talk.hello()["pid"]
        number = talk.send("probe_devices")
        end = time.monotonic() + 30
        while os.name == "posix" and len(processes_of(pid)) < 2 and time.monotonic() < end:
            time.sleep(0.02)
        talk.send_bytes(b'{"v": 1, "verb": "cancel"}\n')
        assert talk.end_of(number, 10)["event"] == "cancelled"
        assert os.name != "posix" or processes_of(pid) == [pid], "no child is left, not even a zombie"
