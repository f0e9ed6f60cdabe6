"""The job folder: arrays come back as they were, damage is told, and nothing is left or taken that should not be."""

import errno
import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import p2sam
import pytest
from p2sam.errors import InputError, OutputError
from p2sam_worker import job as job_module
from p2sam_worker.job import MARKER, JobFolder, remove_stale


@pytest.fixture
def job(tmp_path):
    return JobFolder.make(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_only_the_owner_may_enter(job):
    assert stat.S_IMODE(job.path.stat().st_mode) == 0o700


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "float32", ">i2", "<f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_comes_back_as_it_was(job, dtype, order):
    array = np.asarray(np.random.default_rng(0).integers(0, 2, (3, 5, 7)).astype(dtype), order=order)[:, ::-1]
    back = job.load_array(job.save_array(array), ndim=3, shape=(3, 5, 7))
    assert back.dtype == array.dtype and np.array_equal(back, array)


def test_numpy_itself_reads_what_is_saved_and_saves_what_is_read(job):
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    assert np.array_equal(np.load(job.path / job.save_array(array)), array)
    np.save(job.path / "theirs.npy", np.asfortranarray(array))
    assert np.array_equal(job.load_array("theirs.npy"), array)


def test_taking_an_array_removes_its_file(job):
    name = job.save_array(np.zeros(3))
    job.take_array(name)
    assert job.files() == []
    with pytest.raises(InputError, match="has no array"):
        job.load_array(name)


def test_a_file_cut_anywhere_or_with_more_behind_it_is_damaged(job):
    name = job.save_array(np.arange(6, dtype=np.int16).reshape(1, 2, 3))
    content = (job.path / name).read_bytes()
    for length in range(len(content)):
        (job.path / name).write_bytes(content[:length])
        with pytest.raises(InputError, match="is damaged"):
            job.load_array(name)
    (job.path / name).write_bytes(content + b"\0")
    with pytest.raises(InputError, match="is damaged .*its header says"):
        job.load_array(name)


@pytest.mark.parametrize("content", [b"", b"not an array at all, but long enough", b"\x93NUMPY\x01\x00\x46\x00{'descr': '<i2', 'fortran_order': False, 'shape': (9000000000, 9)}  \n", b"\x93NUMPY\x09\x09"])
def test_garbage_is_damaged_and_takes_no_memory(job, content):
    (job.path / "a.npy").write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        job.load_array("a.npy")


def test_python_objects_are_never_unpickled(job):
    np.save(job.path / "a.npy", np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="Python objects"):
        job.load_array("a.npy")


def test_what_is_not_asked_for_is_refused(job):
    name = job.save_array(np.zeros((2, 3, 4), np.float32))
    for wanted, told in (({"ndim": 2}, "3 axes"), ({"shape": (2, 3, 5)}, r"\(2, 3, 5\) is needed"), ({"mask": True}, "a mask is bool")):
        with pytest.raises(InputError, match=told):
            job.load_array(name, **wanted)
    np.save(job.path / "text.npy", np.array(["a"]))
    with pytest.raises(InputError, match="numbers are needed"):
        job.load_array("text.npy")


def test_a_mask_of_any_whole_number_is_inside_where_it_is_not_zero(job):
    assert job.load_array(job.save_array(np.array([0, 1, 2, -1], np.int16)), mask=True).tolist() == [False, True, True, True]


@pytest.mark.parametrize("name", ["../outside.npy", "/etc/passwd", "a/b.npy", "..", "", "C:x", "a\\b", MARKER, "a\0b", None, 3])
def test_no_name_leads_out_of_the_folder(job, name):
    with pytest.raises(InputError, match="is not the name of a file"):
        job.load_array(name)
    with pytest.raises(InputError, match="is not the name of a file"):
        job.discard(name)


def test_a_vanished_folder_is_told_so_on_both_sides(job):
    name = job.save_array(np.zeros(3))
    job.remove()
    with pytest.raises(OutputError, match="has vanished"):
        job.save_array(np.zeros(3))
    with pytest.raises(InputError, match="has vanished"):
        job.load_array(name)
    assert job.files() == [] and not job.path.exists()
    job.remove()


def test_a_full_disk_is_a_sentence_and_leaves_nothing_half(job, monkeypatch):
    def full(file, *_, **__):
        file.write(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(job_module.np.lib.format, "write_array", full)
    with pytest.raises(OutputError, match="8.0 MB could not be written .*No space left.*free some space"):
        job.save_array(np.zeros(1_000_000))
    assert job.files() == []


def test_a_folder_of_someone_else_is_not_opened(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(InputError, match="is not a job folder"):
        JobFolder(tmp_path)
    with pytest.raises(OutputError, match="No job folder could be made in .*nowhere"):
        JobFolder.make(tmp_path / "nowhere")


def test_a_maker_that_forgets_it_leaves_nothing_when_it_ends(tmp_path):
    script = f"from p2sam_worker.job import JobFolder; kept, gone = (JobFolder.make({str(tmp_path)!r}) for _ in range(2)); gone.remove(); print(kept.files())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]" and done.stderr == "" and os.listdir(tmp_path) == []


@pytest.fixture
def left(tmp_path):
    """Job folders by what became of their makers; only "old and dead" is nobody's."""
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True)
    made = {name: JobFolder.make(tmp_path) for name in ("old and dead", "young and dead", "old and alive", "old and elsewhere")}
    (tmp_path / "p2sam-job-of-someone").mkdir()
    for name, job in made.items():
        job.save_array(np.zeros(3))
        (job.path / "sample").mkdir()
        (job.path / "sample" / "ct.nrrd").write_bytes(b"x")
        told = json.loads((job.path / MARKER).read_text(encoding="utf-8"))
        changes = {"pid": int(ended.stdout)} if "alive" not in name else {}
        changes |= {"host": "another computer"} if "elsewhere" in name else {}
        (job.path / MARKER).write_text(json.dumps(told | changes), encoding="utf-8")
        if "old" in name:
            for path in (*job.path.iterdir(), job.path):
                os.utime(path, (time.time() - 2e5,) * 2)
    return {name: job.path for name, job in made.items()}


def test_only_folders_whose_maker_is_gone_and_that_are_old_are_cleared(tmp_path, left):
    assert remove_stale(tmp_path) == [left["old and dead"]]
    assert [path.exists() for path in left.values()] == [False, True, True, True]
    assert (tmp_path / "p2sam-job-of-someone").exists()


def test_a_folder_whose_removal_was_cut_short_is_still_known_as_one(tmp_path, left, monkeypatch):
    monkeypatch.setattr(JobFolder, "remove", lambda self: None)
    remove_stale(tmp_path)
    assert sorted(path.name for path in left["old and dead"].iterdir()) == [MARKER]


def test_a_worker_that_starts_clears_what_a_slicer_that_was_killed_left_behind(tmp_path, left):
    own = JobFolder.make(tmp_path)
    environment = {**os.environ, "TMPDIR": str(tmp_path), "TEMP": str(tmp_path), "PYTHONPATH": str(Path(p2sam.__file__).parents[1])}
    worker = subprocess.Popen([sys.executable, "-m", "p2sam_worker", "--job", str(own.path)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment)
    try:
        end = time.monotonic() + 60
        while left["old and dead"].exists():
            assert time.monotonic() < end, "nothing was cleared"
            time.sleep(0.05)
        assert all(path.exists() for name, path in left.items() if name != "old and dead") and own.path.exists()
    finally:
        worker.stdin.close()
        worker.wait(30)
