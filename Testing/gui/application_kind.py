"""Which application the tests of this folder run in: a real Slicer, or the stand-in of Testing/runtime."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve()
MODULE = HERE.parents[2] / "P2SAMSlicer" / "P2SAMSlicer.py"
SHARED = HERE.parents[3] / "shared"


def isRealSlicer():
    """True inside Slicer's own application."""
    return "runtime" not in sys.modules and hasattr(sys.modules.get("slicer"), "app")


def standIn():
    """Puts the stand-in in place; the sentence that says why not where it cannot run here."""
    sys.path.insert(0, str(HERE.parents[1]))
    import runtime

    reason = runtime.why_not()
    if reason is None:
        runtime.install()
    return reason
