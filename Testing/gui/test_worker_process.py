"""The worker as a child of the application: talked to without an event loop, told of once when it ends, ended with all it started."""

import os
import sys
import time

import pytest
from P2SAMSlicerLib.WorkerClient import WorkerClient
from P2SAMSlicerLib.WorkerProcess import WorkerProcess
from p2sam_worker.job import JobFolder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="looks for processes as POSIX knows them")

FAMILY = """
import os, subprocess, sys, time, json
os.setsid()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
sys.stderr.write("a word for the log\\n"); sys.stderr.flush()
print(json.dumps({"v": 1, "id": None, "event": "hello", "pid": os.getpid(), "protocol": 1, "child": child.pid}), flush=True)
time.sleep(100)
"""


@pytest.fixture
def folder(application):
    folder = JobFolder.make()
    yield folder
    folder.remove()


@pytest.fixture
def begun(folder):
    clients = []

    def begin(process=None):
        client = WorkerClient(process or WorkerProcess())
        client.start(folder.path)
        clients.append(client)
        return client

    yield begin
    for client in clients:
        client.kill()


def pumpUntil(client, condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        client.process.pump(0.02)
        assert time.monotonic() < end, f"nothing came in {seconds} s; the log says: {client.log}"


def isAlive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"


def test_the_real_worker_answers_without_an_event_loop_and_ends_when_asked(begun, folder):
    client = begun()
    number = client.request("probe_packages", names=["numpy"])
    message = client.wait(number, 60)
    assert message["event"] == "done" and message["result"]["packages"]["numpy"]
    pid = client.hello["pid"]
    client.shutdown()
    assert not client.running and not isAlive(pid) and not folder.path.exists()


def test_ending_it_ends_what_it_started_and_tells_each_request_once(begun):
    client, heard = begun(WorkerProcess(["-c", FAMILY])), []
    pumpUntil(client, lambda: client.hello)
    client.request("propagate", heard.append)
    pids = [client.hello["pid"], client.hello["child"]]
    client.kill()
    assert [message["event"] for message in heard] == ["died"] and "a word for the log" in client.log
    end = time.monotonic() + 3
    while any(isAlive(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(isAlive(pid) for pid in pids) and not client.running


def test_a_crash_is_told_once_with_its_code(begun):
    client, heard = begun(WorkerProcess(["-c", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"])), []
    client.request("propagate", heard.append)
    pumpUntil(client, lambda: heard)
    for _ in range(3):
        client.process.pump(0.01)
    assert [message["event"] for message in heard] == ["died"]


def test_a_program_that_is_not_there_is_told_once(begun, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/PythonSlicer")
    client, heard = begun(), []
    client.request("propagate", heard.append)
    pumpUntil(client, lambda: heard)
    assert [message["event"] for message in heard] == ["died"] and not client.running


def test_the_worker_finds_its_package_whatever_the_search_path_was(begun, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    script = "import json, sys, p2sam_worker; print(json.dumps({'v': 1, 'id': None, 'event': 'hello', 'pid': 999999, 'protocol': 1, 'where': p2sam_worker.__file__}), flush=True); sys.stdin.read()"
    client = begun(WorkerProcess(["-c", script], {"P2SAM_TEST": "1"}))
    pumpUntil(client, lambda: client.hello)
    assert os.path.samefile(os.path.dirname(os.path.dirname(client.hello["where"])), os.path.dirname(os.path.dirname(sys.modules["P2SAMSlicerLib"].__file__)))


@pytest.mark.parametrize("pid", [0, 1, -1, None, "4711", os.getpid(), os.getppid()], ids=["0", "1", "-1", "none", "text", "own", "parent"])
def test_a_worker_that_tells_a_strange_number_cannot_have_others_ended(begun, monkeypatch, pid):
    ended = []
    monkeypatch.setattr(os, "killpg", lambda *told: ended.append(told))
    monkeypatch.setattr(os, "kill", lambda *told: ended.append(told))
    monkeypatch.setattr(os, "getpgid", lambda of: 4711)
    process = WorkerProcess(["-c", "import time; time.sleep(50)"])
    begun(process)
    process.kill(pid)
    assert ended == [] and not process.running
