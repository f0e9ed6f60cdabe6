"""A child process that brings a model's weights, and what it says; the panel stays usable meanwhile."""

from __future__ import annotations

from p2sam_worker.protocol import LineBuffer, ProtocolError, decode
from slicer.i18n import tr as _

MODULE = "p2sam_worker.weights"


class Weights:
    """One download, or one copy of a local file.

    Parameters
    ----------
    makeProcess : callable(arguments=list of str) -> process
        As `WorkerProcess`.
    onProgress : callable(done, total or None)
        Bytes.
    onEnd : callable(status, message)
        status is "done", "cancelled" or "failed"; called once.
    """

    def __init__(self, makeProcess, onProgress, onEnd):
        self._makeProcess = makeProcess
        self._onProgress = onProgress
        self._onEnd = onEnd
        self._process = None
        self._lines = LineBuffer()
        self._errors = b""
        self._end = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    def download(self, name: str) -> None:
        self._start(["-m", MODULE, "download", name])

    def install(self, name: str, file: str) -> None:
        """Take a local file, checked as a download is."""
        self._start(["-m", MODULE, "install", name, str(file)])

    def cancel(self) -> None:
        """Ask it to stop; what came is kept."""
        if self.running:
            self._process.closeInput()

    def killer(self):
        """A callable that ends the present child if it still runs then, and never one that was started later."""
        process = self._process
        return lambda: process.kill() if process is not None and process.running else None

    def kill(self) -> None:
        """End it now; what came is kept all the same."""
        if self.running:
            self._process.kill()

    def _start(self, arguments) -> None:
        self._lines, self._errors, self._end = LineBuffer(), b"", None
        self._process = self._makeProcess(arguments=arguments)
        self._process.start("", self._onOutput, self._onErrorOutput, self._onFinished)

    def _onOutput(self, chunk: bytes) -> None:
        for line in self._lines.feed(bytes(chunk)):
            self._onLine(line)

    def _onErrorOutput(self, chunk: bytes) -> None:
        self._errors = (self._errors + bytes(chunk))[-4000:]

    def _onLine(self, line: bytes) -> None:
        try:
            message = decode(line)
        except ProtocolError:
            self._errors += line + b"\n"
            return
        if message.get("event") == "progress":
            self._onProgress(message["done"], message["total"])
        elif message.get("event") in ("done", "cancelled", "error"):
            self._end = message

    def _onFinished(self, code: int, crashed: bool) -> None:
        end = self._end or {"event": "error", "message": self._unexpected(code)}
        status = {"done": "done", "cancelled": "cancelled"}.get(end["event"], "failed")
        self._onEnd(status, end.get("message", ""))

    def _unexpected(self, code: int) -> str:
        last = self._errors.decode("utf-8", "replace").strip().splitlines()[-1:]
        text = _("The download ended unexpectedly (exit code {code}). {last} What came is kept; press Download to go on.")
        return text.format(code=code, last=last[0] if last else "")
