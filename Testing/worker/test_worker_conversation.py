"""The conversation itself, with a real process: every line gets an answer, requests wait for each other, the end is clean."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from p2sam_worker.job import JobFolder
from pipe_process import MODULE_FOLDER, PipeProcess
from talk import Talk, processes_of, talking

posix = pytest.mark.skipif(os.name != "posix", reason="signals and groups are POSIX's")


def test_it_says_hello_first_and_within_seconds(worker):
    began = time.monotonic()
    hello = worker.hello()
    assert time.monotonic() - began < 20
    assert worker.messages[0] is hello and hello["v"] == hello["protocol"] == 1 and hello["id"] is None
    assert hello["versions"]["p2sam"] and hello["versions"]["python"].startswith("3.")
    os.kill(hello["pid"], 0)


BAD_LINES = [
    (b"what?", "not a message of the protocol: 'what[?]'"),
    (b"\xff\xfe\x00", "in UTF-8"),
    (b"[1]", "not an object"),
    (b'{"v": 2, "id": 7, "verb": "load_model"}', "version 1, a message says 2"),
    (b'{"id": 7, "verb": "load_model"}', "says None"),
    (b'{"v": 1, "verb": "load_model"}', "has the id None"),
    (b'{"v": 1, "id": "7", "verb": "load_model"}', "has the id '7'"),
    (b'{"v": 1, "id": 7}', "has the verb None"),
    (b'{"v": 1, "id": 7, "verb": "dance"}', "no verb 'dance'; known are: cancel, close_case"),
    (b'{"v": 1, "id": 7, "verb": "load_model", "model": 3}', "needs 'model' as text; it got 3"),
    (b'{"v": 1, "id": 7, "verb": "close_case"}', "needs 'case' as text; it got nothing"),
    (b'{"v": 1, "id": 7, "verb": "probe_packages", "names": ["rm"]}', "'rm' is not a package"),
    (b"{" * 3_000_000, "3000000 bytes"),
]


def test_each_bad_line_is_answered_and_the_next_is_heard(worker):
    for number, (line, told) in enumerate(BAD_LINES, start=7001):
        line = line.replace(b'"id": 7', b'"id": %d' % number)
        worker.messages.clear()
        worker.send_bytes(b"\n\r\n" + line + b"\n")
        message = worker.wait(lambda one: one["event"] == "error")
        assert re.search(told, message["message"]), message["message"]
        assert message["kind"] == "ProtocolError"
        assert message["id"] == (number if b'"id": %d' % number in line else None)
        assert worker.ask("close_case", case="none") == {"closed": False}
        assert len([one for one in worker.messages if one["event"] == "error"]) == 1


def test_a_request_may_come_in_pieces_and_several_in_one(worker):
    line = b'{"v": 1, "id": %d, "verb": "close_case", "case": "x"}\n'
    stream = b"".join(line % number for number in (901, 902, 903))
    for cut in (10, 60, 61, 100, len(stream)):
        worker.send_bytes(stream[:cut])
        stream = stream[cut:]
        time.sleep(0.02)
    for number in (901, 902, 903):
        assert worker.end_of(number)["event"] == "done"
    assert [one["id"] for one in worker.messages if one["event"] == "done"] == [901, 902, 903]


def test_requests_wait_for_each_other_and_an_id_in_use_is_refused(worker, tmp_path):
    first = worker.send("phantom", folder=str(tmp_path / "phantom"), scale=2)
    second = worker.send("close_case", case="x")
    worker.send_bytes(json.dumps({"v": 1, "id": second, "verb": "close_case", "case": "y"}).encode() + b"\n")
    assert "has not ended" in worker.wait(lambda one: one["event"] == "error")["message"]
    worker.end_of(second)
    ends = [(one["id"], one["event"]) for one in worker.messages if one["event"] in ("done", "error")]
    assert ends == [(None, "error"), (first, "done"), (second, "done")]


def test_a_busy_worker_gives_a_sign_of_life_every_second(worker, tmp_path):
    number = worker.send("phantom", folder=str(tmp_path / "phantom"), scale=0.9)
    began, times = time.monotonic(), []
    while not worker.of(number, "done"):
        before = len(worker.messages)
        worker.process.pump(0.1)
        times += [time.monotonic()] * (len(worker.messages) > before)
        assert time.monotonic() - began < 120
    assert times[-1] - began > 2, "too fast to tell"
    assert max(b - a for a, b in zip([began, *times], times)) < 2.5
    assert {one["stage"] for one in worker.of(number, "progress")} == {"phantom"}


def test_a_cancel_stops_what_waits_as_well_or_only_what_it_names(worker, tmp_path):
    running = worker.send("phantom", folder=str(tmp_path / "phantom"), scale=2)
    waiting = [worker.send("close_case", case=name) for name in "ab"]
    assert worker.ask("cancel", request=waiting[0]) == {"cancelled": [waiting[0]]}
    assert worker.end_of(waiting[0])["event"] == "cancelled" and worker.end_of(waiting[1])["event"] == "done"
    running = worker.send("phantom", folder=str(tmp_path / "again"), scale=2)
    worker.wait(lambda one: one["id"] == running and one["event"] == "progress")
    waiting = worker.send("close_case", case="a")
    worker.send_bytes(b'{"v": 1, "verb": "cancel"}\n')
    message = worker.end_of(waiting)
    assert message["event"] == "cancelled" and message["result"] is None
    assert worker.end_of(running)["event"] == "done", "a verb that cannot stop halfway is finished"
    assert worker.ask("cancel") == {"cancelled": []}
    assert worker.ask("close_case", case="a") == {"closed": False}, "a cancel is not for what comes after it"


def test_a_shutdown_is_answered_last_and_leaves_nothing(tmp_path):
    job = JobFolder.make(tmp_path)
    talk = Talk(PipeProcess(), job)
    talk.hello()
    running = talk.send("phantom", folder=str(tmp_path / "phantom"), scale=2)
    waiting, late = talk.send("close_case", case="a"), talk.send("shutdown")
    refused = talk.send("close_case", case="b")
    assert talk.wait_for_end(60) == 0
    ends = {one["id"]: one["event"] for one in talk.messages if one["event"] != "progress"}
    assert ends[waiting] == "cancelled" and ends[running] in ("done", "cancelled") and ends[refused] == "error"
    assert talk.messages[-1]["id"] == late and talk.messages[-1]["event"] == "done"
    assert not job.path.exists()


def test_a_shutdown_without_an_id_that_is_followed_by_the_end_is_understood(tmp_path):
    with talking(tmp_path) as talk:
        talk.hello()
        talk.send_bytes(b'{"v": 1, "verb": "shutdown"}\n')
        talk.process.closeInput()
        assert talk.wait_for_end() == 0
        assert not talk.job.path.exists() and not [one for one in talk.messages if one["event"] == "error"]


@posix
def test_slicer_died_so_it_ends_with_its_folder_even_from_the_middle_of_work(tmp_path):
    """The real thing: a parent that is killed."""
    script = (
        "import sys, time; from pipe_process import PipeProcess; from p2sam_worker.job import JobFolder\n"
        f"job = JobFolder.make({str(tmp_path)!r}); process = PipeProcess()\n"
        "process.start(job.path, lambda b: (sys.stdout.buffer.write(b), sys.stdout.flush()), lambda b: None, lambda *_: None)\n"
        f"process.write(b'{{\"v\": 1, \"id\": 1, \"verb\": \"phantom\", \"folder\": \"{tmp_path}/out\", \"scale\": 1}}\\n')\n"
        "while True: process.pump(0.1)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(MODULE_FOLDER), os.path.dirname(__file__)])}
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment)
    hello, busy = (json.loads(parent.stdout.readline()) for _ in range(2))
    assert busy["event"] == "progress" and list(tmp_path.glob("p2sam-job-*"))
    parent.kill()
    parent.wait()
    end = time.monotonic() + 15
    while time.monotonic() < end and (list(tmp_path.glob("p2sam-job-*")) or processes_of(hello["pid"])):
        time.sleep(0.1)
    assert not list(tmp_path.glob("p2sam-job-*")) and not processes_of(hello["pid"])
    parent.stdout.close()


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(number, tmp_path):
    with talking(tmp_path) as talk:
        os.kill(talk.hello()["pid"], number)
        assert talk.wait_for_end() == 0 and not talk.job.path.exists()


@posix
def test_it_leads_a_group_that_can_be_killed_as_a_whole(tmp_path):
    with talking(tmp_path) as talk:
        pid = talk.hello()["pid"]
        assert os.getpgid(pid) == pid != os.getpgid(0)
        talk.send("probe_packages", names=["scipy", "SimpleITK"])
        end = time.monotonic() + 30
        while len(processes_of(pid)) < 2:
            assert time.monotonic() < end, "the probe's process was not seen"
            time.sleep(0.005)
        talk.process.kill(pid)
        assert talk.code == -signal.SIGKILL
        end = time.monotonic() + 5
        while processes_of(pid) and time.monotonic() < end:
            time.sleep(0.05)
        assert not [one for one in processes_of(pid) if not is_zombie(one)]


def is_zombie(pid):
    """A grandchild that was killed waits for init, which in a container may not come."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_folder_that_is_no_job_folder_is_refused_and_not_touched(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    done = subprocess.run(
        [sys.executable, "-m", "p2sam_worker", "--job", str(tmp_path)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(MODULE_FOLDER)},
    )  # fmt: skip
    assert done.returncode == 2 and "is not a job folder" in done.stderr and done.stdout == ""
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_nothing_is_left_in_the_temporary_folder(tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with talking(tmp_path, environment={"TMPDIR": str(temporary), "TEMP": str(temporary), "TMP": str(temporary)}) as talk:
        talk.ask("probe_packages", names=["numpy"])
        talk.ask("load_model", model="graph")
    assert os.listdir(temporary) == [] and not list(tmp_path.glob("p2sam-job-*"))


def test_what_libraries_print_does_not_get_into_the_protocol(tmp_path):
    (tmp_path / "noise").mkdir()
    noise = "import os, sys; print('noise from Python'); os.write(1, b'noise from C\\n'); sys.stdout.flush()\n"
    (tmp_path / "noise" / "sklearn.py").write_text(noise + "raise ImportError('No module named sklearn.cluster', name='sklearn.cluster')\n")
    with talking(tmp_path, python_path=[tmp_path / "noise"]) as talk:
        message = talk.error_of("open_case")
        assert message["message"].startswith("The package scikit-learn cannot be loaded")
        assert talk.ask("probe_packages", names=["numpy"])["broken"] == {}
        assert b"noise from Python" in talk.log and b"noise from C" in talk.log
