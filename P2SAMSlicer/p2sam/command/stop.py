"""Ctrl-C: the first asks the run to stop between slices, the second ends it at once."""

from __future__ import annotations

import os
import signal
from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM") if hasattr(signal, name))


class Stop:
    """While entered, counts SIGINT and SIGTERM; called, says whether the run was asked to stop.

    The second signal raises `KeyboardInterrupt`, which cleans up what is half written; the third ends the process.
    """

    def __init__(self, what: str = "Stopping after this slice"):
        self._what = what
        self._times = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> Stop:
        self._before = {number: signal.signal(number, self._asked) for number in SIGNALS}
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        return self._times > 0

    def _asked(self, _number: int, _frame: FrameType | None) -> None:
        self._times += 1
        if self._times == 1:
            os.write(2, f"\n{self._what}; press Ctrl-C again to end at once.\n".encode())
        elif self._times == 2:
            raise KeyboardInterrupt
        else:
            os._exit(130)
