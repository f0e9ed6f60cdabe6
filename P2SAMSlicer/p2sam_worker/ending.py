"""How the worker goes: work is stopped, the job folder is removed, and no process stays behind."""

from __future__ import annotations

import os
import threading

from .inbox import Inbox
from .job import JobFolder

GRACE_S = 5.0
"""For the running request to come to a point where it can stop; then the process ends all the same."""


class Ending:
    """Called when Slicer is gone, or asks for it, or a signal does: closes the inbox, and sees to it that the process ends.

    Parameters
    ----------
    inbox : Inbox
    job : JobFolder
    grace_s : float
    """

    def __init__(self, inbox: Inbox, job: JobFolder, grace_s: float = GRACE_S):
        self._inbox, self._job, self._grace_s = inbox, job, grace_s
        self._begun = threading.Lock()

    def __call__(self) -> None:
        """Begin to end; safe to be called again, from any thread, and from a signal."""
        if not self._begun.acquire(blocking=False):
            return
        timer = threading.Timer(self._grace_s, self._now)
        timer.daemon = True
        timer.start()
        threading.Thread(target=self._inbox.close, daemon=True).start()  # a signal may have come while the inbox was locked

    def _now(self) -> None:
        """What runs cannot be stopped (a library loading gigabytes): leave without it."""
        self._job.remove()
        os._exit(0)
