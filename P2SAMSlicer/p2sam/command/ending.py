"""How every command ends: its document on stdout where `--json` asks for it, one sentence on stderr, an exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from ..errors import Cancelled, DeviceError, P2SAMError


@contextmanager
def ending(as_json: bool, debug: bool) -> Iterator[dict]:
    """Give a document to be filled; print it as JSON at the end, and turn any error into its sentence and exit code.

    Parameters
    ----------
    as_json : bool
        Print the document, with `error` and `exit_code`, as the only thing on stdout.
    debug : bool
        Let errors through with their traceback.
    """
    document: dict = {}
    try:
        yield document
        error = None
    except KeyboardInterrupt:
        error = Cancelled("Stopped at once; nothing half done was left behind.")
    except MemoryError:
        error = DeviceError("This machine has not enough memory for these scans; crop them, or leave out structures with --structure.")
    except P2SAMError as problem:
        error = problem
        if debug and not isinstance(problem, Cancelled):
            raise
    except typer.Exit:
        raise
    except Exception as problem:  # the process ends here
        if debug:
            raise
        error = P2SAMError(f"Unexpected {type(problem).__name__} ({one_line(problem)}); run it again with --debug and report what it prints.")
    code = 0 if error is None else error.exit_code
    if as_json:
        document["exit_code"] = code
        document["error"] = None if error is None else {"kind": type(error).__name__, "message": one_line(error)}
        print(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False))
    if error is not None:
        tell(f"{'Stopped' if isinstance(error, Cancelled) else 'Error'}: {error}")
        raise typer.Exit(code)


def warn(sentence: str) -> None:
    tell(f"Warning: {sentence}")


def tell(sentence: str) -> None:
    """One line on stderr, never wrapped, so that it can be searched and copied."""
    print(one_line(sentence), file=sys.stderr, flush=True)


def one_line(message: object) -> str:
    return " ".join(str(message).split())
