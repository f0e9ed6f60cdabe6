"""A promptable model that is plain arithmetic of the pixels, so that a test can say beforehand what the method finds."""

from dataclasses import dataclass

import numpy as np
from p2sam.models.base import MaskLogits, PointScores
from p2sam.parts import unit_norm

CLOSE = 20.0
"""A pixel is drawn where its grey level lies within this of a positive point's, and nearer to it than to a negative one's."""
NO_LOGIT = -100.0


def features_of(grey):
    """(..., ) grey levels -> (..., 2) features (g, 255 - g): an angle that grows with the level, a length that differs."""
    return np.stack([grey, 255.0 - grey], axis=-1).astype(np.float32)


class FakeModel:
    """Counts what it is asked: `embedded` holds one image a slice, `decoded` one `Prompts` a call."""

    name = "fake"
    device = "cpu"
    sha256 = None

    def __init__(self, cell=2):
        self.cell, self.embedded, self.decoded = cell, [], []

    def embed(self, images):
        self.embedded += [image[..., 0].copy() for image in images]
        return [FakeEmbedding(image[..., 0].astype(np.float32), self.cell) for image in images]

    def decode(self, embedding, prompts):
        self.decoded.append(prompts)
        logits = np.stack([self._draw(embedding.grey, prompts, row) for row in range(len(prompts))]).astype(np.float32)
        low_res = np.stack([embedding.cells(one) for one in logits])
        return MaskLogits(logits, low_res, np.full(len(prompts), np.nan, np.float32))

    def _draw(self, grey, prompts, row):
        columns, rows = prompts.points_xy[row].astype(int).T
        apart = np.abs(grey[..., None] - grey[rows, columns])
        on, off = (apart[..., prompts.labels[row] == label].min(axis=-1, initial=CLOSE) for label in (1, 0))
        logits = (off - on).astype(np.float32) - 1e-3
        if prompts.boxes_xyxy is not None:
            x0, y0, x1, y1 = prompts.boxes_xyxy[row]
            r, c = np.ogrid[: grey.shape[0], : grey.shape[1]]
            logits[(r < y0) | (r > y1) | (c < x0) | (c > x1)] = NO_LOGIT
        return logits


@dataclass
class FakeEmbedding:
    """Means of cells of `cell` x `cell` pixels; the last row and column of cells may be smaller."""

    grey: np.ndarray
    cell: int

    def __post_init__(self):
        self.size_hw = self.grey.shape
        self.features = features_of(self.cells(self.grey))
        self.grid_hw = self.features.shape[:2]

    def cells(self, array):
        sums = np.asarray(array, np.float64)
        counts = np.ones(sums.shape)
        for axis in (0, 1):
            starts = np.arange(0, self.size_hw[axis], self.cell)
            sums, counts = (np.add.reduceat(a, starts, axis=axis) for a in (sums, counts))
        return (sums / counts).astype(np.float32)

    def features_at(self, mask):
        return self.features[self.cells(mask) > 0.5]

    def features_under(self, low_res):
        return self.features[low_res > 0]

    def similarity_peaks(self, parts, weight=None):
        maps = np.stack([self._map(part) for part in parts]) if len(parts) else np.zeros((0, *self.size_hw), np.float32)
        return self._peaks(maps if weight is None else weight * (maps + 1) / 2, maps)

    def dissimilarity_peak(self, parts):
        mean = np.mean([self._map(part) for part in parts], axis=0)[None]
        return self._peaks(-mean, mean)

    def mask_prompt(self, probability):
        return 8 * self.cells(probability) - 4

    def _map(self, part):
        """The cosine at each pixel's cell."""
        grid = (unit_norm(self.features) @ part).astype(np.float32)
        return grid.repeat(self.cell, 0).repeat(self.cell, 1)[: self.size_hw[0], : self.size_hw[1]]

    def _peaks(self, score, maps):
        index = score.reshape(len(score), -1).argmax(axis=1)
        rows, columns = np.unravel_index(index, self.size_hw)
        return PointScores(np.stack([columns, rows], axis=1).astype(np.float32), maps.reshape(len(maps), -1)[np.arange(len(maps)), index])
