"""The devices torch can compute on, each tried with a tiny kernel. Run as a program, `python -m p2sam_worker.devices`.

One JSON object a line: first torch itself, then each device. This is a process of its own, because a broken torch can
raise anything, and crash or hang as well.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import Any


def main() -> int:
    """Print what is found. fd 1 is kept for that, so that what a library prints does not get between."""
    private = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(private, "w", encoding="utf-8") as out:
        for told in found():
            print(json.dumps(told), file=out, flush=True)
    return 0


def found() -> Iterator[dict]:
    """Torch's state, then its devices but the CPU, which needs no torch."""
    try:
        import torch

        version = str(torch.__version__)
    except ModuleNotFoundError as error:
        missing = error.name == "torch"
        yield {"torch": None, "torch_error": None if missing else f"torch is only half installed ({error}); repair its installation."}
        return
    except Exception as error:  # the probe ends here: what a broken installation raises is not known beforehand
        yield {"torch": None, "torch_error": f"torch cannot be loaded ({type(error).__name__}: {first_line(error)}); repair its installation."}
        return
    yield {"torch": version, "torch_error": None}
    yield from accelerators(torch)


def accelerators(torch: Any) -> Iterator[dict]:
    """Each CUDA device and, on a Mac, mps."""
    try:
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    except Exception as error:  # the probe of CUDA ends here, whatever a half-installed driver raises
        print(f"CUDA cannot be asked: {error}", file=sys.stderr)
        count = 0
    for number in range(count):
        yield cuda_device(torch, number)
    backend = getattr(getattr(torch, "backends", None), "mps", None)
    if backend is not None and backend.is_available():
        reason = why_not(torch, "mps")
        yield {"id": "mps", "title": "Apple GPU (Metal)", "free_bytes": None, "total_bytes": None, "works": not reason, "reason": reason}


def cuda_device(torch: Any, number: int) -> dict:
    name, free, total = f"CUDA device {number}", None, None
    try:
        properties = torch.cuda.get_device_properties(number)
        name, total = str(properties.name), int(properties.total_memory)
        free = int(torch.cuda.mem_get_info(number)[0])
    except Exception as error:  # the asking ends here; whether the device works is found by the kernel below
        print(f"{name} does not tell its memory: {error}", file=sys.stderr)
    reason = why_not(torch, f"cuda:{number}")
    memory = f", {free / 2**30:.1f} GB free" if free is not None else ""
    title = f"{name}{memory}" if not reason else f"{name} (cannot be used)"
    return {"id": f"cuda:{number}", "title": title, "free_bytes": free, "total_bytes": total, "works": not reason, "reason": reason}


def why_not(torch: Any, device: str) -> str:
    """Empty where a small product and a small convolution come out right on the device; else the reason."""
    try:
        ones = torch.ones(8, 8, device=device)
        product = float((ones @ ones).sum())
        image = torch.ones(1, 1, 4, 4, device=device)
        convolved = float(torch.nn.functional.conv2d(image, torch.ones(1, 1, 3, 3, device=device)).sum())
    except Exception as error:  # the trial ends here: drivers and kernels raise what they like
        return explained(first_line(error))
    return "" if (product, convolved) == (512.0, 36.0) else f"it computes wrongly ({product}, {convolved} instead of 512, 36)"


def explained(text: str) -> str:
    """The reason in words that lead somewhere, where it is a known one."""
    if "no kernel image" in text:
        return f"this torch has no kernels for it ({text}); install a torch made for this card"
    if "out of memory" in text.lower():
        return f"its memory is full ({text}); close other programs that use it"
    return text


def first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


if __name__ == "__main__":
    sys.exit(main())
