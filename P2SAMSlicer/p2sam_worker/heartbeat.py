"""A sign of life while a request is worked on, so that long is told from hung."""

from __future__ import annotations

import threading
import time

from .channel import Channel
from .protocol import HEARTBEAT_S
from .task import Task


class Heartbeat:
    """While entered, repeats the task's last progress whenever the channel was silent for `seconds`."""

    def __init__(self, task: Task, channel: Channel, seconds: float = HEARTBEAT_S):
        self._task, self._channel, self._seconds = task, channel, seconds
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(self._seconds / 4):
            if time.monotonic() - self._channel.last_sent >= self._seconds:
                self._task.beat()
