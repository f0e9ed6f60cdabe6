"""The device that a torch model runs on: which one, in what precision, and what its failures mean to a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from p2sam.errors import DeviceError, SettingsError

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cudaerrormemoryallocation")


def resolve_device(name: str) -> torch.device:
    """The device of that name, tried with a tiny sum so that an unusable one is found now and not in mid-run.

    Parameters
    ----------
    name : str
        "cpu", "cuda", "cuda:N", "mps", or "auto": the first CUDA device that works, else the CPU.

    Raises
    ------
    DeviceError
        The device is absent, or the installed torch has no kernels for it.
    """
    if name == "auto":
        return _first_working(("cuda:0", "cpu"))
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"'{name}' is not a device. Use auto, cpu, cuda, cuda:N or mps.") from error
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", 0)
    reason = _why_unusable(device)
    if reason:
        raise DeviceError(f"The device {name} cannot be used: {reason}. Use --device cpu, or a torch that supports it.")
    return device


def _first_working(names: tuple[str, ...]) -> torch.device:
    return next(device for device in map(torch.device, names) if not _why_unusable(device))


def _why_unusable(device: torch.device) -> str:
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if device.index >= count:
            return f"this torch ({torch.__version__}) sees {count} CUDA devices"
    try:
        float(torch.ones(2, device=device).sum())
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        return str(error).splitlines()[0]
    return ""


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """What the encoder and the decoder run under: nothing in float32, mixed precision on CUDA.

    Raises
    ------
    SettingsError
        An unknown precision, or a lower one than float32 anywhere but on CUDA.
    """
    if precision not in PRECISIONS:
        raise SettingsError(f"precision = '{precision}' is unknown. Use one of {', '.join(PRECISIONS)}.")
    if precision == "float32":
        return nullcontext()
    if device.type != "cuda":
        raise SettingsError(f"precision = '{precision}' needs a CUDA device, not {device}. Use float32.")
    return torch.autocast("cuda", PRECISIONS[precision])


@contextmanager
def device_errors(device: torch.device, doing: str) -> Iterator[None]:
    """Turn running out of memory while `doing` something into a `DeviceError` that says the way out."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not (isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in _OUT_OF_MEMORY)):
            raise
        if device.type == "cuda":
            torch.cuda.empty_cache()
        raise DeviceError(
            f"{device} ran out of memory while {doing}. Close other programs that use it, lower max_batch, "
            "use a smaller model, or use --device cpu."
        ) from error
