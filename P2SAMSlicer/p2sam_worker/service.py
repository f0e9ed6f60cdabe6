"""The worker's main loop: takes one request after the other, does it, and says how it ended, whatever happened."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from collections.abc import Callable

import numpy as np

import p2sam
from p2sam.errors import Cancelled

from .channel import Channel
from .failure import described
from .heartbeat import Heartbeat
from .inbox import Inbox
from .protocol import VERSION
from .session import Session
from .task import Stopped, Task

VERBS = {
    "load_model": "model",
    "probe_devices": "probes",
    "probe_packages": "probes",
    "open_case": "case",
    "close_case": "case",
    "propagate": "drawing",
    "redraw": "drawing",
    "export": "export",
    "evaluate": "evaluate",
    "estimate": "estimate",
    "phantom": "phantom",
}
"""Verb -> the file of `verbs/` with a function of that name: (session, task) -> the result. Loaded when first asked for,
so that the probes work where the packages that the engine needs are missing."""


class Service:
    """Works through an inbox until it is closed or a shutdown comes."""

    def __init__(self, session: Session, channel: Channel, inbox: Inbox):
        self._session, self._channel, self._inbox = session, channel, inbox

    def run(self) -> None:
        versions = {"p2sam": p2sam.__version__, "python": platform.python_version(), "numpy": np.__version__}
        self._channel.send("hello", pid=os.getpid(), protocol=VERSION, versions=versions)
        while (task := self._inbox.take()) is not None:
            self._work(task)
            self._inbox.finished()
        if self._inbox.farewell is not None:
            self._channel.send("done", self._inbox.farewell, result={})

    def _work(self, task: Task) -> None:
        """Do one request; it ends with exactly one `done`, `cancelled` or `error`."""
        verb = task.request.verb
        try:
            task.check_cancelled()
            with Heartbeat(task, self._channel):
                task.progress(verb, 0, 1)
                result = verb_function(verb)(self._session, task)
            task.send("done", result=result)
        except Stopped as stopped:
            task.send("cancelled", result=stopped.result)
        except Cancelled:
            task.send("cancelled", result=None)
        except Exception as error:  # the request ends here; the worker lives on
            told = described(error, verb)
            print(told["traceback"], file=sys.stderr, flush=True)
            task.send("error", **told)


def verb_function(verb: str) -> Callable[[Session, Task], dict]:
    """What does a verb, loaded now and not before."""
    return getattr(importlib.import_module(f"p2sam_worker.verbs.{VERBS[verb]}"), verb)
