"""A worker's process without a process: what was written to it is kept, what it says is put in by the test."""

import json


class FakeProcess:
    def __init__(self):
        self.written, self.pumped, self.killed = [], [], []
        self.running = False
        self.onPump = lambda: None
        self.failing = None

    def start(self, jobFolder, onOutput, onErrorOutput, onFinished):
        self.jobFolder, self.say, self.complain, self._onFinished = jobFolder, onOutput, onErrorOutput, onFinished
        self.running = True

    def write(self, data):
        if self.failing:
            raise self.failing
        self.written.append(data)

    def closeInput(self):
        self.written.append(None)

    def pump(self, seconds):
        self.pumped.append(seconds)
        self.onPump()

    def kill(self, pid=None):
        self.killed.append(pid)
        self.end(-9, True)

    def end(self, code, crashed=False):
        if self.running:
            self.running = False
            self._onFinished(code, crashed)

    def tell(self, event, **fields):
        self.say((json.dumps({"v": 1, "event": event, **fields}) + "\n").encode())

    @property
    def requests(self):
        return [json.loads(line) for line in self.written if line]
