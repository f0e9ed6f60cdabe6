"""How fast this computer was at each step in this session, for honest estimates."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Speed:
    """Seconds a unit of each step: a running mean in which the last run counts half."""

    def __init__(self):
        self._seconds: dict[str, float] = {}

    def note(self, step: str, count: int, seconds: float) -> None:
        """`count` units of a step took so long; nothing is learnt from none."""
        if count > 0:
            each = seconds / count
            self._seconds[step] = each if step not in self._seconds else 0.5 * (self._seconds[step] + each)

    def seconds(self, step: str) -> float | None:
        """Of one unit; None where it was never done."""
        return self._seconds.get(step)

    @contextmanager
    def timing(self, step: str, count: int) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.note(step, count, time.monotonic() - began)
