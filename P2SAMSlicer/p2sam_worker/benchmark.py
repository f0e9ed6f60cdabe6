"""One slice drawn on this computer and this device, to know how long many will take."""

from __future__ import annotations

import time

import numpy as np

from p2sam.guide import Guide
from p2sam.method import P2SAM
from p2sam.models.base import PromptableModel
from p2sam.settings import Settings
from p2sam.slices import window_to_rgb

DISK = 0.06
"""Radius of the test structure, as a share of the slice's longer side: 30 pixels of 512."""
SPACING_MM = 1.0


def seconds_a_slice(model: PromptableModel, settings: Settings, size_hw: tuple[int, int]) -> tuple[float, float]:
    """(to encode a slice, to find one structure on an encoded slice), in seconds, on noise with a disk in it.

    On an accelerator the second of two rounds counts, as the first one also starts it up.
    """
    rows, columns = np.indices(size_hw)
    disk = np.hypot(rows - size_hw[0] / 2, columns - size_hw[1] / 2) < max(4.0, DISK * max(size_hw))
    hu = np.where(disk, 60.0, -300.0) + np.random.default_rng(0).normal(0, 40, size_hw)
    image = window_to_rgb(hu.astype(np.float32), settings.window_hu)
    for _ in range(1 if str(model.device) == "cpu" else 2):
        began = time.perf_counter()
        embedding = model.embed(image[None])[0]
        encoded = time.perf_counter()
        probability = disk.astype(np.float32)
        fitted = P2SAM(model, settings).fit_embeddings([embedding], [disk])
        fitted.predict_embedding(embedding, Guide(probability, probability, (SPACING_MM, SPACING_MM)) if settings.use_prior else None)
        drawn = time.perf_counter()
    return encoded - began, drawn - encoded
