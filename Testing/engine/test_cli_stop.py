"""Ctrl-C in a real process: the slices done are kept and marked, and nothing half is left."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from command_line import base
from p2sam.files.images import read_volume
from p2sam.files.segmentations import read_segmentation
from p2sam.models.registry import GRAPH

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are sent as on Linux and macOS")


class Command:
    """A running `p2sam` whose stderr is a terminal, so that it shows its bars."""

    def __init__(self, arguments):
        self._terminal, end = pty.openpty()
        command = [sys.executable, "-m", "p2sam", *(str(one) for one in arguments)]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=end, env={**os.environ, "COLUMNS": "120"})
        os.close(end)
        self.seen = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            try:
                part = os.read(self._terminal, 4096)
            except OSError:
                return
            if not part:
                return
            self.seen += part.decode(errors="replace")

    def wait_for(self, text, limit_s=120):
        end = time.monotonic() + limit_s
        while text not in self.seen:
            assert self._process.poll() is None, f"ended before '{text}' was shown: {self.seen}"
            assert time.monotonic() < end, f"'{text}' was not shown: {self.seen}"
            time.sleep(0.01)

    def send(self, number):
        self._process.send_signal(number)

    def end(self, limit_s=120):
        """(exit code, stdout) after the process ended."""
        out, _ = self._process.communicate(timeout=limit_s)
        self._reader.join(timeout=5)
        os.close(self._terminal)
        return self._process.returncode, out.decode()


@pytest.fixture
def long_run(phantom, tmp_path):
    """Arguments of a run over all structures and two follow-ups."""
    arguments = [one for one in base(phantom, tmp_path / "out") if one not in ("--structure", "GTV")]
    return [*arguments, "--followup", phantom["followup2_ct"], "--alignment", "rigid", "--json"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_between_slices_keeps_what_is_done_and_marks_it(number, long_run, phantom, tmp_path):
    command = Command(["none" if one == "rigid" else one for one in long_run])
    command.wait_for("segmenting slices")
    time.sleep(0.5)
    command.send(number)
    code, out = command.end()
    assert code == 130 and "Stopped: followup1_ct is incomplete" in command.seen and "followup2_ct was not begun" in command.seen
    assert "Traceback" not in command.seen
    told = json.loads(out)
    assert told["exit_code"] == 130 and [visit["complete"] for visit in told["visits"]] == [False]
    assert os.listdir(tmp_path / "out") == ["followup1_ct"]
    folder = tmp_path / "out" / "followup1_ct"
    assert json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["complete"] is False
    assert "This result is incomplete" in (folder / "report.html").read_text(encoding="utf-8")
    followup = read_volume(phantom["followup1_ct"])
    lung = read_segmentation(folder / "segmentation.seg.nrrd", followup).segment("Lung right").mask.any(axis=(1, 2))
    assert 0 < np.count_nonzero(lung) < len(lung), "a stopped run keeps some slices, not none and not all"


def test_a_stop_while_the_prior_is_aligned_writes_nothing(long_run, tmp_path):
    command = Command(long_run)
    command.wait_for("aligning the prior")
    command.send(signal.SIGINT)
    code, out = command.end()
    assert code == 130 and "while the prior was aligned; nothing was written" in command.seen
    assert json.loads(out)["visits"] == [] and not (tmp_path / "out").exists()


def test_a_second_stop_ends_at_once_and_leaves_nothing(long_run, tmp_path):
    command = Command(long_run)
    command.wait_for("aligning the prior")
    command.send(signal.SIGINT)
    command.wait_for("press Ctrl-C again")
    command.send(signal.SIGINT)
    code, _ = command.end()
    assert code == 130 and "Traceback" not in command.seen and not (tmp_path / "out").exists()


def test_a_bar_for_each_stage_shows_the_time_left(phantom, tmp_path):
    command = Command([*base(phantom, tmp_path / "out"), "--alignment", "none", "--model", GRAPH.name])
    code, out = command.end()
    assert code == 0
    for stage in ("followup1_ct: aligning the prior", "followup1_ct: finding the structures", "followup1_ct: segmenting slices"):
        assert stage in command.seen
    assert "100 %" in command.seen and "left" in command.seen
    assert "Volume (ml)" in out and "Volume (ml)" not in command.seen, "the table belongs on stdout"
