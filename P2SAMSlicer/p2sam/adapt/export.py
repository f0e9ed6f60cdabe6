"""What is kept of a training: weights in the one form of `models.checkpoints`, whole or as an adapter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import OutputError, WeightsError
from ..files.atomic import atomic_path
from ..models.checkpoints import OWN_FORMAT
from ..models.loading import Network
from .lora import lora_layers, merged_state
from .trainable import trained_names


def write_weights(path: Path, sam: nn.Module, network: Network, ranges: Mapping | None = None, training: Mapping | None = None) -> Path:
    """All weights, LoRA merged; `.safetensors` in half precision, anything else in single.

    Parameters
    ----------
    network : Network
        What the training started from.
    ranges : as `ranges.select_ranges` found them.
    training : facts of the training, plain data.
    """
    return _write(path, merged_state(sam), _facts(network, ranges, training))


def write_adapter(path: Path, sam: nn.Module, network: Network, ranges: Mapping | None = None, training: Mapping | None = None) -> Path:
    """Only what was trained, in half precision: LoRA's matrices and what else was not frozen. `network`'s file is needed with it."""
    layer = next(lora_layers(sam), None)
    if layer is None:
        raise WeightsError("A network without LoRA has no adapter; write all of its weights.")
    state = sam.state_dict()
    kept = {name: state[name].detach().cpu().half() for name in trained_names(sam)}
    facts = _facts(network, ranges, training)
    facts["lora"] = {"rank": layer.rank, "alpha": layer.alpha, "merged": False}
    facts["adapter_of"] = {"name": network.name, "file": network.file.name, "sha256": network.sha256}
    return _write(path, kept, facts)


def _facts(network: Network, ranges: Mapping | None, training: Mapping | None) -> dict[str, Any]:
    facts = {"format": OWN_FORMAT, "architecture": network.architecture, "normalisation": network.normalisation, "lora": None}
    return {**facts, "ranges": None if ranges is None else dict(ranges), "training": dict(training or {})}


def _write(path: Path, state: dict[str, torch.Tensor], facts: dict[str, Any]) -> Path:
    with atomic_path(path) as temporary:
        if path.suffix == ".safetensors":
            _write_safetensors(temporary, state, facts)
        else:
            torch.save({**facts, "model": state}, temporary)
    return path


def _write_safetensors(path: Path, state: dict[str, torch.Tensor], facts: dict[str, Any]) -> None:
    try:
        from safetensors.torch import save
    except ImportError as error:
        raise OutputError(f"{path.name} needs the package safetensors. Install it: pip install safetensors") from error
    half = {name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous() for name, tensor in state.items()}
    path.write_bytes(save(half, metadata={"p2sam": json.dumps(facts)}))
