"""A conversation with a real worker process, for tests: requests out, messages in, a limit on every wait."""

import json
import os
import time
from contextlib import contextmanager

import numpy as np
from p2sam_worker.job import JobFolder
from p2sam_worker.protocol import ENDS, VERSION
from pipe_process import PipeProcess

LIMIT_S = 120


class Talk:
    """One worker and its job folder."""

    def __init__(self, process, job):
        self.process, self.job = process, job
        self.messages, self.log, self.code = [], b"", None
        self._buffer, self._last_id = b"", 0
        process.start(job.path, self._output, self._error_output, self._finished)

    def send_bytes(self, data):
        self.process.write(data)

    def send(self, verb, **parameters):
        """Send a request; returns its id."""
        self._last_id += 1
        self.send_bytes(json.dumps({"v": VERSION, "id": self._last_id, "verb": verb, **parameters}).encode() + b"\n")
        return self._last_id

    def ask(self, verb, limit_s=LIMIT_S, **parameters):
        """Send a request and wait for its end, which must be `done`; returns the result."""
        message = self.end_of(self.send(verb, **parameters), limit_s)
        assert message["event"] == "done", message
        return message["result"]

    def end_of(self, number, limit_s=LIMIT_S):
        return self.wait(lambda message: message["id"] == number and message["event"] in ENDS, limit_s)

    def error_of(self, verb, **parameters):
        """Send a request that must fail; returns its `error` message."""
        message = self.end_of(self.send(verb, **parameters))
        assert message["event"] == "error", message
        return message

    def wait(self, wanted, limit_s=LIMIT_S):
        """The first message, past or to come, for which `wanted(message)` holds."""
        end, seen = time.monotonic() + limit_s, 0
        while True:
            for message in self.messages[seen:]:
                if wanted(message):
                    return message
            seen = len(self.messages)
            assert self.code is None, f"the worker ended with {self.code}: {self.log.decode(errors='replace')}"
            assert time.monotonic() < end, f"not said within {limit_s} s; said was {self.messages[-3:]}; log: {self.log[-2000:].decode(errors='replace')}"
            self.process.pump(0.05)

    def wait_for_end(self, limit_s=20):
        """The exit code."""
        end = time.monotonic() + limit_s
        while self.code is None:
            assert time.monotonic() < end, f"the worker is still there; log: {self.log[-2000:].decode(errors='replace')}"
            self.process.pump(0.05)
        return self.code

    def of(self, number, event):
        return [message for message in self.messages if message["id"] == number and message["event"] == event]

    def hello(self):
        return self.wait(lambda message: message["event"] == "hello")

    def _output(self, chunk):
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        self.messages += [json.loads(line) for line in lines]

    def _error_output(self, chunk):
        self.log += chunk

    def _finished(self, code, crashed):
        self.code = code


@contextmanager
def talking(parent=None, **options):
    """A worker with a job folder in `parent`; on leaving it must end by itself, and leave nothing."""
    job = JobFolder.make(parent)
    talk = Talk(PipeProcess(**options), job)
    try:
        yield talk
        if talk.code is None:
            talk.process.closeInput()
            assert talk.wait_for_end() == 0, talk.log.decode(errors="replace")
            assert not job.path.exists()
    finally:
        talk.process.kill(talk.process.pid)
        job.remove()


def scan_parameters(volume, job):
    return {"array": job.save_array(volume.array, "scan"), "ijk_to_ras": volume.ijk_to_ras.tolist(), "meta": volume.meta}


def case_parameters(prior, segmentation, followup, job, settings=None, **others):
    """What `open_case` needs, with its arrays saved."""
    segments = [
        {"id": one.id, "name": one.name, "color_rgb": list(one.color_rgb), "terminology": one.terminology, "mask": job.save_array(one.mask, "segment")}
        for one in segmentation.segments
    ]
    return {
        "case": "one", "name": "visit2", "prior": scan_parameters(prior, job), "segments": segments, "followup": scan_parameters(followup, job),
        "settings": {} if settings is None else settings.to_dict(), "transform": None, "structures": None, **others,
    }  # fmt: skip


def masks_of(result, job):
    """Structure -> the mask of a VISIT message."""
    return {one["name"]: job.load_array(one["mask"], ndim=3, mask=True) for one in result["structures"]}


def processes_of(group):
    """Ids of the processes of a group, zombies too; from /proc."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == group:
                found.append(int(entry))
    return found


def read_masks(names, job):
    return {name: np.array(job.load_array(file, mask=True)) for name, file in names.items()}
