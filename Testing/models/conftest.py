"""Fixtures of the models' tests: a private cache, a web server with faults, and networks with random weights.

Nothing here imports torch before a test that has asked for it with `pytest.importorskip`.
"""

from __future__ import annotations

import functools
import http.server
import threading

import numpy as np
import pytest


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """P2SAM_HOME in a folder of this test."""
    folder = tmp_path / "p2sam-home"
    monkeypatch.setenv("P2SAM_HOME", str(folder))
    return folder


class Server:
    """A web server on this machine that serves one file and can be told to misbehave."""

    def __init__(self):
        self.content = b""
        self.etag = '"one"'
        self.ranges = True
        self.sends_length = True
        self.cut_after = []
        """For each coming answer: after how many bytes the connection is cut; None sends all."""
        self.status = 200
        self.requests = []
        handler = functools.partial(_Handler, self)
        self._httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._httpd.handle_error = lambda request, address: None  # a client that cancelled has gone
        threading.Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._httpd.server_address[1]}/model.pth"

    def stop(self):
        self._httpd.shutdown()
        self._httpd.server_close()

    def asked(self, method="GET"):
        return [request for request in self.requests if request[0] == method]


class _Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, server, *args):
        self.plan = server
        super().__init__(*args)

    def do_HEAD(self):
        self.plan.requests.append(("HEAD", None))
        self._head(self.plan.status, 0)

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.plan.requests.append(("GET", wanted))
        if self.plan.status != 200:
            return self._head(self.plan.status, 0)
        start = 0
        if wanted and self.plan.ranges and self.headers.get("If-Range") == self.plan.etag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start > len(self.plan.content) or (start and start == len(self.plan.content)):
            return self._head(416, 0)
        self._head(206 if start else 200, start)
        cut = self.plan.cut_after.pop(0) if self.plan.cut_after else None
        body = self.plan.content[start:]
        self.wfile.write(body if cut is None else body[:cut])

    def _head(self, status, start):
        self.send_response(status)
        if self.plan.etag:
            self.send_header("ETag", self.plan.etag)
        if status == 206:
            total = len(self.plan.content)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        if self.plan.sends_length:
            self.send_header("Content-Length", str(len(self.plan.content) - start))
        self.end_headers()

    def log_message(self, *args):
        """Quiet."""


@pytest.fixture
def server():
    one = Server()
    yield one
    one.stop()


def _rng_image(height, width, seed):
    """A slice with structure: smooth blobs, edges and noise, (H, W, 3) uint8 with three equal channels."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    image = 80 + 60 * np.sin(rows / 17 + seed) * np.cos(columns / 23) + rng.normal(0, 8, (height, width))
    image[height // 3 : height // 2, width // 4 : width // 2] += 70
    return np.repeat(np.clip(image, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.fixture(scope="session")
def slices():
    """(2, 97, 150, 3) uint8: two slices, not square."""
    return np.stack([_rng_image(97, 150, seed) for seed in (1, 2)])


def _random_sam(frame, width, depth, heads, global_blocks):
    import torch
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    torch.manual_seed(0)
    encoder = ImageEncoderViT(
        img_size=frame, embed_dim=width, depth=depth, num_heads=heads, out_chans=256, use_rel_pos=True, window_size=14,
        global_attn_indexes=global_blocks, norm_layer=functools.partial(torch.nn.LayerNorm, eps=1e-6),
    )  # fmt: skip
    grid = (frame // 16, frame // 16)
    prompts = PromptEncoder(256, image_embedding_size=grid, input_image_size=(frame, frame), mask_in_chans=16)
    transformer = TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8)
    sam = Sam(
        encoder, prompts, MaskDecoder(transformer_dim=256, transformer=transformer),
        pixel_mean=[123.675, 116.28, 103.53], pixel_std=[58.395, 57.12, 57.375],
    )  # fmt: skip
    return sam.eval()


@pytest.fixture(scope="session")
def small_sam():
    """segment-anything's `Sam` with the true depth and width of ViT-B and a frame of 224 instead of 1024 pixels."""
    return _random_sam(224, width=768, depth=12, heads=12, global_blocks=(2, 5, 8, 11))


@pytest.fixture(scope="session")
def toy_sam():
    """segment-anything's `Sam` with an encoder of two narrow blocks: every name of a weight, few numbers."""
    return _random_sam(224, width=48, depth=2, heads=4, global_blocks=(1,))


@pytest.fixture(scope="session")
def sam_model(small_sam):
    from p2sam.models.sam import SamModel

    return SamModel(small_sam, "sam", max_batch=2)


@pytest.fixture(scope="session")
def sam_embeddings(sam_model, slices):
    """Both slices, encoded in one batch."""
    return sam_model.embed(slices)


@pytest.fixture(scope="session")
def sam2_network():
    """sam2's true SAM 2.1 tiny with random weights."""
    import torch

    from p2sam.models.sam2 import build_sam2_model

    torch.manual_seed(0)
    return build_sam2_model("sam2.1_tiny")


@pytest.fixture(scope="session")
def sam2_model(sam2_network):
    from p2sam.models.sam2 import Sam2Model

    return Sam2Model(sam2_network, "sam2", max_batch=2)


@pytest.fixture(scope="session")
def sam2_embeddings(sam2_model, slices):
    """Both slices, encoded in one batch."""
    return sam2_model.embed(slices)
