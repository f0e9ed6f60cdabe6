"""What is in a checkpoint file, and how it becomes a state dict of segment-anything or sam2.

Forms that are read: Meta's (a state dict for SAM, `{"model": ...}` for SAM 2), MedSAM's (a state dict), the P2SAM
authors' (`{"model", "optimizer", "epoch", "args", ...}` with an encoder from timm, whose `mlp.fc1`, `mlp.fc2` are
SAM's `mlp.lin1`, `mlp.lin2`), and our own, `{"format": "p2sam-1", "architecture", "model" or "state_dict", "ranges",
"lora", "adapter_of"}`; in a `.safetensors` file all but the weights is JSON under the metadata key `p2sam`. With
`adapter_of` (name, file and SHA-256 of other weights) the file holds only what differs from them.
A file is always opened with `weights_only=True`, so that it cannot run code.
"""

from __future__ import annotations

import argparse
import json
import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from p2sam.errors import WeightsError
from p2sam.models.sam_lora import fold_lora
from p2sam.models.weights import sha256_of

OWN_FORMAT = "p2sam-1"
_PREFIXES = ("module.", "_orig_mod.", "model.", "sam.")
_NOT_WEIGHTS = ("pixel_mean", "pixel_std", "image_encoder.head.")
_BLOCK = "image_encoder.blocks."
_SAM_SIZES = {(768, 12): "vit_b", (1024, 24): "vit_l", (1280, 32): "vit_h"}
_SAM2_SIZES = {(96, 12): "tiny", (96, 16): "small", (112, 24): "base_plus", (144, 48): "large"}
_NAMED_KEYS = 4
_CODE = ("Unsupported global", "Unsupported class", "Trying to")
"""How torch's restricted unpickler begins when a file asks for more than tensors and plain data."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The weights of one file, with the names that segment-anything or sam2 give them.

    Attributes
    ----------
    architecture : str
        "vit_b", "vit_l", "vit_h", "sam_nano", or "sam2_tiny" ... "sam2.1_large"; found from the shapes.
    state : dict of name to tensor, on the CPU
        LoRA already folded in.
    normalisation : str or None
        "imagenet" or "minmax" where the file says so.
    ranges : mapping or None
        Part-count ranges that the file was measured with, as `registry.PartRanges` writes them.
    notes : tuple of str
        What was done to the file's content, one sentence each, for the provenance.
    """

    architecture: str
    state: dict[str, torch.Tensor] = field(repr=False)
    normalisation: str | None = None
    ranges: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()


def read_checkpoint(path: str | Path, *, lora: str = "auto", bases: Mapping[str, Path] | None = None) -> Checkpoint:
    """Read a file of any form that is known.

    Parameters
    ----------
    path : str or Path
        `.pth`, `.pt`, or `.safetensors` where the package safetensors is installed.
    lora : str
        Whether the LoRA matrices that a file holds are already added to its weights: "merged", "unmerged", or
        "auto", see `sam_lora.fold_lora`.
    bases : mapping of architecture to Path, or None
        Files of the models before fine-tuning. With the right one, "auto" knows instead of going by the form; it is
        opened only where the file holds LoRA matrices.

    Raises
    ------
    WeightsError
        The file is missing, damaged, holds more than weights, or is not a model of a known architecture.
    """
    path = Path(path)
    content = _open(path)
    state = _rename(_state_in(content, path))
    notes: tuple[str, ...] = ()
    if isinstance(content.get("adapter_of"), Mapping):
        state = _rename(_state_in(_open(_adapted(content["adapter_of"], path, bases or {})), path)) | state
    architecture = architecture_of(state, path)
    if any(".lora_" in name for name in state):
        before = (bases or {}).get(architecture)
        base = None if before is None else _rename(_state_in(_open(before), before))
        state, notes = fold_lora(state, lora, alpha=_alpha(content), merged=_says_merged(content), base=base)
    claimed = content.get("architecture")
    if isinstance(claimed, str) and claimed != architecture:
        raise WeightsError(f"{path.name} says it is {claimed}, but its weights have the shapes of {architecture}.")
    own = content if content.get("format") == OWN_FORMAT else {}
    return Checkpoint(architecture, state, own.get("normalisation"), own.get("ranges"), notes)


def architecture_of(state: Mapping[str, torch.Tensor], path: str | Path = "the file") -> str:
    """The architecture, from the width of the patch embedding and the number of blocks of the image encoder.

    Raises
    ------
    WeightsError
        Neither SAM's nor SAM 2's.
    """
    if "image_encoder.frame" in state:
        return "sam_nano"
    sam2 = "image_encoder.trunk.patch_embed.proj.weight" in state
    prefix = "image_encoder.trunk." if sam2 else "image_encoder."
    patches = state.get(f"{prefix}patch_embed.proj.weight")
    if patches is None:
        some = ", ".join(list(state)[:_NAMED_KEYS]) or "none"
        raise WeightsError(f"{Path(path).name} is not a SAM or SAM 2 model: it has no image encoder, but {some}.")
    depth = len({name.split(".")[prefix.count(".") + 1] for name in state if name.startswith(f"{prefix}blocks.")})
    size = (_SAM2_SIZES if sam2 else _SAM_SIZES).get((patches.shape[0], depth))
    if size is None:
        raise WeightsError(
            f"{Path(path).name} has an image encoder of width {patches.shape[0]} with {depth} blocks; no known "
            f"{'SAM 2' if sam2 else 'SAM'} has that."
        )
    if not sam2:
        return size
    return f"{'sam2.1' if 'no_obj_embed_spatial' in state else 'sam2'}_{size}"


def load_into(module: torch.nn.Module, checkpoint: Checkpoint, path: str | Path = "the file") -> None:
    """Put the weights into `module`; every name and shape must fit.

    Raises
    ------
    WeightsError
        Names the first few weights that are missing, unknown or of another shape.
    """
    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in checkpoint.state.items()}
    faults = {
        "missing": [name for name in wanted if name not in given],
        "unknown": [name for name in given if name not in wanted],
        "of another shape": [
            f"{name} {given[name]}, not {shape}" for name, shape in wanted.items() if given.get(name, shape) != shape
        ],
    }
    told = [f"{len(names)} {what} ({_first(names)})" for what, names in faults.items() if names]
    if told:
        raise WeightsError(f"{Path(path).name} does not fit {checkpoint.architecture}: weights {'; '.join(told)}.")
    module.load_state_dict(checkpoint.state)


def _open(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise WeightsError(f"There is no weights file {path}. Download it, or give the path of a local file.")
    content = _open_safetensors(path) if path.suffix == ".safetensors" else _open_torch(path)
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path.name} holds a {type(content).__name__}, not a dictionary of weights.")
    return content


def _open_torch(path: Path) -> Any:
    try:
        with torch.serialization.safe_globals(_harmless_globals()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if not any(sign in str(error) for sign in _CODE):
            raise WeightsError(f"{path.name} is damaged or not a torch file. Download it again.") from error
        raise WeightsError(
            f"{path.name} holds more than weights and was not opened, since such a file can run code. "
            "Save its state dict alone: torch.save({'model': model.state_dict()}, path)."
        ) from error
    except (RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError, AssertionError, ArithmeticError, struct.error) as error:
        raise WeightsError(f"{path.name} is damaged or not a torch file. Download it again.") from error  # what an unpickler makes of garbage


def _harmless_globals() -> list[Any]:
    """Plain data that training scripts save beside the weights: their options, and a score as a numpy scalar."""
    scalar = np.float64(0).__reduce__()[0]
    names = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
    dtypes = [type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64)]
    return [argparse.Namespace, np.dtype, *dtypes, *((scalar, name) for name in names)]


def _open_safetensors(path: Path) -> Any:
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise WeightsError(f"{path.name} needs the package safetensors. Install it: pip install safetensors") from error
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            facts = json.loads((file.metadata() or {}).get("p2sam", "{}"))
            weights = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, json.JSONDecodeError) as error:
        raise WeightsError(f"{path.name} is damaged or not a safetensors file. Download it again.") from error
    return {**facts, "model": weights} if isinstance(facts, Mapping) and facts else weights


def _adapted(told: Mapping[str, Any], path: Path, bases: Mapping[str, Path]) -> Path:
    """The file of the weights that an adapter was trained on: beside it, or one of `bases`; known by its SHA-256."""
    beside = path.parent / Path(str(told.get("file", ""))).name
    for file in (beside, *bases.values()):
        if file.is_file() and sha256_of(file) == told.get("sha256"):
            return file
    raise WeightsError(
        f"{path.name} is an adapter of {told.get('name')}, whose weights ({told.get('file')}, SHA-256 {str(told.get('sha256'))[:12]}...) are not on "
        "this machine. Download them (p2sam models download), or put their file beside the adapter."
    )


def _state_in(content: Mapping[str, Any], path: Path) -> dict[str, torch.Tensor]:
    """The part of a file's content that is weights."""
    form = content.get("format")
    if isinstance(form, str) and form.startswith("p2sam-") and form != OWN_FORMAT:
        raise WeightsError(f"{path.name} has the format {form}; this version reads {OWN_FORMAT}. Update P2SAMSlicer.")
    for key in ("model", "state_dict"):
        if isinstance(content.get(key), Mapping):
            content = content[key]
            break
    state = {name: value for name, value in content.items() if isinstance(value, torch.Tensor)}
    if not state:
        raise WeightsError(f"{path.name} holds no weights, only {_first(list(map(str, content))) or 'nothing'}.")
    return state


def _rename(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Prefixes that a training wrapper put before every name go; timm's names become SAM's."""
    for prefix in _PREFIXES * 2:
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return {_sam_name(name): tensor for name, tensor in state.items() if not name.startswith(_NOT_WEIGHTS)}


def _sam_name(name: str) -> str:
    if not name.startswith(_BLOCK):
        return name
    return name.replace(".mlp.fc1.", ".mlp.lin1.").replace(".mlp.fc2.", ".mlp.lin2.")


def _alpha(content: Mapping[str, Any]) -> float:
    """LoRA's alpha; the authors never change loralib's default of 1."""
    settings = content.get("lora")
    return float(settings.get("alpha", 1)) if isinstance(settings, Mapping) else 1.0


def _says_merged(content: Mapping[str, Any]) -> bool:
    """Whether the form itself says that LoRA is already in the weights.

    Our own form writes it down. A file with the state of a training run was saved by the authors' script right after
    validation, which merges.
    """
    settings = content.get("lora")
    if isinstance(settings, Mapping) and "merged" in settings:
        return bool(settings["merged"])
    return "optimizer" in content or "epoch" in content


def _first(names: list[str]) -> str:
    return ", ".join(names[:_NAMED_KEYS]) + (", ..." if len(names) > _NAMED_KEYS else "")
