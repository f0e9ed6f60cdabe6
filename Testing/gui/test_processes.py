"""Child processes behave as the worker needs it: lines in, lines out, a death that is told once."""

import json
import sys

import pytest
import qt
import slicer

ECHO = "import sys, json\nfor line in sys.stdin:\n    print(json.dumps({'back': json.loads(line)}), flush=True)\n"


@pytest.fixture
def child(application):
    process = qt.QProcess()
    yield process
    if process.state() != qt.QProcess.NotRunning:
        process.kill()
        process.waitForFinished(3000)


def start(process, script):
    process.start(python(), ["-c", script])
    assert process.waitForStarted(10000)


def python():
    """The Python of the application, as `sys.executable` names it."""
    return sys.executable


def test_a_line_goes_in_and_comes_back_as_bytes(child, wait):
    chunks = []
    child.connect("readyReadStandardOutput()", lambda: chunks.append(child.readAllStandardOutput().data()))
    start(child, ECHO)
    line = json.dumps({"verb": "load_model", "text": "ä"}).encode() + b"\n"
    assert child.write(line) == len(line)
    wait(lambda: b"".join(chunks).endswith(b"\n"), what="the answer")
    assert all(isinstance(one, bytes) for one in chunks)
    assert json.loads(b"".join(chunks)) == {"back": {"verb": "load_model", "text": "ä"}}


def test_an_end_is_told_with_its_code(child, wait):
    seen = []
    child.connect("finished(int,QProcess::ExitStatus)", lambda code, status: seen.append((code, status)))
    start(child, "raise SystemExit(3)")
    wait(lambda: seen, what="the end")
    assert seen == [(3, qt.QProcess.NormalExit)] and not seen[0][1]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no signals")
def test_a_killed_child_is_told_as_a_crash_and_an_end(child, wait):
    errors, ends = [], []
    child.connect("errorOccurred(QProcess::ProcessError)", errors.append)
    child.connect("finished(int,QProcess::ExitStatus)", lambda code, status: ends.append((code, status)))
    start(child, "import time; time.sleep(60)")
    child.kill()
    wait(lambda: ends, what="the end")
    assert errors == [1] and ends == [(9, 1)]


def test_a_program_that_is_not_there_is_told(child, wait):
    errors = []
    child.connect("errorOccurred(QProcess::ProcessError)", errors.append)
    child.start("/no/such/program", [])
    wait(lambda: errors, what="the error")
    assert errors == [qt.QProcess.FailedToStart]


def test_the_environment_of_the_application_can_be_handed_on(child, wait):
    environment = qt.QProcessEnvironment.systemEnvironment()
    environment.insert("P2SAM_TRY", "visit 2")
    child.setProcessEnvironment(environment)
    out = []
    child.connect("readyReadStandardOutput()", lambda: out.append(child.readAllStandardOutput().data()))
    start(child, "import os; print(os.environ['P2SAM_TRY'])")
    wait(lambda: b"visit 2" in b"".join(out), what="the variable")


def test_the_start_up_environment_is_a_dictionary_of_texts(application):
    environment = slicer.util.startupEnvironment()
    assert environment and all(isinstance(key, str) and isinstance(value, str) for key, value in environment.items())
