"""The talk with the worker: lines in pieces, garbage, other versions, deaths, and a clear end for every request."""

import json

import pytest
from fake_process import FakeProcess
from P2SAMSlicerLib.WorkerClient import WorkerClient, WorkerError


@pytest.fixture
def process():
    return FakeProcess()


@pytest.fixture
def notices():
    return []


@pytest.fixture
def client(process, notices, tmp_path):
    client = WorkerClient(process, notices.append)
    client.start(tmp_path)
    process.tell("hello", id=None, pid=4711, protocol=1, versions={})
    return client


def test_a_request_is_one_line_with_a_number_of_its_own(client, process):
    first, second = client.request("probe_devices"), client.request("redraw", structure="Lunge links ä", index=3)
    assert first != second
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in process.written)
    assert process.requests[1] == {"v": 1, "id": second, "verb": "redraw", "structure": "Lunge links ä", "index": 3}


def test_lines_in_pieces_and_several_in_one_chunk_arrive_in_their_order(client, process):
    heard = []
    number = client.request("propagate", heard.append)
    lines = b"".join(json.dumps({"v": 1, "id": number, "event": "progress", "stage": "ä", "done": n}, ensure_ascii=False).encode() + b"\n" for n in range(5))
    for start in range(0, len(lines), 7):
        process.say(lines[start : start + 7])
    assert [message["done"] for message in heard] == [0, 1, 2, 3, 4] and heard[0]["stage"] == "ä"
    process.say(lines)
    assert len(heard) == 10


def test_each_message_goes_to_its_request_and_nothing_after_the_end(client, process):
    heard, other = [], []
    first, second = client.request("propagate", heard.append), client.request("redraw", other.append)
    process.tell("done", id=second, result={"a": 1})
    process.tell("progress", id=second, stage="late")
    process.tell("error", id=first, kind="InputError", message="No.", traceback="...")
    assert [message["event"] for message in heard] == ["error"]
    assert [message["event"] for message in other] == ["done"]
    assert not client.busy


def test_garbage_is_kept_in_the_log_and_told_of_once(client, process, notices):
    heard = []
    number = client.request("propagate", heard.append)
    process.say(b"Downloading model...\n\xff\xfe broken\n[1, 2]\n")
    process.tell("done", id=number, result={})
    assert len(notices) == 1 and "log" in notices[0]
    assert "Downloading model..." in client.log and "[1, 2]" in client.log
    assert [message["event"] for message in heard] == ["done"]


def test_a_worker_of_another_protocol_is_ended_and_every_request_says_why(client, process):
    heard = []
    client.request("propagate", heard.append)
    process.tell("hello", id=None, pid=1, protocol=7)
    assert heard[0]["event"] == "died" and "7" in heard[0]["message"] and "update" in heard[0]["message"]
    assert process.killed and not client.running


def test_a_death_ends_every_request_with_its_exit_code_and_the_last_words(client, process):
    heard = []
    for _ in range(3):
        client.request("propagate", heard.append)
    process.complain(b"Segmentation fault (core dumped)\n")
    process.end(139, True)
    assert [message["event"] for message in heard] == ["died"] * 3
    assert "139" in heard[0]["message"] and "core dumped" in heard[0]["traceback"]
    client.request("redraw", heard.append)
    assert heard[-1]["event"] == "died"


def test_a_broken_pipe_is_a_death(client, process):
    heard = []
    process.failing = BrokenPipeError("gone")
    client.request("propagate", heard.append)
    assert [message["event"] for message in heard] == ["died"]


def test_a_program_that_cannot_be_started_is_a_sentence(process, tmp_path):
    def refuse(*_):
        raise FileNotFoundError("no PythonSlicer")

    process.start = refuse
    heard, client = [], WorkerClient(process)
    client.start(tmp_path)
    client.request("probe_devices", heard.append)
    assert heard[0]["event"] == "died" and "no PythonSlicer" in heard[0]["message"]


def test_killing_uses_the_pid_that_the_worker_told(client, process):
    client.kill("It was silent.")
    assert process.killed == [4711]


def test_a_silent_worker_is_noticed_only_while_something_is_asked(client, process, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("P2SAMSlicerLib.WorkerClient.time.monotonic", lambda: now[0])
    assert not client.noMessageFor(1)
    number = client.request("propagate")
    now[0] += 5
    assert client.noMessageFor(4) and not client.noMessageFor(6)
    process.tell("progress", id=number, stage="slices", done=1, total=2)
    assert not client.noMessageFor(4)
    process.tell("done", id=number, result={})
    now[0] += 50
    assert not client.noMessageFor(4)


def test_waiting_pumps_the_process_until_the_answer_or_the_time_is_up(client, process):
    number = client.request("probe_packages")
    answers = iter([None, None, {"packages": {}}])

    def pump():
        answer = next(answers)
        if answer is not None:
            process.tell("done", id=number, result=answer)

    process.onPump = pump
    assert client.wait(number, 5)["result"] == {"packages": {}} and len(process.pumped) == 3
    process.onPump = lambda: None
    with pytest.raises(WorkerError, match="no answer"):
        client.wait(client.request("probe_packages"), 0.01)


def test_shutting_down_asks_first_and_then_ends_the_tree(client, process):
    heard = []
    client.request("propagate", heard.append)
    client.shutdown(0.05)
    assert process.requests[-1]["verb"] == "shutdown" and process.written[-1] is None
    assert process.killed == [4711] and not client.running and heard[0]["event"] == "died"


def test_lines_that_come_while_one_is_handled_wait_for_their_turn(client, process):
    heard = []

    def hear(message):
        if message["done"] == 0:
            process.tell("progress", id=number, done=9)
        heard.append(message["done"])

    number = client.request("propagate", hear)
    process.tell("progress", id=number, done=0)
    assert heard == [0, 9]
