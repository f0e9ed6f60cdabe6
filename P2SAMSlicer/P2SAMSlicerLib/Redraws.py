"""Draws the current slice again after its points changed: soon, once for many changes, and never an old answer last."""

from __future__ import annotations

import time

import qt
from p2sam.errors import P2SAMError

WAIT_MS = 60
"""Changes within this time are one."""
PATIENCE_SECONDS = 2.0
"""How long something short that goes on, as an estimate, is waited for before the person is told."""


class Redraws:
    """Asks the logic for one slice at a time.

    Parameters
    ----------
    logic : Logic
    onDrawn : callable(key, seconds, error)
        `key` is (review node, structure, index); `error` is a sentence, or None.
    reviewer : callable() -> str
        Who is at work.
    mayDraw : callable(key) -> bool
        Asked before each that can begin; False drops it. It may show a question.
    onDropped : callable()
        Called after that.
    """

    def __init__(self, logic, onDrawn, reviewer=lambda: "", mayDraw=lambda key: True, onDropped=lambda: None):
        self.logic = logic
        self._onDrawn = onDrawn
        self._reviewer = reviewer
        self._mayDraw, self._onDropped = mayDraw, onDropped
        self._wanted: dict = {}
        self._running = None
        self._since = self._asked = 0.0
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(WAIT_MS)
        self._timer.connect("timeout()", self._begin)

    @property
    def isBusy(self) -> bool:
        """Whether an answer is awaited, or a change waits to be asked."""
        return self._running is not None or bool(self._wanted)

    def ask(self, node, structure: str, index: int) -> None:
        """Draw a slice again with its points as they will be a moment from now."""
        self._wanted[(node, structure, index)] = True
        self._asked = time.monotonic()
        self._timer.start()

    def forget(self) -> None:
        """Drop what waits; an answer on its way is not told any more."""
        self._timer.stop()
        self._wanted.clear()
        self._running = None

    def _begin(self) -> None:
        if self._running is not None or not self._wanted:
            return
        if self.logic.running and time.monotonic() - self._asked < PATIENCE_SECONDS:
            self._timer.start()
            return
        key = next(iter(self._wanted))
        del self._wanted[key]
        self._running = key
        if not self.logic.running and not self._mayDraw(key):
            self._running = None
            self._onDropped()
            if self._wanted:
                self._timer.start()
            return
        self._since = time.monotonic()
        try:
            self.logic.redrawSlice(*key, wait=False, done=lambda *answer, asked=key: self._onDone(asked, answer), reviewer=self._reviewer())
        except P2SAMError as error:
            self._onDone(key, (error,))

    def _onDone(self, key, answer) -> None:
        if self._running is not key:
            return
        self._running = None
        if key in self._wanted:
            self._timer.start()
            return
        error = next((str(one) for one in answer if isinstance(one, (str, Exception)) and str(one)), None)
        self._onDrawn(key, time.monotonic() - self._since, error)
        if self._wanted:
            self._timer.start()
