"""One pressing of Propagate: follow-up after follow-up, watched by an observer."""

from __future__ import annotations

from p2sam.errors import Cancelled, P2SAMError
from slicer.i18n import tr as _

from .Cases import loadedModel
from .Task import Task
from .Visits import VisitJob
from .WorkerClient import WorkerError

MOST_DEATHS = 2
"""A run goes on with a new worker after a death, but not after so many."""


class RunError(P2SAMError):
    """Some follow-ups could not be propagated.

    Attributes
    ----------
    reviews : list of vtkMRMLTextNode
        Of the follow-ups that were, or were in part.
    details : str
        Traceback or the worker's last lines.
    """

    def __init__(self, message: str, reviews=(), details: str = ""):
        super().__init__(message)
        self.reviews = list(reviews)
        self.details = details


class Run(Task):
    """Propagates cases; see `Task` for `flush`, `wait` and `cancel`.

    Parameters
    ----------
    scene : vtkMRMLScene
    worker : Worker
    undo : callable(segmentationNode) or None
        Saves the state of a segmentation for one step of undo.
    observer : object or None
        Any of `onProgress(visit, stage, done, total, secondsLeft)`, `onSlice(visit, structure, index)`,
        `onVisit(reviewNode)`, `onWarning(text)`, `onFinished(status, message)`.
    progress : callable(visit, stage, done, total, secondsLeft) or None
    """

    def __init__(self, scene, worker, undo=None, observer=None, progress=None, onFinished=None):
        super().__init__(worker, onFinished)
        self.scene = scene
        self.undo = undo
        self.jobs = []
        self.current = None
        """The `VisitJob` that is being drawn."""
        self._observer = observer
        self._progress = progress
        self._failures = []
        self._deaths = 0

    def add(self, case, **options) -> None:
        """Put a follow-up into the queue; `options` as in `VisitJob`."""
        self.jobs.append(VisitJob(self, case, **options))

    @property
    def reviewNodes(self) -> list:
        """Of the visits of which something was drawn."""
        return [job.reviewNode for job in self.jobs if job.hasDrawn and job.reviewNode is not None]

    def flush(self, budgetSeconds: float = 0.05) -> bool:
        wasFinished = self.finished
        finished = super().flush(budgetSeconds)
        if finished and not wasFinished:
            self.current = None
            self.tell("onFinished", self.status, self.message)
        return finished

    def tell(self, name: str, *values) -> None:
        """Call a method of the observer, where it has it."""
        method = getattr(self._observer, name, None)
        if method is not None:
            method(*values)

    def tellProgress(self, visit: str, message: dict) -> None:
        values = (message.get("visit") or visit, str(message.get("stage", "")), message.get("done", 0), message.get("total", 1), message.get("seconds_left"))
        self.tell("onProgress", *values)
        if self._progress is not None:
            self._progress(*values)

    def _steps(self):
        first = self.jobs[0].case
        yield from loadedModel(self, first.model, first.device, self._duringLoad)
        for job in self.jobs:
            if self.cancelling:
                break
            self.current = job
            try:
                yield from job.steps()
            except Cancelled:
                break
            except P2SAMError as error:
                if self.cancelling:
                    break
                self._failures.append((job, error))
                self._deaths += isinstance(error, WorkerError) and error.kind == "died"
                if self._deaths >= MOST_DEATHS:
                    break
        self.current = None
        if self._failures:
            raise self._error()
        if self.cancelling:
            self.message = _("The run was cancelled; what was drawn is kept and marked incomplete.")
        return self.reviewNodes

    def _duringLoad(self, message: dict) -> None:
        if message["event"] == "warning":
            self.tell("onWarning", str(message.get("message", "")))
        elif message["event"] == "progress":
            self.tellProgress("", message)

    def _error(self) -> RunError:
        lines = [_("{visit}: {reason}").format(visit=job.case.name, reason=error) for job, error in self._failures]
        details = "\n".join(text for text in (getattr(error, "details", "") for _job, error in self._failures) if text)
        return RunError("\n".join(dict.fromkeys(lines)), self.reviewNodes, details)
