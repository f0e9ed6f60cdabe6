"""Arrays on their way to the worker: in steps, whole or not at all."""

import errno

import numpy as np
import pytest
from P2SAMSlicerLib import Exports
from P2SAMSlicerLib.Exports import exportArray
from p2sam.errors import OutputError
from p2sam_worker.job import JobFolder


@pytest.fixture
def folder(tmp_path):
    return JobFolder.make(tmp_path)


def done(steps):
    count = 0
    while True:
        try:
            next(steps)
            count += 1
        except StopIteration as end:
            return end.value, count


@pytest.mark.parametrize("dtype", ["int16", "float32", "uint8", "bool"])
def test_an_array_of_any_order_arrives_as_it_is(folder, dtype):
    array = np.random.default_rng(0).integers(0, 2, (7, 9, 11)).astype(dtype).transpose(2, 0, 1)[:, ::-1]
    name, _count = done(exportArray(folder, array, "prior"))
    found = folder.load_array(name)
    assert found.dtype == array.dtype and np.array_equal(found, array)


def test_a_large_array_is_written_in_many_small_steps(folder, monkeypatch):
    monkeypatch.setattr(Exports, "BYTES_A_STEP", 3 * 100)
    array = np.arange(10 * 100, dtype=np.uint8).reshape(10, 10, 10)
    name, count = done(exportArray(folder, array, "prior"))
    assert count == 4 and np.array_equal(folder.load_array(name), array)


def test_a_vanished_folder_is_a_sentence(folder):
    folder.remove()
    with pytest.raises(OutputError, match="vanished"):
        done(exportArray(folder, np.zeros((2, 3, 4)), "prior"))


def test_a_full_disk_is_a_sentence_and_leaves_nothing_half(folder, monkeypatch):
    class Full:
        def __init__(self, file):
            self._file, self._left = file, 2

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self._file.close()

        def write(self, data):
            self._left -= 1
            if self._left < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self._file.write(data)

    monkeypatch.setattr(Exports, "open", lambda *told: Full(open(*told)), raising=False)
    monkeypatch.setattr(Exports, "BYTES_A_STEP", 10)
    with pytest.raises(OutputError, match="No space left.*Free some space"):
        done(exportArray(folder, np.zeros((5, 10), np.uint8), "prior"))
    assert folder.files() == []


def test_an_export_that_is_given_up_leaves_nothing(folder, monkeypatch):
    monkeypatch.setattr(Exports, "BYTES_A_STEP", 10)
    steps = exportArray(folder, np.zeros((5, 10), np.uint8), "prior")
    next(steps)
    steps.close()
    assert folder.files() == []
