"""One fine-tuning from the options to the weights: network, data, training, ranges, files."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError, OutputError
from ..files.atomic import atomic_path
from ..models.loading import Network, load_network
from ..models.sam_device import resolve_device
from ..models.sam_nano import FRAME, NAME, build_sam_nano
from .batch import Frame
from .beginning import attend_nearby, expect_little
from .export import write_adapter, write_weights
from .loader import Source, batches
from .lora import add_lora
from .material import Material, Sources, sources_of, without_path
from .options import TrainingOptions
from .processes import Processes
from .ranges import select_ranges
from .state import Progress
from .trainable import counts, freeze_what_is_not_trained
from .training import Training, Watchers
from .validation import validate

BEST, ADAPTER, RECORD = "best.pt", "adapter.pth", "training.json"
NEW_NAME = "new"
"""A sam_nano with random weights."""


@dataclass(frozen=True)
class Job:
    """What `p2sam finetune` was asked for.

    Attributes
    ----------
    model : str or None
        A name or a weights file; None is a new sam_nano.
    frame : int or None
        The frame of a sam_nano in pixels, a new one's or another than it was trained in so far; None leaves it, or takes 256.
    half : bool
        Write `model.safetensors` in half precision instead of `model.pth`.
    """

    material: Material
    output: Path
    options: TrainingOptions
    model: str | None = None
    frame: int | None = None
    device: str = "cpu"
    resume: bool = False
    half: bool = False


def finetune(job: Job, processes: Processes, watchers: Watchers) -> dict[str, Any]:
    """Train, select the ranges, write; returns what `training.json` says.

    Raises
    ------
    Cancelled
        Stopped; the state is saved.
    InputError, WeightsError, DeviceError, OutputError
    """
    device = resolve_device(job.device)
    _make(job.output)
    network = network_of(job)
    sam = prepared(network, job.options).to(device)
    frame = Frame(sam.image_encoder.img_size, network.normalisation)
    if processes.is_first:
        sources = _sources(job, frame, watchers)
    processes.from_first(None)  # the others read what the first has written
    if not processes.is_first:
        sources = _sources(job, frame, Watchers())
    watching = Watchers(watchers.tell, watchers.progress, watchers.stopped, lambda figures: _keep(sam, job.output))
    training = Training(sam, frame, sources.data, job.options, job.output, device, processes, watching, job.resume)
    trained, parameters = counts(sam)
    watchers.tell(f"{trained:,} of {parameters:,} parameters are trained ({trained / parameters:.1%}), {training.steps} steps.")
    progress = training.run()
    return _finish(job, network, sam, frame, sources, progress, watchers) if processes.is_first else {}


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The output folder '{folder}' cannot be made ({error.strerror}); choose another one.") from error


def _sources(job: Job, frame: Frame, watchers: Watchers) -> Sources:
    return sources_of(job.material, job.output, frame.size, job.options.masks, job.options.seed, watchers.tell)


def network_of(job: Job) -> Network:
    """The weights to begin with. A new sam_nano is made from the seed.

    Raises
    ------
    InputError
        SAM 2, which this training does not know.
    """
    if job.model is None:
        torch.manual_seed(job.options.seed)
        module = build_sam_nano(job.frame or FRAME)
        attend_nearby(module)
        expect_little(module)
        return Network(module, NAME, NEW_NAME, Path(NEW_NAME), "", "imagenet", None)
    network = load_network(job.model)
    if job.frame is not None:
        return _in_another_frame(network, job.frame)
    if network.architecture.startswith("sam2"):
        raise InputError(f"{network.name} is a SAM 2; fine-tuning is for SAM (vit_b, vit_l, vit_h) and sam_nano.")
    return network


def _in_another_frame(network: Network, frame: int) -> Network:
    if network.architecture != NAME:
        raise InputError(f"{network.name} has a frame of {network.module.image_encoder.img_size} pixels; only a sam_nano can be given another.")
    module = build_sam_nano(frame)
    module.load_state_dict({**network.module.state_dict(), "image_encoder.frame": module.image_encoder.frame})
    return replace(network, module=module)


def prepared(network: Network, options: TrainingOptions) -> torch.nn.Module:
    """The network with its frozen parts, and LoRA where that is the method."""
    sam = network.module
    sam.requires_grad_(True)
    freeze_what_is_not_trained(sam)
    if options.method == "lora":
        torch.manual_seed(options.seed)
        add_lora(sam, options.rank, options.alpha, options.decoder == "lora")
    return sam


def _keep(sam: torch.nn.Module, folder: Path) -> None:
    with atomic_path(folder / BEST) as temporary:
        torch.save(sam.state_dict(), temporary)


def _finish(job: Job, network: Network, sam, frame: Frame, sources: Sources, progress: Progress, watchers: Watchers) -> dict[str, Any]:
    """Measure the best weights, and write them."""
    device = next(sam.parameters()).device
    sam.load_state_dict(torch.load(job.output / BEST, map_location=device, weights_only=True))
    order = _measured(job, frame, sources.data.validation)
    ranges = select_ranges(sam, order, device, seed=job.options.seed)
    domain = "endoscopy" if job.material.kind == "kvasir" else "ct"
    record = {
        "base": {"name": network.name, "architecture": network.architecture, "sha256": network.sha256, "frame": frame.size},
        "data": without_path(job.material),
        "options": job.options.to_dict(),
        "steps": progress.step, "epochs": progress.epoch, "seconds": round(progress.seconds, 1),
        "best_epoch": progress.best_epoch + 1,
        "trained_parameters": counts(sam)[0], "parameters": counts(sam)[1],
        "validation": validate(sam, _measured(job, frame, sources.data.validation), device),
        "test": validate(sam, _measured(job, frame, sources.test), device) if sources.test is not None else None,
        "ranges": {"positive": ranges.positive_dice, "negative": ranges.negative_dice, "saved": ranges.saved(domain)},
    }  # fmt: skip
    told = {"options": record["options"], "data": record["data"], "validation": record["validation"], "base": record["base"]}
    name = "model.safetensors" if job.half else "model.pth"
    record["weights"] = str(write_weights(job.output / name, sam, network, ranges.saved(domain), told))
    if job.options.method == "lora" and job.model is not None:  # an adapter of random weights would be of no use
        record["adapter"] = str(write_adapter(job.output / ADAPTER, sam, network, ranges.saved(domain), told))
    with atomic_path(job.output / RECORD) as temporary:
        temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")
    watchers.tell(f"Wrote {record['weights']}")
    return record


def _measured(job: Job, frame: Frame, source: Source):
    size, count = job.options.batch_size, min(len(source), job.options.validate_at_most or len(source))
    order = [list(range(start, min(start + size, count))) for start in range(0, count, size)]
    return batches(source, frame, order, 0, job.options.masks, job.options.workers)
