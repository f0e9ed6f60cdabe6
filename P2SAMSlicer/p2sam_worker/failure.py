"""What went wrong, as the message that Slicer shows: a kind, one sentence, and the traceback for the log."""

from __future__ import annotations

import errno
import traceback

from p2sam.errors import P2SAMError

PACKAGES = {"sklearn": "scikit-learn", "ot": "POT", "segment_anything": "segment-anything"}
"""Module -> the package to install, where the names differ."""
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "unable to allocate")
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)


def described(error: BaseException, verb: str) -> dict:
    """`kind`, `message` and `traceback` of an error that ended a request."""
    trace = "".join(traceback.format_exception(error))
    return {"kind": type(error).__name__, "message": sentence(error, verb), "traceback": trace}


def sentence(error: BaseException, verb: str) -> str:
    """What happened and what to do; errors raised on purpose say it themselves."""
    if isinstance(error, P2SAMError):
        return str(error)
    if isinstance(error, ImportError):
        module = (error.name or "").partition(".")[0]
        if not module or module.startswith("p2sam"):
            return f"A part of P2SAMSlicer, or a package it uses, cannot be loaded ({error}); install it again."
        return f"The package {PACKAGES.get(module, module)} cannot be loaded ({error}); install it, or repair its installation."
    if is_out_of_memory(error):
        return f"The computer ran out of memory during '{verb}'; close other programs, choose fewer structures, or use a smaller model."
    if isinstance(error, OSError) and error.errno in _FULL:
        return f"The disk is full ({error.filename or error.strerror}); free some space, and try again."
    if isinstance(error, OSError):
        where = f" '{error.filename}'" if error.filename else ""
        return f"A file{where} could not be read or written during '{verb}' ({error.strerror or error}); check that it is there and may be used."
    return f"The worker failed during '{verb}' ({type(error).__name__}: {error}). This is a fault of P2SAMSlicer; the log has the details to report."


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on a GPU or on the CPU; torch says so in the text of a RuntimeError."""
    return isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in _OUT_OF_MEMORY)
