"""How far a run is, over all its visits, as a bar and as a line: visit, what is done, slice, time left. No Qt."""

import time

from slicer.i18n import tr as _

from .Duration import duration

STAGES = {"load_model": (0.0, 0.05), "open_case": (0.05, 0.05), "align": (0.05, 0.35), "track": (0.35, 0.4), "propagate": (0.4, 0.4), "slices": (0.4, 0.95)}
"""Where each stage begins and ends in a visit's part of the bar."""
STEPS = 1000
"""Of the bar, for one visit."""


class RunProgress:
    """Counts visits and follows the stages of each.

    Parameters
    ----------
    visits : int
        How many there are.

    Attributes
    ----------
    structure : str
        The one that was drawn last.
    done, total : int
        Of the bar; `done` never goes back.
    """

    def __init__(self, visits):
        self.visits = max(1, visits)
        self.structure = ""
        self.done = 0
        self._ended = 0
        self._visit = ""
        self._stage = ""
        self._counts = (0, 0)
        self._left = None
        self._began = time.monotonic()
        self._average = 0.0

    @property
    def total(self):
        return STEPS * self.visits

    def step(self, visit, stage, done, total, secondsLeft):
        """What the worker told."""
        self._visit, self._stage, self._counts, self._left = visit, stage, (done, total), secondsLeft
        first, last = STAGES.get(stage, (0.0, 1.0))
        part = first + (last - first) * (done / total if total else 0.0)
        self.done = max(self.done, round(STEPS * (min(self._ended, self.visits - 1) + part)))

    def visitEnded(self):
        self._ended += 1
        self._average = (time.monotonic() - self._began) / self._ended
        self._left, self.structure = None, ""
        self.done = max(self.done, STEPS * min(self._ended, self.visits))

    def text(self):
        """One line for a person."""
        visit = self._visit
        if visit and self.visits > 1:
            visit = _("{visit} ({number} of {count})").format(visit=visit, number=min(self._ended + 1, self.visits), count=self.visits)
        return " · ".join(part for part in (visit, self._what(), self._timeLeft()) if part)

    def _what(self):
        done, total = self._counts
        if self._stage != "slices":
            return _titles().get(self._stage, "")
        if done == total:
            return _("finishing")
        if self.structure:
            return _("drawing {structure}, slice {done} of {total}").format(structure=self.structure, done=done, total=total)
        return _("drawing, slice {done} of {total}").format(done=done, total=total)

    def _timeLeft(self):
        """Of this visit while it is drawn, and of those after it once one has shown how long a visit takes."""
        if self._stage != "slices" or self._left is None or self._counts[0] == self._counts[1]:
            return ""
        after = self.visits - self._ended - 1
        if after > 0 and not self._ended:
            return _("about {time} left for this visit").format(time=duration(self._left))
        return _("about {time} left").format(time=duration(self._left + max(0, after) * self._average))


def _titles():
    """Stage of the worker -> what a person reads."""
    return {
        "load_model": _("loading the model"),
        "open_case": _("preparing"),
        "align": _("aligning the prior"),
        "track": _("following the structures"),
        "propagate": _("drawing"),
    }
