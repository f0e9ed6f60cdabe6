"""A request while it is worked on: whether it was cancelled, and what is told of it on the way."""

from __future__ import annotations

import threading
import time

from p2sam.errors import Cancelled

from .channel import Channel
from .request import Request

LEAST_INTERVAL_S = 0.1
"""Between two progress messages of one stage; in between they are only remembered."""


class Stopped(Cancelled):
    """The request was cancelled with a part done: `result` is what a `cancelled` message carries."""

    def __init__(self, message: str, result: dict):
        super().__init__(message)
        self.result = result


class Task:
    """Handed to every verb; `cancelled` and `progress` fit the engine's own callbacks."""

    def __init__(self, request: Request, channel: Channel):
        self.request = request
        self._channel = channel
        self._cancel = threading.Event()
        self.visit: str | None = None
        """Name of the visit that progress is told of."""
        self._last: dict | None = None
        self._stage_began = self._told = 0.0

    def cancel(self) -> None:
        """Ask it to stop; called from the thread that reads."""
        self._cancel.set()

    def cancelled(self) -> bool:
        return self._cancel.is_set()

    def check_cancelled(self) -> None:
        """Raise `Cancelled` where it was asked to stop."""
        if self.cancelled():
            raise Cancelled(f"The request '{self.request.verb}' was cancelled.")

    def progress(self, stage: str, done: float, total: float) -> None:
        """Tell how far the stage is, a stage's start and end always, the rest at most ten times a second."""
        now = time.monotonic()
        if self._last is None or self._last["stage"] != stage or done < self._last["done"]:
            self._stage_began, self._told = now, 0.0
        left = None
        if 0 < done <= total and now > self._stage_began:
            left = round((now - self._stage_began) * (total - done) / done, 1)
        self._last = {"visit": self.visit, "stage": stage, "done": done, "total": total, "seconds_left": left}
        if done >= total or now - self._told >= LEAST_INTERVAL_S:
            self._told = now
            self.send("progress", **self._last)

    def warn(self, message: str) -> None:
        self.send("warning", message=message)

    def send(self, event: str, **fields) -> None:
        self._channel.send(event, self.request.id, **fields)

    def beat(self) -> None:
        """Say the last progress again, as a sign of life."""
        if self._last is not None:
            self.send("progress", **self._last)
