"""Which packages are installed, and which of those cannot be loaded. Run as a program: `python -m p2sam_worker.packages NAME ...`.

One JSON object a line, flushed after each package, so that the one that crashes this process can be told.
"""

from __future__ import annotations

import importlib
import json
import os
import sys

MODULES = {
    "numpy": "numpy", "scipy": "scipy", "scikit-learn": "sklearn", "POT": "ot", "threadpoolctl": "threadpoolctl", "SimpleITK": "SimpleITK",
    "pydicom": "pydicom", "torch": "torch", "torchvision": "torchvision", "segment-anything": "segment_anything", "safetensors": "safetensors", "sam2": "sam2",
}  # fmt: skip
"""Package -> the module it is loaded as."""


def main(names: list[str]) -> int:
    """Load each package and print how that went."""
    private = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(private, "w", encoding="utf-8") as out:
        for name in names:
            print(json.dumps({"name": name, "error": why_broken(MODULES[name])}), file=out, flush=True)
    return 0


def why_broken(module: str) -> str:
    """Empty where the module loads; else what it raised."""
    try:
        importlib.import_module(module)
    except Exception as error:  # the trial ends here: a half-installed package raises what it likes
        return f"{type(error).__name__}: {next(iter(str(error).splitlines()), 'no message')}"
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
