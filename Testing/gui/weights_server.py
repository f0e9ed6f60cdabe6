"""Weights for the tests of the download: a small file on a server of this machine, sent as slowly as the test wants."""

import hashlib
import http.server
import threading
import time
from contextlib import contextmanager

CONTENT = bytes(range(256)) * 4096
"""1 MB."""
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    pause_s = 0.0
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self._head(len(CONTENT), 200)

    def do_GET(self):
        asked = self.headers.get("Range")
        start = int(asked.split("=")[1].rstrip("-")) if asked else 0
        self._head(len(CONTENT) - start, 206 if asked else 200, start)
        try:
            for first in range(start, len(CONTENT), 65536):
                self.wfile.write(CONTENT[first : first + 65536])
                time.sleep(self.pause_s)
        except ConnectionError:
            return

    def _head(self, size, status, start=0):
        self.send_response(status)
        self.send_header("Content-Length", str(size))
        self.send_header("ETag", '"one"')
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.end_headers()

    def log_message(self, *arguments):
        return


@contextmanager
def serving(pause_s=0.0):
    """The address of the file while the server runs."""
    handler = type("PausingHandler", (Handler,), {"pause_s": pause_s})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/sam_vit_b_01ec64.pth"
    finally:
        server.shutdown()
        server.server_close()
