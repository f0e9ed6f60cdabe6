"""The talk with the worker process: requests out, messages in, and a clear end for every request, whatever happens."""

from __future__ import annotations

import time
from collections import deque

from p2sam.errors import P2SAMError
from p2sam_worker.protocol import ENDS, VERSION, LineBuffer, ProtocolError, decode, encode
from slicer.i18n import tr as _

FINAL_EVENTS = (*ENDS, "died")
LOG_LINES = 400


class WorkerError(P2SAMError):
    """A request that the worker refused or could not finish.

    Attributes
    ----------
    kind : str
        Name of the error's class in the worker; "died" where the process is gone.
    details : str
        Traceback, or the last lines the worker printed; for the error dialog, never shown alone.
    """

    def __init__(self, message: str, kind: str = "", details: str = ""):
        super().__init__(message)
        self.kind = kind
        self.details = details


class WorkerClient:
    """One worker process, spoken to in JSON lines.

    Parameters
    ----------
    process
        Has `start(jobFolder, onOutput, onErrorOutput, onFinished)`, `write(bytes)`, `closeInput()`, `pump(seconds)`,
        `kill(pid)` and `running`.
    onNotice : callable(text) or None
        Told what belongs to no request: a garbled line, a warning of the idle worker.
    """

    def __init__(self, process, onNotice=None):
        self.process = process
        self.hello = None
        self._onNotice = onNotice or (lambda text: None)
        self._open = {}
        self._finals = {}
        self._lastId = 0
        self._lines = LineBuffer()
        self._waiting = deque()
        self._reading = False
        self._log = deque(maxlen=LOG_LINES)
        self._garbled = False
        self._started = False
        self._ended = False
        self._expected = False
        self._failure = ""
        self._lastMessage = time.monotonic()

    def start(self, jobFolder) -> None:
        """Start the process; `jobFolder` (path) is where the arrays of both sides lie."""
        self._started = True
        self._lastMessage = time.monotonic()
        try:
            self.process.start(str(jobFolder), self._onOutput, self._onErrorOutput, self._onFinished)
        except OSError as error:
            self._failure = _("The worker process could not be started ({reason}).").format(reason=error)
            self._end(None)

    @property
    def running(self) -> bool:
        return self._started and not self._ended and self.process.running

    @property
    def busy(self) -> bool:
        """Whether a request waits for its end."""
        return bool(self._open)

    @property
    def log(self) -> str:
        """What the worker printed last, garbled lines among it."""
        return "\n".join(self._log)

    def request(self, verb: str, onMessage=None, **parameters) -> int:
        """Send a request; `onMessage(message: dict)` gets its messages, the last with one of `FINAL_EVENTS`."""
        self._lastId += 1
        number = self._lastId
        if not self._open:
            self._lastMessage = time.monotonic()
        self._open[number] = onMessage or (lambda message: None)
        if self._ended or not self._started:
            self._finish(number, self._deathMessage(None))
        else:
            self._send({"id": number, "verb": verb, **parameters})
        return number

    def forget(self, number: int) -> None:
        """Drop the kept end of a request that nobody waits for."""
        self._finals.pop(number, None)

    def cancel(self) -> None:
        """Ask the running request to stop at the next slice."""
        self._send({"verb": "cancel"})

    def shutdown(self, seconds: float = 2.0) -> None:
        """Let the worker end by itself, and end it with its tree where it does not within `seconds`."""
        self._expected = True
        if self.running:
            self._send({"verb": "shutdown"})
            self._closeInput()
        deadline = time.monotonic() + seconds
        while self.running and time.monotonic() < deadline:
            self.process.pump(0.02)
        self.kill()

    def kill(self, reason: str = "") -> None:
        """End the process and every process it started, now. `reason` is what open requests are told."""
        self._failure = self._failure or reason
        if self._started and not self._ended:
            self.process.kill((self.hello or {}).get("pid"))
        deadline = time.monotonic() + 2.0
        while self.running and time.monotonic() < deadline:
            self.process.pump(0.02)
        if self._started and not self._ended:
            self._end(None)

    def wait(self, number: int, timeout: float | None = None) -> dict:
        """Pump the process until request `number` has ended; its last message.

        Raises
        ------
        WorkerError
            Nothing came within `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while number in self._open:
            self.process.pump(0.02)
            if deadline is not None and time.monotonic() > deadline:
                raise WorkerError(_("The worker gave no answer within {seconds} s.").format(seconds=round(timeout, 1)), "timeout", self.log)
        return self._finals.pop(number)

    def noMessageFor(self, seconds: float) -> bool:
        """Whether a request is open and the worker, which reports while it is busy, has been silent for so long."""
        return self.busy and time.monotonic() - self._lastMessage > seconds

    def _send(self, message: dict) -> None:
        if self._ended:
            return
        line = encode(message)
        try:
            self.process.write(line)
        except (OSError, ValueError) as error:
            self._log.append(str(error))
            self.kill()

    def _closeInput(self) -> None:
        try:
            self.process.closeInput()
        except (OSError, ValueError) as error:
            self._log.append(str(error))

    def _onOutput(self, chunk: bytes) -> None:
        """Lines are handled in their order, also where a callback lets the next chunk in."""
        self._waiting.extend(self._lines.feed(bytes(chunk)))
        if self._reading:
            return
        self._reading = True
        try:
            while self._waiting:
                line = self._waiting.popleft()
                if line.strip():
                    self._onLine(line)
        finally:
            self._reading = False

    def _onErrorOutput(self, chunk: bytes) -> None:
        self._log.extend(bytes(chunk).decode("utf-8", "replace").splitlines())

    def _onLine(self, line: bytes) -> None:
        try:
            message = decode(line)
        except ProtocolError:
            return self._garbage(line)
        if not isinstance(message.get("event"), str):
            return self._garbage(line)
        if message.get("v") != VERSION or message.get("protocol", VERSION) != VERSION:
            return self._otherVersion(message)
        self._lastMessage = time.monotonic()
        self._dispatch(message)

    def _dispatch(self, message: dict) -> None:
        number, event = message.get("id"), message["event"]
        if event == "hello":
            self.hello = message
        elif number in self._open:
            if event in FINAL_EVENTS:
                self._finish(number, message)
            else:
                self._open[number](message)
        elif number is None and event in ("warning", "error"):
            self._onNotice(str(message.get("message", "")))

    def _garbage(self, line: bytes) -> None:
        self._log.append(_("Unreadable line: {line}").format(line=line[:200].decode("utf-8", "replace")))
        if not self._garbled:
            self._garbled = True
            self._onNotice(_("The worker printed a line that is not part of its protocol; it was ignored and kept in the log."))

    def _otherVersion(self, message: dict) -> None:
        found = message.get("protocol", message.get("v"))
        text = _("The worker speaks protocol {found}, this module speaks {wanted}; update the extension and restart Slicer.")
        self._failure = text.format(found=found, wanted=VERSION)
        self.kill()

    def _finish(self, number: int, message: dict) -> None:
        callback = self._open.pop(number)
        self._finals[number] = message
        callback(message)

    def _onFinished(self, code: int, crashed: bool) -> None:
        self._end(code)

    def _end(self, code: int | None) -> None:
        if self._ended:
            return
        self._ended = True
        message = self._deathMessage(code)
        for number in list(self._open):
            if number in self._open:
                self._finish(number, message)

    def _deathMessage(self, code: int | None) -> dict:
        if self._failure:
            text = self._failure
        elif self._expected:
            text = _("The worker was shut down.")
        elif code is None:
            text = _("The worker process was ended. The next run starts a new one.")
        else:
            text = _("The worker process ended unexpectedly (exit code {code}). What was drawn is kept; the next run starts a new one.").format(code=code)
        return {"v": VERSION, "id": None, "event": "died", "message": text, "traceback": self.log}
