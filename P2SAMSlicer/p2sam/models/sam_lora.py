"""Low-rank adaptation in a checkpoint: two small matrices beside a weight, and how they go into it.

loralib's convention (arXiv 2106.09685), which the P2SAM authors follow: beside `X.weight` (out, in) lie `X.lora_A`
(g r, in) and `X.lora_B` (out, r). For `qkv`, g = 3 and the rows of `weight` are query, key and value in turn, each with
its own r rows of `lora_A`; for `proj`, g = 1. The effective weight is `weight + alpha / r * B A`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from p2sam.errors import SettingsError, WeightsError

LORA_STATES = ("auto", "merged", "unmerged")


def fold_lora(
    state: Mapping[str, torch.Tensor],
    lora: str = "auto",
    *,
    alpha: float = 1.0,
    merged: bool = False,
    base: Mapping[str, torch.Tensor] | None = None,
) -> tuple[dict[str, torch.Tensor], tuple[str, ...]]:
    """Weights without LoRA's matrices, added to the weights where they were not yet.

    Parameters
    ----------
    state : mapping of name to tensor
    lora : str
        "merged": the weights already contain B A, drop the matrices. "unmerged": add B A. "auto": compared with `base`
        where it is given, else as `merged` says. The P2SAM authors save after validation, so merged, and their test
        script adds B A once more; "unmerged" repeats that exactly.
    alpha : float
        LoRA's scale.
    merged : bool
        What the file's form says; used by "auto" without a `base`.
    base : mapping of name to tensor, or None
        The weights before fine-tuning, which LoRA leaves frozen.

    Returns
    -------
    (dict of name to tensor, tuple of str)
        And one sentence on what was done.

    Raises
    ------
    SettingsError, WeightsError
        An unknown value of `lora`; matrices that do not fit their weight.
    """
    if lora not in LORA_STATES:
        raise SettingsError(f"lora = '{lora}' is unknown. Use one of {', '.join(LORA_STATES)}.")
    layers = [name.removesuffix(".lora_A") for name in state if name.endswith(".lora_A")]
    deltas = {f"{layer}.weight": _delta(state, layer, alpha) for layer in layers}
    reason = "as told" if lora != "auto" else "as the file's form says"
    if lora != "auto":
        merged = lora == "merged"
    elif base is not None:
        merged, reason = _is_merged(state, deltas, base), "found by comparison with the weights before fine-tuning"
    plain = {name: tensor for name, tensor in state.items() if ".lora_" not in name}
    if not merged:
        plain |= {name: plain[name] + delta.to(plain[name].dtype) for name, delta in deltas.items()}
    action = "was already in the weights" if merged else "was added to the weights"
    return plain, (f"LoRA of {len(layers)} layers {action} ({reason}).",)


def _delta(state: Mapping[str, torch.Tensor], layer: str, alpha: float) -> torch.Tensor:
    """alpha / r * B A (out, in) of one layer; block by block where several projections share a weight."""
    weight, a, b = (state.get(f"{layer}.{part}") for part in ("weight", "lora_A", "lora_B"))
    if weight is None or b is None:
        raise WeightsError(f"The LoRA of {layer} lacks its {'weight' if weight is None else 'lora_B'}.")
    rank = b.shape[1]
    groups, rest = divmod(a.shape[0], rank)
    if rest or groups < 1 or b.shape[0] % groups or (b.shape[0], a.shape[1]) != tuple(weight.shape):
        shapes = f"A {tuple(a.shape)}, B {tuple(b.shape)}"
        raise WeightsError(f"The LoRA of {layer} ({shapes}) does not fit its weight {tuple(weight.shape)}.")
    return low_rank_product(a, b, groups, alpha)


def low_rank_product(a: torch.Tensor, b: torch.Tensor, groups: int, alpha: float) -> torch.Tensor:
    """alpha / r * B A (out, in) in float32, of `lora_A` (g r, in) and `lora_B` (out, r), block by block."""
    blocks = zip(b.float().chunk(groups), a.float().chunk(groups), strict=True)
    return torch.cat([block_b @ block_a for block_b, block_a in blocks]) * (alpha / b.shape[1])


def _is_merged(
    state: Mapping[str, torch.Tensor], deltas: Mapping[str, torch.Tensor], base: Mapping[str, torch.Tensor]
) -> bool:
    """Whether the frozen weights are nearer to the base with B A than to the base alone."""
    with_delta = without = 0.0
    for name, delta in deltas.items():
        if name not in base or base[name].shape != delta.shape:
            raise WeightsError(f"The weights before fine-tuning have no {name} of shape {tuple(delta.shape)}.")
        moved = state[name].float() - base[name].float()
        with_delta += float((moved - delta).square().sum())
        without += float(moved.square().sum())
    return with_delta < without
