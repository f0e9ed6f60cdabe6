"""Which weights of a SAM are trained, and how many they are."""

from __future__ import annotations

from torch import nn


def freeze_what_is_not_trained(sam: nn.Module) -> None:
    """The embeddings of "not a point" and "no mask", as published; and the outputs of several masks, of which one is used."""
    sam.prompt_encoder.not_a_point_embed.requires_grad_(False)
    sam.prompt_encoder.no_mask_embed.requires_grad_(False)
    for unused in list(sam.mask_decoder.output_hypernetworks_mlps)[1:]:
        unused.requires_grad_(False)


def counts(sam: nn.Module) -> tuple[int, int]:
    """(trained, all) parameters."""
    parameters = list(sam.parameters())
    return sum(p.numel() for p in parameters if p.requires_grad), sum(p.numel() for p in parameters)


def trained_names(sam: nn.Module) -> tuple[str, ...]:
    """Names of the parameters that are trained."""
    return tuple(name for name, parameter in sam.named_parameters() if parameter.requires_grad)


def parameter_groups(sam: nn.Module, weight_decay: float) -> list[dict]:
    """For AdamW: matrices and kernels decay; biases, norms, and embeddings of one row do not."""
    trained = [parameter for parameter in sam.parameters() if parameter.requires_grad]
    decaying = [p for p in trained if p.ndim > 1 and p.shape[0] > 1]
    known = {id(p) for p in decaying}
    still = [p for p in trained if id(p) not in known]
    return [{"params": decaying, "weight_decay": weight_decay}, {"params": still, "weight_decay": 0.0}]
