"""One task at a time: begun, gone on with by a timer, waited for, cancelled, or ended with the worker."""

from __future__ import annotations

import time

from p2sam.errors import InputError
from slicer.i18n import tr as _

SHUTDOWN_SECONDS = 5.0


class TaskRunner:
    """A part of `Logic`.

    Parameters
    ----------
    worker : Worker
    later : callable(callable) or None
        Calls what it is given a moment later.
    """

    def __init__(self, worker, later=None):
        self.worker = worker
        self.task = None
        """The run, redraw or export that goes on; None where nothing does."""
        self._later = later

    @property
    def running(self) -> bool:
        """Whether something the user asked for is not finished."""
        return self.task is not None

    def flush(self, budgetSeconds: float = 0.05) -> None:
        """Do pending work for about so long; never waits for the worker."""
        if self.task is not None:
            self.task.flush(budgetSeconds)

    def cancel(self) -> None:
        """Stop what goes on; what is done is kept."""
        self.dropWaiting()
        if self.task is not None:
            self.task.cancel()

    def shutdown(self) -> None:
        """End the worker and remove what it left; the next verb starts a new one."""
        task = self.task
        if task is not None:
            self.cancel()
            if self.worker.client is not None:
                self.worker.client.kill()
            deadline = time.monotonic() + SHUTDOWN_SECONDS
            while not task.flush(1.0) and time.monotonic() < deadline:
                continue
        self.worker.shutdown()
        self.task = None

    def checkIdle(self) -> None:
        """Raise `InputError` while something is being drawn."""
        if self.task is not None and not self.task.finished:
            raise InputError(_("Something is being drawn already; wait for its end, or cancel it first."))

    def start(self, task, wait: bool):
        """Do a task to its end and return its result, or only begin it and return it.

        A request that is made while a run goes on does not take the run's place.
        """
        if self.task is None or self.task.finished:
            self.task = task
            task.onFinished(self._onTaskFinished)
        if wait:
            return task.wait()
        if task.eager:
            self._goOn(task)
        return task

    def answer(self, task, wait: bool, done):
        """Start a task; `done(result)` is called at its end, with {error: sentence} after a failure."""
        if done is not None:
            task.onFinished(lambda ended: done(ended.result if ended.status == "done" else {"error": ended.message}))
        return self.start(task, wait)

    def afterTask(self) -> None:
        """Called when the task has ended; begins what waited for that."""

    def dropWaiting(self) -> None:
        """Forget what waits for the task's end."""

    def _goOn(self, task) -> None:
        """Take the steps of an eager task up to where it waits for the worker."""
        if self._later is None:
            while not task.flush(1.0) and not task.isWaiting:
                continue
        elif not task.flush() and not task.isWaiting:
            self._later(lambda: self._goOn(task))

    def _onTaskFinished(self, task) -> None:
        if self.task is task:
            self.task = None
            self.afterTask()
