"""The living worker: started when it is needed, started anew after a death, and what is loaded and open in it."""

from __future__ import annotations

from collections import OrderedDict

from p2sam_worker.job import JobFolder

from .WorkerClient import WorkerClient

OPEN_CASES = 4
"""As many as the worker keeps; it closes the one used longest ago for another."""


class Worker:
    """Hands out the client of a running worker.

    Parameters
    ----------
    makeProcess : callable() -> process
        As `WorkerClient` needs it; called for every start.
    onNotice : callable(text) or None
        What the worker says of itself.
    """

    def __init__(self, makeProcess, onNotice=None):
        self._makeProcess = makeProcess
        self._onNotice = onNotice
        self.client = None
        self.folder = None
        self.model = None
        """(name, device) as asked for, of the model that is loaded."""
        self.modelFacts = {}
        self.cases = OrderedDict()
        """Case id -> what the worker told of it; the last used at the end."""
        self.starts = 0

    @property
    def running(self) -> bool:
        return self.client is not None and self.client.running

    def ensure(self) -> WorkerClient:
        """The client of a running worker with its job folder in place; a new one where there is none.

        Raises
        ------
        OutputError
            No job folder can be made.
        """
        if self.running and self.folder.path.is_dir():
            return self.client
        self.end()
        self.folder = JobFolder.make()
        self.client = WorkerClient(self._makeProcess(), self._onNotice)
        self.client.start(self.folder.path)
        self.starts += 1
        return self.client

    def opened(self, case: str, facts: dict) -> dict:
        """Note that a case was opened and what the worker told of it; these facts are returned."""
        self.cases.pop(case, None)
        self.cases[case] = facts
        while len(self.cases) > OPEN_CASES:
            self.cases.popitem(last=False)
        return facts

    def factsOf(self, case: str) -> dict | None:
        """What was told of a case that is still open."""
        if not self.running or case not in self.cases:
            return None
        self.cases.move_to_end(case)
        return self.cases[case]

    def shutdown(self) -> None:
        """Let it end by itself, then remove what it left."""
        if self.client is not None:
            self.client.shutdown()
        self._forget()

    def end(self) -> None:
        """End it at once, with its process tree, and remove its job folder."""
        if self.client is not None:
            self.client.kill()
        self._forget()

    def _forget(self) -> None:
        if self.folder is not None:
            self.folder.remove()
        self.client = self.folder = self.model = None
        self.modelFacts = {}
        self.cases.clear()
