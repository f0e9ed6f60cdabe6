"""Progress on stderr: one bar a stage of a visit, with the time left; nothing where stderr is no terminal."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

TITLES = {"align": "aligning the prior", "track": "finding the structures", "slices": "segmenting slices"}


class Bars:
    """Bars of one run; `stage` is what `propagate` and `align` are given as progress."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        both = sys.stdout.isatty()  # a table that goes to a file must not be drawn among the bars
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal, redirect_stdout=both)
        self._visit = ""
        self._stage = ""
        self._task: TaskID | None = None

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *_) -> None:
        self._progress.stop()

    def begin(self, visit: str) -> None:
        """The bars that follow are of this visit."""
        self._visit, self._stage, self._task = visit, "", None

    def align(self, _step: str, done: float) -> None:
        """Progress of `align`: the share of all work done, 0..1."""
        self.stage("align", done, 1.0)

    def stage(self, stage: str, done: float, total: float) -> None:
        """Progress of `propagate`: a new stage completes the one before it."""
        if stage != self._stage:
            self.finish()
            self._stage = stage
            self._task = self._progress.add_task(f"{self._visit}: {TITLES.get(stage, stage)}", total=total)
        self._progress.update(self._task, completed=done, total=total)

    def finish(self) -> None:
        """Fill the bar of the last stage."""
        if self._task is not None:
            total = self._progress.tasks[self._task].total
            self._progress.update(self._task, completed=total)


class TrainingBar:
    """One bar for all steps of a training."""

    def __init__(self, shown: bool = True) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("training"), BarColumn(bar_width=30), TextColumn("step {task.completed:.0f} of {task.total:.0f}"), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, disable=not (shown and console.is_terminal))
        self._task: TaskID | None = None

    def __enter__(self) -> TrainingBar:
        self._progress.start()
        return self

    def __exit__(self, *_) -> None:
        self._progress.stop()

    def step(self, done: int, total: int) -> None:
        if self._task is None:
            self._task = self._progress.add_task("training", total=total)
        self._progress.update(self._task, completed=done)
