"""Requests as they come in, one to be worked on at a time; cancel and shutdown act at once, from the reading thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from .channel import Channel
from .protocol import ProtocolError, check_version, decode
from .request import Request
from .task import Task

CANCEL, SHUTDOWN = "cancel", "shutdown"


class Inbox:
    """A queue between the reading thread (`receive`, `close`) and the working one (`take`, `finished`)."""

    def __init__(self, channel: Channel, verbs: frozenset[str]):
        self._channel = channel
        self._verbs = verbs
        self._changed = threading.Condition()
        self._waiting: deque[Task] = deque()
        self._running: Task | None = None
        self._closed = False
        self.farewell: int | None = None
        """Id of the shutdown that was asked for, to be answered last."""
        self.on_shutdown: Callable[[], None] = self.close

    def receive(self, line: bytes) -> None:
        """One line of the other side; what is wrong with it is answered, and the next one is read."""
        number = None
        try:
            message = decode(line)
            number = message.get("id") if type(message.get("id")) is int else None
            check_version(message)
            if message.get("verb") == CANCEL:
                self._cancel(message)
            elif message.get("verb") == SHUTDOWN:
                self.farewell = number
                self.on_shutdown()
            else:
                self._accept(Request.of(message))
        except ProtocolError as error:
            if self._is_outstanding(number):
                number = None  # the answer of the request that has it is still to come
            self._channel.send("error", number, kind="ProtocolError", message=str(error), traceback="")

    def take(self) -> Task | None:
        """The next request, when there is one; None after `close`, when all that were left have been taken."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            self._running = self._waiting.popleft() if self._waiting else None
            return self._running

    def finished(self) -> None:
        """The request taken last has ended."""
        with self._changed:
            self._running = None

    def close(self) -> None:
        """Everything is cancelled, nothing more is accepted, and `take` comes to its end."""
        with self._changed:
            self._closed = True
            for task in self._outstanding():
                task.cancel()
            self._changed.notify_all()

    def _accept(self, request: Request) -> None:
        with self._changed:
            if self._closed:
                raise ProtocolError(f"The worker is shutting down; '{request.verb}' was not begun.")
            if request.verb not in self._verbs:
                raise ProtocolError(f"There is no verb '{request.verb}'; known are: {', '.join(sorted(self._verbs | {CANCEL, SHUTDOWN}))}.")
            if self._is_outstanding(request.id):
                raise ProtocolError(f"The id {request.id} is of a request that has not ended; give each request a number of its own.")
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

    def _is_outstanding(self, number: int | None) -> bool:
        return any(task.request.id == number for task in self._outstanding())

    def _outstanding(self) -> list[Task]:
        return ([self._running] if self._running is not None else []) + list(self._waiting)
