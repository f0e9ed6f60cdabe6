"""Brings the weights of a model in a process of its own: `python -m p2sam_worker.weights download NAME`, or `install NAME FILE`.

Says how far it is in messages of the worker's protocol on stdout, and stops when its stdin is closed, soon or, where the
network hangs, by force; what came is kept, and the next download goes on from there. Needs the standard library only, so it runs before anything is installed.
"""

from __future__ import annotations

import os
import sys
import threading
import time

from p2sam.errors import Cancelled, InputError, P2SAMError
from p2sam.models import registry, weights

from . import protocol

MESSAGE_EVERY_S = 0.1
GRACE_S = 10.0
"""From the end of stdin to an end by force."""
USAGE = "Give `download NAME` or `install NAME FILE`."


class Progress:
    """Tells the bytes that came, a few times a second, and always the last ones."""

    def __init__(self, send):
        self._send = send
        self._last = 0.0

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if done == total or now - self._last >= MESSAGE_EVERY_S:
            self._last = now
            self._send({"event": "progress", "stage": "download", "done": done, "total": total})


def bring(arguments: list[str], send, cancelled) -> str:
    """Do what the arguments say; returns the path of the weights.

    Raises
    ------
    InputError, WeightsError, OutputError, Cancelled
    """
    if len(arguments) == 2 and arguments[0] == "download":
        spec = registry.find(arguments[1])
        return str(weights.download(spec, lambda size: True, Progress(send), cancelled))
    if len(arguments) == 3 and arguments[0] == "install":
        return str(weights.install(registry.find(arguments[1]), arguments[2]))
    raise InputError(f"'{' '.join(arguments)}' is not understood. {USAGE}")


def main(arguments: list[str]) -> int:
    """Run to the end; 0 where the weights are there, the error's exit code otherwise."""
    stop = threading.Event()
    threading.Thread(target=_wait_for_the_end_of_stdin, args=(stop,), daemon=True).start()
    try:
        path = bring(arguments, _send, stop.is_set)
    except Cancelled as error:
        _send({"event": "cancelled", "message": str(error)})
        return error.exit_code
    except P2SAMError as error:
        _send({"event": "error", "kind": type(error).__name__, "message": str(error)})
        return error.exit_code
    _send({"event": "done", "result": {"path": path}})
    return 0


def _send(message: dict) -> None:
    sys.stdout.buffer.write(protocol.encode({"id": None, **message}))
    sys.stdout.buffer.flush()


def _wait_for_the_end_of_stdin(stop: threading.Event) -> None:
    while os.read(0, 4096):  # not sys.stdin: its lock would be held when the interpreter ends
        pass
    stop.set()
    time.sleep(GRACE_S)
    os._exit(Cancelled.exit_code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
