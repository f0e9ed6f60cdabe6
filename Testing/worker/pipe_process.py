"""The worker as a plain subprocess, behind the interface that `WorkerClient` expects of a process; for tests without Qt."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

MODULE_FOLDER = Path(__file__).resolve().parents[2] / "P2SAMSlicer"


class PipeProcess:
    """Starts `python -m p2sam_worker --job FOLDER`; what it writes is handed on by `pump`, in the caller's thread.

    Parameters
    ----------
    arguments : list of str or None
        Put instead of `-m p2sam_worker --job FOLDER`.
    environment : dict of str to str
        Added to this process's own.
    python_path : list of paths
        Searched for modules before everything else.
    preexec : callable or None
        Run in the child before it starts, as subprocess has it.
    """

    def __init__(self, arguments=None, environment=None, python_path=(), preexec=None):
        self._arguments, self._environment, self._preexec = arguments, dict(environment or {}), preexec
        self._python_path = [str(path) for path in (*python_path, MODULE_FOLDER)]
        self._events = queue.Queue()
        self._process = None
        self._finished = False

    def start(self, jobFolder, onOutput, onErrorOutput, onFinished):
        self._handlers = {"output": onOutput, "error output": onErrorOutput}
        self._on_finished = onFinished
        earlier = os.environ.get("PYTHONPATH")
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(self._python_path + ([earlier] if earlier else [])), **self._environment}
        self._process = subprocess.Popen(
            [sys.executable, *(self._arguments or ["-m", "p2sam_worker", "--job", str(jobFolder)])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, preexec_fn=self._preexec, bufsize=0,
        )  # fmt: skip
        readers = [threading.Thread(target=self._read, args=one, daemon=True) for one in (("output", self._process.stdout), ("error output", self._process.stderr))]
        for reader in readers:
            reader.start()
        threading.Thread(target=self._watch, args=(readers,), daemon=True).start()

    @property
    def running(self):
        """Until `onFinished` was called."""
        return self._process is not None and not self._finished

    @property
    def pid(self):
        return self._process.pid

    def write(self, data):
        self._process.stdin.write(data)

    def closeInput(self):
        self._process.stdin.close()

    def pump(self, seconds):
        """Hand on what has come, and wait up to `seconds` for it."""
        end = time.monotonic() + seconds
        while True:
            try:
                kind, value = self._events.get(timeout=max(0.0, end - time.monotonic()) if seconds else 0.001)
            except queue.Empty:
                return
            end = min(end, time.monotonic())  # something came: take what is there, wait no longer
            if kind == "finished":
                self._finished = True
                self._on_finished(value, value < 0)
            else:
                self._handlers[kind](value)

    def kill(self, pid=None):
        """End the worker and all it started; as in Slicer, `pid` is what the worker told of itself."""
        if not self.running:
            return
        try:
            if pid is not None and os.getpgid(pid) == pid:
                os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.kill()
        end = time.monotonic() + 5
        while self.running and time.monotonic() < end:
            self.pump(0.05)

    def _read(self, kind, stream):
        while chunk := stream.read(1 << 16):
            self._events.put((kind, chunk))

    def _watch(self, readers):
        """What was written comes before the end; a grandchild that keeps a pipe open does not hold it up for long."""
        code = self._process.wait()
        for reader in readers:
            reader.join(timeout=2)
        self._events.put(("finished", code))
