"""One thing the user asked for, done in small steps: by the panel's timer, or at once for a script that waits."""

from __future__ import annotations

import time
import traceback

from p2sam.errors import Cancelled, P2SAMError
from slicer.i18n import tr as _

from .WorkerClient import WorkerError

STEP_SECONDS = 0.05
CANCEL_SECONDS = 0.4
"""How long the worker may take to stop at the next slice; then it is ended, and what was drawn is kept."""
HANG_SECONDS = 120.0
"""A busy worker reports every second; one that is silent for so long is ended."""


class Reply:
    """The end of a request, once it has come."""

    def __init__(self):
        self.message = None

    @property
    def ready(self) -> bool:
        return self.message is not None

    def outcome(self):
        """The result of "done".

        Raises
        ------
        Cancelled
            Stopped before there was anything to keep.
        WorkerError
            The worker said why it could not, or is gone.
        """
        event = self.message["event"]
        if event == "done":
            return self.message.get("result", {})
        if event == "cancelled":
            if self.message.get("result"):
                return self.message["result"]
            raise Cancelled(_("The run was cancelled."))
        kind = "died" if event == "died" else str(self.message.get("kind", ""))
        raise WorkerError(str(self.message.get("message", "")), kind, str(self.message.get("traceback") or ""))


class Task:
    """Work in steps. A subclass writes `_steps`, a generator that yields None between two steps and a `Reply` to wait for it.

    Parameters
    ----------
    worker : Worker
    onFinished : callable(task) or None
        Called once, when the task has ended in whatever way.
    """

    eager = False
    """Whether the task goes on as soon as the worker answers, without waiting for the timer."""

    def __init__(self, worker, onFinished=None):
        self.worker = worker
        self.status = "running"
        """"running", then "done", "cancelled" or "failed"."""
        self.message = ""
        self.details = ""
        self.error = None
        self.result = None
        self._callbacks = [] if onFinished is None else [onFinished]
        self._generator = None
        self._awaited = None
        self._inside = False
        self._cancelledAt = None
        self.hangSeconds = HANG_SECONDS

    @property
    def finished(self) -> bool:
        return self.status != "running"

    @property
    def cancelling(self) -> bool:
        return self._cancelledAt is not None

    def flush(self, budgetSeconds: float = STEP_SECONDS) -> bool:
        """Do pending steps for about `budgetSeconds`; whether the task has finished. Never waits for the worker."""
        if self.finished or self._inside:
            return self.finished
        self._inside = True
        try:
            self._watch()
            self._advance(time.monotonic() + budgetSeconds)
        finally:
            self._inside = False
        if self.finished:
            callbacks, self._callbacks = self._callbacks[::-1], []
            for callback in callbacks:
                callback(self)
        return self.finished

    def onFinished(self, callback) -> None:
        """Call `callback(task)` once, when the task has ended; what was asked for last is called first."""
        self._callbacks.append(callback)

    @property
    def isWaiting(self) -> bool:
        """Whether it can only go on once the worker answers."""
        return self._awaited is not None and not self._awaited.ready

    def wait(self):
        """Do all of it now, without an event loop; the task's result. A failure is raised."""
        try:
            self._pumpToTheEnd()
        except KeyboardInterrupt:
            self.cancel()
            self._pumpToTheEnd()
            raise
        if self.status == "failed":
            raise self.error
        return self.result

    def _pumpToTheEnd(self) -> None:
        while not self.flush(1.0):
            if self.worker.client is not None:
                self.worker.client.process.pump(0.02)

    def cancel(self) -> None:
        """Stop at the next slice; what is done is kept."""
        if self.finished or self.cancelling:
            return
        self._cancelledAt = time.monotonic()
        if self.worker.running and self.worker.client.busy:
            self.worker.client.cancel()

    def ask(self, verb: str, onMessage=None, **parameters):
        """Send a request and wait for its end, as a generator; its result is the value of `yield from`."""
        reply = self.send(verb, onMessage, **parameters)
        while not reply.ready:
            yield reply
        return reply.outcome()

    def send(self, verb: str, onMessage=None, **parameters) -> Reply:
        """Send a request; the reply becomes ready when its end has come. Other messages go to `onMessage`."""
        reply = Reply()

        def receive(message):
            if message["event"] in ("done", "cancelled", "error", "died"):
                reply.message = message
                if self.eager:
                    self.flush()
            elif onMessage is not None:
                onMessage(message)

        self.checkCancelled()
        client = self.worker.ensure()
        client.forget(client.request(verb, receive, **parameters))
        return reply

    def checkCancelled(self) -> None:
        """Raise `Cancelled` where the user asked to stop."""
        if self.cancelling:
            raise Cancelled(_("The run was cancelled."))

    def _steps(self):
        raise NotImplementedError

    def _watch(self) -> None:
        """End a worker that does not stop, or that is silent."""
        if not self.worker.running or self._awaited is None or self._awaited.ready:
            return
        if self.cancelling and time.monotonic() - self._cancelledAt > CANCEL_SECONDS:
            self.worker.client.kill()
        elif self.worker.client.noMessageFor(self.hangSeconds):
            self.worker.client.kill(
                _("The worker has given no sign for {seconds} s and was ended. What was drawn is kept; the next run starts a new one.").format(seconds=round(self.hangSeconds))
            )

    def _advance(self, deadline: float) -> None:
        if self._generator is None:
            self._generator = self._steps()
        try:
            while True:
                self._awaited = next(self._generator)
                if self._awaited is not None and not self._awaited.ready or time.monotonic() >= deadline:
                    return
        except StopIteration as end:
            self.result = end.value
            self.status = "cancelled" if self.cancelling else "done"
        except Cancelled as error:
            self.status, self.message = "cancelled", str(error)
        except P2SAMError as error:
            self._fail(error, getattr(error, "details", ""))
        except Exception as error:  # the end of a slot: a fault of ours ends the task, never the panel
            self._fail(error, traceback.format_exc())
            if self.worker.running and self.worker.client.busy:
                self.worker.client.cancel()

    def _fail(self, error, details: str = "") -> None:
        self.status, self.message, self.error, self.details = "failed", str(error), error, details
