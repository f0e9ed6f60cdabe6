"""A worker for each test, and the small patients of the engine's tests."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "engine"))

from p2sam_worker.channel import Channel  # noqa: E402
from p2sam_worker.job import JobFolder  # noqa: E402
from p2sam_worker.protocol import decode  # noqa: E402
from p2sam_worker.request import Request  # noqa: E402
from p2sam_worker.session import Session  # noqa: E402
from p2sam_worker.task import Task  # noqa: E402
from small_visit import CLINICAL, SHIFT, grid, scan, segmentation, tumour  # noqa: E402
from talk import talking  # noqa: E402


@pytest.fixture
def worker(tmp_path):
    """A conversation with a worker; it must end by itself afterwards and leave nothing."""
    with talking(tmp_path) as talk:
        yield talk


@pytest.fixture(scope="session")
def patient():
    """(prior, segmentation, follow-up, settings): two structures, with air around them as a CT has; oblique, flipped, and not square."""
    prior = scan(grid(shape=(14, 56, 64), spacing_ijk=(2.2, 2.4, 4.0)), core=True)
    structures = segmentation(prior, GTV=tumour(prior), Core=tumour(prior, scale=0.5))
    followup = scan(grid(shape=(15, 60, 52), spacing_ijk=(2.6, 2.2, 4.0)), SHIFT, seed=1)
    return prior, structures, followup, CLINICAL.__class__.from_dict({**CLINICAL.to_dict(), "alignment": "rigid"})


@pytest.fixture
def ask(tmp_path):
    """Verbs called in this process; the messages they send are kept."""
    session, said = Session(JobFolder.make(tmp_path)), []
    channel = Channel(lambda line: said.append(decode(line)))

    def call(function, **parameters):
        return function(session, Task(Request(1, function.__name__, parameters), channel))

    call.job, call.said, call.session = session.job, said, session
    return call
