"""The batches of an epoch, in an order that the seed and the epoch decide: any of them can be the first after a resume."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from .batch import Batch, Example, Frame, batch_of
from .processes import Processes


class Source(Protocol):
    """What is trained on or measured: examples by index, changed from epoch to epoch where they are augmented."""

    def __len__(self) -> int: ...

    def example(self, index: int, epoch: int = 0) -> Example: ...


def batches_an_epoch(count: int, batch_size: int, processes: Processes) -> int:
    """Every process has the same number; what does not fill a batch of each is left out, unless there would be none."""
    return max(count // (batch_size * processes.count), 1)


def order_of(count: int, batch_size: int, seed: int, epoch: int, processes: Processes) -> list[list[int]]:
    """Indices of each batch of this process."""
    shuffled = np.random.default_rng([seed, 1, epoch]).permutation(count)
    number = batches_an_epoch(count, batch_size, processes)
    wanted = number * batch_size * processes.count
    if count < wanted:  # a tiny data set: begin again
        shuffled = np.resize(shuffled, wanted) if count >= processes.count else np.resize(shuffled, processes.count)
    mine = shuffled[processes.rank :: processes.count][: number * batch_size]
    return [list(map(int, part)) for part in np.array_split(mine, number)]


def batches(source: Source, frame: Frame, order: list[list[int]], epoch: int, masks: int, workers: int = 0) -> Iterator[Batch]:
    """The batches of `order`; of each example at most `masks` masks, drawn by the index and the epoch."""
    view = _Batches(source, frame, order, epoch, masks)
    more = {"persistent_workers": False, "prefetch_factor": 4} if workers else {}
    loader = DataLoader(view, batch_size=None, num_workers=workers, pin_memory=torch.cuda.is_available(), generator=torch.Generator(), **more)
    return iter(loader)


class _Batches(Dataset):
    def __init__(self, source: Source, frame: Frame, order: list[list[int]], epoch: int, masks: int):
        self.source, self.frame, self.order, self.epoch, self.masks = source, frame, order, epoch, masks

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, number: int) -> Batch:
        return batch_of([self._example(index) for index in self.order[number]], self.frame)

    def _example(self, index: int) -> Example:
        example = self.source.example(index, self.epoch)
        if len(example.masks) <= self.masks:
            return example
        chosen = np.random.default_rng([index, self.epoch]).permutation(len(example.masks))[: self.masks]
        return Example(example.image, example.masks[chosen])
