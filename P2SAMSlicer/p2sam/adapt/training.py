"""Training: steps, validations, saves, and going on exactly where it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ..errors import Cancelled, InputError
from ..models.sam_device import device_errors
from .batch import Batch, Frame
from .blocks import add_checkpointing, add_drop_path
from .curve import Curve
from .interactive import InteractiveTraining
from .loader import Source, batches, batches_an_epoch, order_of
from .options import TrainingOptions
from .processes import Processes
from .schedule import rate_at
from .state import STATE, Progress, load_state, random_state, save_state, set_random_state
from .trainable import parameter_groups
from .validation import validate

BETAS = (0.9, 0.999)
CURVE = "curve.csv"
_ROW_EVERY = 20
_MAY_DIFFER = {"epochs", "patience", "save_minutes", "workers", "validate_at_most"}
"""Options that a resumed training may change; `epochs` stretches the schedule."""


@dataclass(frozen=True)
class Data:
    """`train` and `validation`, and, where over-fitting is to be seen, slices of the training part to `measure` as well."""

    train: Source
    validation: Source
    measure: Source | None = None


@dataclass(frozen=True)
class Watchers:
    """Who is told and asked: `tell(line)`, `progress(step, steps)`, `stopped()`, `better(figures)` when a validation is the best."""

    tell: Callable[[str], None] = lambda line: None
    progress: Callable[[int, int], None] = lambda step, steps: None
    stopped: Callable[[], bool] = lambda: False
    better: Callable[[dict], None] = lambda figures: None


class Training:
    """A network, its data and its options, as far as they have come.

    Parameters
    ----------
    sam : segment_anything.modeling.Sam
        With LoRA and frozen parts as they shall be, on the device.
    folder : Path
        Gets the curve and the state.
    resume : bool
        Go on from the state in the folder.
    """

    def __init__(self, sam: nn.Module, frame: Frame, data: Data, options: TrainingOptions, folder: Path, device: torch.device,
                 processes: Processes = Processes(), watchers: Watchers = Watchers(), resume: bool = False):  # fmt: skip
        self.sam, self.frame, self.data, self.options = sam, frame, data, options
        self.folder, self.device, self.processes, self.watchers = folder, device, processes, watchers
        self.progress = Progress()
        torch.manual_seed(options.seed * 1009 + processes.rank)
        self.optimizer = torch.optim.AdamW(parameter_groups(sam, options.weight_decay), lr=options.learning_rate, betas=BETAS)
        if resume:
            self._resume()
        self._remove = add_drop_path(sam.image_encoder.blocks, options.drop_path)
        if options.checkpointing:
            self._remove.append(add_checkpointing(sam.image_encoder.blocks))
        self.interactive = InteractiveTraining(sam, options.clicks, options.logits_only, options.loss_weights, options.checkpointing, options.first, options.prototype_weight)
        ids = [device.index] if device.type == "cuda" else None
        several = processes.count > 1
        self._forward = DistributedDataParallel(self.interactive, device_ids=ids, find_unused_parameters=True) if several else self.interactive
        self._curve = Curve(folder / CURVE, self.progress.step if resume else None) if processes.is_first else None

    @property
    def batches(self) -> int:
        """In one epoch of this process."""
        return batches_an_epoch(len(self.data.train), self.options.batch_size, self.processes)

    @property
    def steps(self) -> int:
        """In all epochs; the last step of an epoch may have fewer batches."""
        return self.options.epochs * -(-self.batches // self.options.accumulate)

    def run(self) -> Progress:
        """Train to the end, to the early stop, or until stopped.

        Raises
        ------
        Cancelled
            Stopped; the state is saved, and `resume` goes on.
        """
        try:
            while not self.progress.finished:
                self._epoch()
        finally:
            for remove in self._remove:
                remove()
        return self.progress

    def _epoch(self) -> None:
        order = order_of(len(self.data.train), self.options.batch_size, self.options.seed, self.progress.epoch, self.processes)
        left = order[self.progress.batch :]
        self.sam.train()
        saved = clock = time.monotonic()
        for batch in batches(self.data.train, self.frame, left, self.progress.epoch, self.options.masks, self.options.workers):
            self._batch(batch.to(self.device), len(order))
            now = time.monotonic()
            self.progress.seconds += now - clock
            clock = now
            if not self._between_steps(len(order)):
                continue
            if self.processes.from_first(self.watchers.stopped()):
                self.save()
                raise Cancelled(f"The training was stopped at step {self.progress.step} of {self.steps}; --resume goes on from there.")
            if self.processes.from_first(now - saved > 60 * self.options.save_minutes):
                self.save()
                saved = now
        self._end_of_epoch()

    def _between_steps(self, number: int) -> bool:
        return self.progress.batch % self.options.accumulate == 0 or self.progress.batch == number

    def _batch(self, batch: Batch, number: int) -> None:
        """One forward and backward pass; the optimiser steps where enough of them are summed."""
        size = min(self.options.accumulate, number - self.progress.batch // self.options.accumulate * self.options.accumulate)
        self.progress.batch += 1
        stepping = self._between_steps(number)
        waits = not stepping and isinstance(self._forward, DistributedDataParallel)
        with device_errors(self.device, "training; lower batch_size, raise accumulate, or set checkpointing"):
            with self._forward.no_sync() if waits else nullcontext():
                with self._precision():
                    loss, parts = self._forward(batch)
                (loss / size).backward()
        self._sum({"loss": loss.detach(), **parts})
        if stepping:
            self._step()

    def _step(self) -> None:
        progress = self.progress
        rate = rate_at(progress.step, self.steps, self.options.learning_rate, self.options.warm_up)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        if self.options.clip:
            nn.utils.clip_grad_norm_([p for group in self.optimizer.param_groups for p in group["params"]], self.options.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        progress.step += 1
        self.watchers.progress(progress.step, self.steps)
        if progress.step % _ROW_EVERY == 0:
            self._row(rate)

    def _sum(self, parts: dict[str, torch.Tensor]) -> None:
        sums = self.progress.sums
        for name, value in {**parts, "batches": 1.0}.items():
            sums[name] = sums.get(name, 0.0) + float(value)

    def _row(self, rate: float) -> None:
        sums, self.progress.sums = self.progress.sums, {}
        if self._curve is None or not sums:
            return
        mean = {name: sums[name] / sums["batches"] for name in ("loss", "focal", "dice", "iou")}
        self._curve.add({**self._place(), "learning_rate": rate, "loss": mean["loss"], "focal": mean["focal"], "dice_loss": mean["dice"], "iou_loss": mean["iou"]})

    def _place(self) -> dict[str, float]:
        return {"step": self.progress.step, "epoch": self.progress.epoch, "seconds": float(self.progress.seconds)}

    def _end_of_epoch(self) -> None:
        """Validate, note the best, decide whether to go on, save."""
        progress = self.progress
        figures = self.processes.from_first(self.measured() if self.processes.is_first else None)
        better = figures["mean"] > progress.best
        if self._curve is not None:
            measured = {f"dice_{name}": value for name, value in figures.items() if not name.startswith("train_")}
            measured |= {name.replace("train_", "train_dice_"): value for name, value in figures.items() if name.startswith("train_")}
            self._curve.add({**self._place(), **measured})
            told = ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
            self.watchers.tell(f"Epoch {progress.epoch + 1} of {self.options.epochs}: Dice {told}{' (best)' if better else ''}")
            if better:
                self.watchers.better(figures)
        progress.stale = 0 if better else progress.stale + 1
        if better:
            progress.best, progress.best_epoch = figures["mean"], progress.epoch
        progress.epoch, progress.batch = progress.epoch + 1, 0
        progress.finished = progress.epoch >= self.options.epochs or 0 < self.options.patience <= progress.stale
        self.save()

    def measured(self) -> dict[str, float]:
        """Dice by first prompt on the validation part; with `train_` before the name, on slices that are trained on."""
        figures = validate(self.sam, self._to_measure(self.data.validation), self.device)
        if self.data.measure is not None:
            trained = validate(self.sam, self._to_measure(self.data.measure), self.device)
            figures |= {f"train_{name}": value for name, value in trained.items() if name != "mean"}
        return figures

    def _to_measure(self, source: Source) -> Iterator[Batch]:
        count = min(len(source), self.options.validate_at_most or len(source))
        size = self.options.batch_size
        order = [list(range(start, min(start + size, count))) for start in range(0, count, size)]
        return batches(source, self.frame, order, 0, self.options.masks, self.options.workers)

    def _precision(self):
        if self.options.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def save(self) -> None:
        """The state of all processes, into one file."""
        randoms = self.processes.gather(random_state())
        if self.processes.is_first:
            content = {"model": self.sam.state_dict(), "optimizer": self.optimizer.state_dict(), "random": randoms}
            save_state(self.folder, {**content, "progress": vars(self.progress), "options": self.options.to_dict()})

    def _resume(self) -> None:
        content = load_state(self.folder)
        options = self.options.to_dict()
        changed = sorted(name for name, value in content["options"].items() if options.get(name) != value and name not in _MAY_DIFFER)
        if changed:
            raise InputError(f"The training in '{self.folder}' was begun with another {', '.join(changed)}; give the same, or begin a new one.")
        if len(content["random"]) != self.processes.count:
            raise InputError(f"The training was begun with {len(content['random'])} processes, not {self.processes.count}; start as many.")
        self.sam.load_state_dict(content["model"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.progress = Progress(**content["progress"])
        if self.progress.finished and self.progress.epoch < self.options.epochs and not 0 < self.options.patience <= self.progress.stale:
            self.progress.finished = False
        set_random_state(content["random"][self.processes.rank])


def has_state(folder: Path) -> bool:
    """Whether a training was begun in this folder."""
    return (folder / STATE).is_file()
