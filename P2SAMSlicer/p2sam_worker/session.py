"""What the worker keeps from one request to the next: the job folder, the model, the opened cases, the measured speed."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from p2sam.errors import InputError

from .job import JobFolder
from .speed import Speed

if TYPE_CHECKING:
    from .open_case import OpenCase
    from .verbs.model import LoadedModel

MOST_CASES = 4
"""Opened cases that are kept; the one used longest ago is closed for another, as each holds two scans."""


class CaseNotOpen(InputError):
    """The case was never opened, was closed, or was closed for another; it has to be opened again."""


class NoModel(InputError):
    """No model has been loaded yet."""


class Cases:
    """Opened cases by their id, the last used last."""

    def __init__(self, most: int = MOST_CASES):
        self._most = most
        self._kept: OrderedDict[str, OpenCase] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, case: OpenCase) -> None:
        self._kept.pop(case.id, None)
        self._kept[case.id] = case
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def get(self, id: str) -> OpenCase:
        """The case of that id.

        Raises
        ------
        CaseNotOpen
        """
        if id not in self._kept:
            raise CaseNotOpen(f"The case '{id}' is not open in the worker; open it again.")
        self._kept.move_to_end(id)
        return self._kept[id]

    def close(self, id: str) -> bool:
        """Let go of a case; False where it was not open."""
        return self._kept.pop(id, None) is not None

    def clear(self) -> None:
        self._kept.clear()


@dataclass
class Session:
    job: JobFolder
    model: LoadedModel | None = None
    cases: Cases = field(default_factory=Cases)
    speed: Speed = field(default_factory=Speed)

    def loaded(self) -> LoadedModel:
        """The model loaded last.

        Raises
        ------
        NoModel
        """
        if self.model is None:
            raise NoModel("No model is loaded in the worker; load one first.")
        return self.model
