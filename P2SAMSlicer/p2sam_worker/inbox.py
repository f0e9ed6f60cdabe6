"""Requests as they come in, one to be worked on at a time; cancel and shutdown act at once, from the reading thread."""

from __future__ import annotations

import threading
from collections import deque

from .channel import Channel
from .protocol import ProtocolError, check_version, decode
from .request import Request
from .task import Task

CANCEL, SHUTDOWN = "cancel", "shutdown"


class Inbox:
    """A queue between the reading thread (`receive`, `close`) and the working one (`take`, `finished`)."""

    def __init__(self, channel: Channel, verbs: frozenset[str]):
        self._channel = channel
        self._verbs = verbs | {CANCEL, SHUTDOWN}
        self._changed = threading.Condition()
        self._waiting: deque[Task] = deque()
        self._running: Task | None = None
        self._closed = False

    def receive(self, line: bytes) -> None:
        """One line of the other side; what is wrong with it is answered, and the next one is read."""
        number = None
        try:
            message = decode(line)
            number = message.get("id") if isinstance(message.get("id"), int) else None
            check_version(message)
            if message.get("verb") == CANCEL:
                self._cancel(message)
                return
            self._accept(Request.of(message))
        except ProtocolError as error:
            self._channel.send("error", number, kind="ProtocolError", message=str(error), traceback="")

    def take(self) -> Task | None:
        """The next request, when there is one; None after `close`."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            self._running = None if self._closed else self._waiting.popleft()
            return self._running

    def finished(self) -> None:
        """The request taken last has ended."""
        with self._changed:
            self._running = None

    def close(self) -> None:
        """No one will hear an answer any more: everything is cancelled, and `take` gives None."""
        with self._changed:
            self._closed = True
            for task in self._outstanding():
                task.cancel()
            self._changed.notify_all()

    def _accept(self, request: Request) -> None:
        with self._changed:
            if request.verb not in self._verbs:
                raise ProtocolError(f"There is no verb '{request.verb}'; known are: {', '.join(sorted(self._verbs))}.")
            if any(task.request.id == request.id for task in self._outstanding()):
                raise ProtocolError(f"The id {request.id} is of a request that has not ended; give each request a number of its own.")
            if request.verb == SHUTDOWN:
                for task in self._outstanding():
                    task.cancel()
            self._waiting.append(Task(request, self._channel))
            self._changed.notify_all()

    def _cancel(self, message: dict) -> None:
        """Everything asked for before it, the running request and those that wait; or `request` alone, where it is named."""
        only = message.get("request")
        with self._changed:
            stopped = [task for task in self._outstanding() if only is None or task.request.id == only]
            for task in stopped:
                task.cancel()
        number = message.get("id")
        if isinstance(number, int):
            self._channel.send("done", number, result={"cancelled": [task.request.id for task in stopped]})

    def _outstanding(self) -> list[Task]:
        return ([self._running] if self._running is not None else []) + list(self._waiting)
