"""The worker's own copies of stdin and stdout, so that nothing a library reads or prints gets into the protocol."""

from __future__ import annotations

import os
import sys


def private_streams() -> tuple[int, int]:
    """Take descriptors 0 and 1 for the protocol; 0 then gives nothing, and what is printed goes to 2, the log.

    Returns
    -------
    (descriptor to read requests from, descriptor to write messages to)
        Neither is handed to child processes.
    """
    requests, messages = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return requests, messages


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it, however little the pipe takes at once.

    Raises
    ------
    OSError
        The other side is gone.
    """
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
