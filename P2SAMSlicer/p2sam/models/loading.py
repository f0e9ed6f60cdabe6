"""From a name or a file to a model that is ready: finds the weights, opens them, builds the adapter."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from p2sam.errors import InputError, WeightsError
from p2sam.models import registry, weights
from p2sam.models.base import PromptableModel

_INSTALL = "pip install -r requirements/sam.txt, in the repository's folder"


@dataclass(frozen=True)
class _Source:
    """Where a model comes from: its file, and what is known of it before it is opened."""

    name: str
    file: Path
    sha256: str
    architecture: str | None = None
    normalisation: str | None = None


def load(
    name_or_path: str | Path | registry.ModelSpec,
    device: str = "cpu",
    *,
    precision: str = "float32",
    max_batch: int | None = None,
    lora: str = "auto",
) -> PromptableModel:
    """The model of that name, or of that weights file.

    Nothing is downloaded here: a model whose weights are not on this machine is an error that says how to get them.

    Parameters
    ----------
    name_or_path : str, Path or ModelSpec
        A name of `registry.MODELS` ("graph", "sam_vit_b", ...), or a checkpoint of any form `checkpoints` reads.
    device, precision, max_batch
        See `SamModel`; `graph` runs on the CPU and ignores them.
    lora : str
        "auto", "merged" or "unmerged"; see `sam_lora.fold_lora`.

    Raises
    ------
    InputError, WeightsError, DeviceError, SettingsError
    """
    spec = _spec(name_or_path)
    if spec is not None and spec.family == "graph":
        return _adapter("graph").GraphModel()
    source = _from_spec(spec) if spec is not None else _from_file(Path(name_or_path))
    return _build(source, lora, {"device": device, "precision": precision, "max_batch": max_batch})


def _spec(name_or_path: str | Path | registry.ModelSpec) -> registry.ModelSpec | None:
    """The registry's entry; None for a file."""
    if isinstance(name_or_path, registry.ModelSpec):
        return name_or_path
    if isinstance(name_or_path, Path) or Path(name_or_path).suffix in registry.WEIGHT_SUFFIXES:
        return None
    return registry.find(name_or_path)


def _from_spec(spec: registry.ModelSpec) -> _Source:
    if not weights.is_present(spec):
        raise WeightsError(weights.how_to_get(spec))
    return _Source(spec.name, weights.path(spec), weights.verify(spec), spec.architecture, spec.normalisation)


def _from_file(file: Path) -> _Source:
    file = file.expanduser()
    if not file.is_file():
        raise InputError(f"There is no weights file {file}. Give an existing file, or one of: {registry.names()}.")
    known = next((spec for spec in registry.MODELS if spec.filename == file.name), None)
    return _Source(file.stem, file, weights.sha256_of(file), normalisation=known.normalisation if known else None)


@dataclass(frozen=True, eq=False)
class Network:
    """segment-anything's `Sam` with the weights of a file, for training; or sam2's.

    Attributes
    ----------
    module : torch.nn.Module
        On the CPU.
    architecture, name, file, sha256
        As `checkpoints` and the registry know them.
    normalisation : str
        "imagenet" or "minmax".
    ranges : mapping or None
        Part counts that the file was measured with.
    """

    module: Any
    architecture: str
    name: str
    file: Path
    sha256: str
    normalisation: str
    ranges: Mapping[str, Any] | None


def load_network(name_or_path: str | Path | registry.ModelSpec, *, lora: str = "auto") -> Network:
    """The network of that name, or of that weights file, as `load` would use it.

    Raises
    ------
    InputError, WeightsError, SettingsError
        `graph` has none; or as `load`.
    """
    spec = _spec(name_or_path)
    if spec is not None and spec.family == "graph":
        raise InputError("The model graph has no weights. Give the name of a SAM, or the path of a weights file.")
    return _network(_from_spec(spec) if spec is not None else _from_file(Path(name_or_path)), lora)


def _network(source: _Source, lora: str) -> Network:
    checkpoints = _adapter("checkpoints")
    checkpoint = checkpoints.read_checkpoint(source.file, lora=lora, bases=_bases())
    architecture = checkpoint.architecture
    if source.architecture not in (None, architecture):
        raise WeightsError(
            f"{source.file.name} is a {architecture}, not the {source.architecture} of {source.name}. "
            "Remove the file and download it again."
        )
    if architecture.startswith("sam2"):
        module = _adapter("sam2").build_sam2_model(architecture)
    elif architecture == "sam_nano":
        nano = _adapter("sam_nano")
        module = nano.build_sam_nano(nano.frame_of(checkpoint.state))
    else:
        module = _adapter("sam").build_sam(architecture)
    checkpoints.load_into(module, checkpoint, source.file)
    normalisation = checkpoint.normalisation or source.normalisation or "imagenet"
    return Network(module, architecture, source.name, source.file, source.sha256, normalisation, checkpoint.ranges)


def _build(source: _Source, lora: str, options: dict[str, Any]) -> PromptableModel:
    _adapter("sam_device").resolve_device(options["device"])
    network = _network(source, lora)
    if network.architecture.startswith("sam2"):
        model = _adapter("sam2").Sam2Model
    else:
        model, options = _adapter("sam").SamModel, {**options, "normalisation": network.normalisation, "ranges": network.ranges}
    return model(network.module, source.name, sha256=source.sha256, **options)


def _bases() -> dict[str, Path]:
    """SAM files on this machine that a fine-tuned SAM may have started from, by architecture."""
    specs = (spec for spec in registry.MODELS if spec.family == "sam" and weights.is_present(spec))
    return {spec.architecture: weights.path(spec) for spec in specs}


def _adapter(module: str) -> ModuleType:
    """A module of this package that may need torch, imported now and not before."""
    try:
        return importlib.import_module(f"p2sam.models.{module}")
    except ImportError as error:
        if (error.name or "").startswith("p2sam"):
            raise
        raise WeightsError(
            f"This model needs the package {error.name}, which is not installed. Install it: {_INSTALL}, "
            "or use the model graph, which needs none."
        ) from error
