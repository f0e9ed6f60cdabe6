"""Fixtures of the fine-tuning tests."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="fine-tuning needs torch: pip install 'p2sam-slicer[sam]'")
pytest.importorskip("segment_anything", reason="fine-tuning needs segment-anything: pip install 'p2sam-slicer[sam]'")

from tiny_task import FRAME, Discs, make_tiny_sam  # noqa: E402


@pytest.fixture
def tiny_sam():
    from p2sam.adapt.trainable import freeze_what_is_not_trained

    sam = make_tiny_sam()
    freeze_what_is_not_trained(sam)
    return sam


@pytest.fixture
def frame():
    from p2sam.adapt.batch import Frame

    return Frame(FRAME)


@pytest.fixture
def batch(frame):
    """Six images of one mask each."""
    from p2sam.adapt.batch import batch_of

    source = Discs(6)
    return batch_of([source.example(i) for i in range(6)], frame)
