"""Things to do one after another, each in a turn of its own, so that the window is not blocked by all of them together."""

from collections import deque

import qt


class Steps:
    """A queue; between two of its actions the window draws itself and listens to the person."""

    def __init__(self):
        self._actions = deque()
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.connect("timeout()", self._next)

    @property
    def isIdle(self):
        """Whether all is done."""
        return not self._actions

    def do(self, *actions):
        """Do these soon, in this order."""
        self._actions.extend(actions)
        self._timer.start()

    def clear(self):
        """Forget what is not done yet."""
        self._actions.clear()
        self._timer.stop()

    def _next(self):
        if not self._actions:
            return
        action = self._actions[0]
        try:
            action()
        finally:
            if self._actions and self._actions[0] is action:
                self._actions.popleft()
            if self._actions:
                self._timer.start()
