"""The worker as a child process of Slicer's `PythonSlicer`, on Qt's own process class, so that no thread is needed."""

import os
import signal
import sys
import time

import qt

MODULE_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TASKKILL_SECONDS = 5


class WorkerProcess:
    """`PythonSlicer -m p2sam_worker --job FOLDER`, with its output handed on as it comes.

    Parameters
    ----------
    arguments : list of str or None
        Put instead of `-m p2sam_worker --job FOLDER`, for tests of this class.
    environment : dict of str to str
        Added to Slicer's own, e.g. where model weights lie.
    """

    def __init__(self, arguments=None, environment=None):
        self._arguments = arguments
        self._environment = dict(environment or {})
        self._process = None
        self._finished = False
        self._onOutput = self._onErrorOutput = self._onFinished = None

    def start(self, jobFolder, onOutput, onErrorOutput, onFinished):
        """Start the child; returns at once. `onFinished(code, crashed)` is called once, also where it never started."""
        self._onOutput, self._onErrorOutput, self._onFinished = onOutput, onErrorOutput, onFinished
        self._finished = False
        process = qt.QProcess()
        process.setProcessEnvironment(self._childEnvironment())
        process.connect("readyReadStandardOutput()", self._readOutput)
        process.connect("readyReadStandardError()", self._readErrorOutput)
        process.connect("finished(int,QProcess::ExitStatus)", self._ended)
        process.connect("errorOccurred(QProcess::ProcessError)", self._failed)
        self._process = process
        process.start(sys.executable, self._arguments or ["-m", "p2sam_worker", "--job", str(jobFolder)])

    @property
    def running(self):
        return self._process is not None and not self._finished

    def write(self, data):
        if self.running:
            self._process.write(data)

    def closeInput(self):
        if self.running:
            self._process.closeWriteChannel()

    def pump(self, seconds):
        """Read what has come, waiting up to `seconds` for it; needs no event loop, so that scripts can wait."""
        if not self.running:
            time.sleep(min(seconds, 0.01))
            return
        milliseconds = max(1, int(1000 * seconds))
        self._process.waitForBytesWritten(1)
        if not self._process.waitForReadyRead(milliseconds):
            self._readErrorOutput()
            if self._process.state() == qt.QProcess.NotRunning:
                self._ended(self._process.exitCode(), self._process.exitStatus())

    def kill(self, pid=None):
        """End the child and everything it started. `pid` is the worker's own, as it told: on Windows `PythonSlicer` is
        a launcher whose child does the work."""
        if not self.running:
            return
        if os.name == "nt":
            self._killTreeOnWindows({int(number) for number in (pid, self._process.processId()) if number})
        else:
            self._killGroup(pid)
        self._process.kill()
        self._process.waitForFinished(1000)
        if not self._finished:
            self._ended(9, 1)

    @staticmethod
    def _killGroup(pid):
        """The worker leads a process group of its own. Nothing else is ended this way, least of all Slicer's own group."""
        if not isinstance(pid, int) or pid <= 1 or pid == os.getpid():
            return
        try:
            if os.getpgid(pid) == pid != os.getpgid(0):
                os.killpg(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return  # it has ended by itself

    @staticmethod
    def _killTreeOnWindows(numbers):
        for number in numbers:
            killer = qt.QProcess()
            killer.start("taskkill", ["/T", "/F", "/PID", str(number)])
            killer.waitForFinished(1000 * TASKKILL_SECONDS)

    def _childEnvironment(self):
        environment = qt.QProcessEnvironment.systemEnvironment()
        earlier = environment.value("PYTHONPATH", "")
        environment.insert("PYTHONPATH", os.pathsep.join(part for part in (MODULE_FOLDER, earlier) if part))
        environment.insert("PYTHONIOENCODING", "utf-8")
        environment.insert("PYTHONUNBUFFERED", "1")
        for name, value in self._environment.items():
            environment.insert(name, value)
        return environment

    def _readOutput(self):
        chunk = self._process.readAllStandardOutput().data()
        if chunk:
            self._onOutput(chunk)

    def _readErrorOutput(self):
        chunk = self._process.readAllStandardError().data()
        if chunk:
            self._onErrorOutput(chunk)

    def _failed(self, error):
        """`errorOccurred` comes before `finished` for a crash, and alone for a program that never started."""
        if self._process.state() == qt.QProcess.NotRunning and int(error) == 0:
            self._ended(-1, 1)

    def _ended(self, code, status):
        if self._finished:
            return
        self._readOutput()
        self._readErrorOutput()
        self._finished = True
        self._onFinished(int(code), int(status) != 0)
