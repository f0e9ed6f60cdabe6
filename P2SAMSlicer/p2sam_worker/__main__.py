"""`PythonSlicer -m p2sam_worker --job FOLDER`: requests on stdin, messages on stdout, the log on stderr."""

from __future__ import annotations

import argparse
import faulthandler
import os
import signal
import sys
import threading

from p2sam.errors import P2SAMError

from .channel import Channel
from .ending import Ending
from .inbox import Inbox
from .job import JobFolder, remove_stale
from .service import VERBS, Service
from .session import Session
from .stdin_reader import StdinReader
from .streams import private_streams, write_all


def main(arguments: list[str] | None = None) -> int:
    """Serve until a shutdown, the end of stdin, or a signal; the job folder is gone afterwards."""
    parser = argparse.ArgumentParser(prog="p2sam_worker", description="P2SAMSlicer's worker process; the module in Slicer starts it.")
    parser.add_argument("--job", required=True, metavar="FOLDER", help="A folder made by p2sam_worker.job.JobFolder.make().")
    options = parser.parse_args(arguments)
    faulthandler.enable()
    lead_own_group()
    try:
        job = JobFolder(options.job)
    except P2SAMError as error:
        print(f"p2sam_worker: {error}", file=sys.stderr)
        return error.exit_code
    requests, messages = private_streams()
    channel = Channel(lambda line: write_all(messages, line))
    inbox = Inbox(channel, frozenset(VERBS))
    leave = Ending(inbox, job)
    channel.on_broken = inbox.on_shutdown = leave
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: leave())
    StdinReader(requests, inbox.receive, leave).start()
    threading.Thread(target=remove_stale, name="tidy", daemon=True).start()  # here and not in Slicer, as it may take long
    try:
        Service(Session(job), channel, inbox).run()
    finally:
        leave()
        job.remove()
    return 0


def lead_own_group() -> None:
    """Lead a session of its own, so that the worker and whatever it starts can be ended together; not on Windows."""
    if not hasattr(os, "setsid"):
        return
    try:
        os.setsid()
    except PermissionError:
        return  # it was started as the leader of a group already


if __name__ == "__main__":
    sys.exit(main())
