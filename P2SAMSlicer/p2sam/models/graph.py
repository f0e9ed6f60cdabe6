"""`graph`: the built-in model. Classical, no learned weights, no download, no torch.

Features are Hounsfield values at several scales, mapped so that a cosine similarity is a Gaussian kernel. The decoder
weighs part likelihoods, the prompts as seeds and the prior as a mask, and smooths them on the pixel graph: random
walker with priors (Grady, CVPR 2005), in the prompt's box.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.linalg import LinearOperator, cg

from .base import MaskLogits, PointScores, Prompts

CHANNELS = 128
SCALES_PX = (0.7, 1.5, 3.0, 6.0)
WIDTHS = (12.0, 7.0, 7.0, 10.0, 4.0, 8.0)
"""Kernel width of each feature in grey levels (one level is 5.9 HU in the default window): HU at each scale, gradient, texture."""
SHARPNESS = 4.0
"""Weight of the difference of part similarities in the logit."""
MASK_WEIGHT = 2.0
MASK_LIMIT = 4.0
"""The mask prompt's logit counts so much, within +- the limit: prompts and image can overrule it."""
SEED_LOGIT = 8.0
SEED_RADIUS_PX = 1.5
DATA_WEIGHT = 1.0
"""Pull of each pixel to its own likelihood, against 1 for each of its four neighbours in a flat region."""
EDGE_LEVELS = 8.0
"""Grey-level step at which two neighbours stop pulling on each other."""
GRID_LONGEST = 256


class GraphModel:
    """A `PromptableModel` without weights."""

    name = "graph"
    device = "cpu"
    sha256 = None

    def __init__(self, seed: int = 0):
        random = np.random.default_rng(seed)
        self._frequencies = random.standard_normal((len(WIDTHS), CHANNELS)).astype(np.float32)
        self._phases = random.uniform(0, 2 * np.pi, CHANNELS).astype(np.float32)

    def embed(self, images: np.ndarray) -> list[GraphEmbedding]:
        """(B, H, W, 3) uint8 -> B embeddings; the first channel is read as grey levels."""
        return [GraphEmbedding(image[..., 0], self._frequencies, self._phases) for image in images]

    def decode(self, embedding: GraphEmbedding, prompts: Prompts) -> MaskLogits:
        """Draw B candidates; low-resolution logits are at the original size."""
        logits = np.stack([self._draw(embedding, prompts, row) for row in range(len(prompts))])
        return MaskLogits(logits, logits, np.full(len(prompts), np.nan, np.float32))

    def _draw(self, embedding: GraphEmbedding, prompts: Prompts, row: int) -> np.ndarray:
        window = _window(prompts, row, embedding.size_hw, embedding.stride)
        unary = SHARPNESS * embedding.part_difference(prompts.part_features, prompts.labels, row, window)
        if prompts.mask_input is not None:
            unary = unary + MASK_WEIGHT * np.clip(prompts.mask_input[row][window], -MASK_LIMIT, MASK_LIMIT)
        seeds = _seed_map(prompts.points_xy[row], prompts.labels[row], window, unary.shape)
        smooth = random_walk(embedding.grey[window], unary, seeds)
        logits = np.full(embedding.size_hw, -2 * SEED_LOGIT, np.float32)
        logits[window] = smooth
        return logits


@dataclass
class GraphEmbedding:
    """Multi-scale grey-level features of one slice, on a grid of every `stride`-th pixel."""

    grey: np.ndarray
    frequencies: np.ndarray
    phases: np.ndarray

    def __post_init__(self):
        self.grey = self.grey.astype(np.float32)
        self.size_hw = self.grey.shape
        self.stride = max(1, -(-max(self.size_hw) // GRID_LONGEST))
        self._levels = multi_scale(self.grey)[:: self.stride, :: self.stride]
        self.grid_hw = self._levels.shape[:2]

    def features_at(self, mask: np.ndarray) -> np.ndarray:
        cells = ndimage.uniform_filter(mask.astype(np.float32), self.stride, mode="nearest") if self.stride > 1 else mask
        return self._mapped(self._levels[np.asarray(cells)[:: self.stride, :: self.stride] > 0.5])

    def features_under(self, low_res: np.ndarray) -> np.ndarray:
        return self._mapped(self._levels[low_res[:: self.stride, :: self.stride] > 0])

    def similarity_peaks(self, parts: np.ndarray, weight: np.ndarray | None = None) -> PointScores:
        grid_weight = None if weight is None else weight[:: self.stride, :: self.stride]
        maps = self._similarity(parts, grid_weight)
        score = maps if grid_weight is None else grid_weight[..., None] * (maps + 1) / 2
        return self._peaks(score, maps)

    def dissimilarity_peak(self, parts: np.ndarray) -> PointScores:
        mean = self._similarity(parts, None).mean(axis=-1, keepdims=True)
        return self._peaks(-mean, mean)

    def mask_prompt(self, probability: np.ndarray) -> np.ndarray:
        p = np.clip(probability.astype(np.float32), 1e-4, 1 - 1e-4)
        return np.log(p / (1 - p))

    def part_difference(self, parts: np.ndarray, labels: np.ndarray, row: int, window: tuple[slice, slice]) -> np.ndarray:
        """Greatest similarity to a positive part less the greatest to a negative one, at every pixel of a window."""
        if parts is None or parts.shape[-1] == 0:
            return np.zeros(self.grey[window].shape, np.float32)
        similarity = self._mapped(self._levels_in(window)) @ parts[row].T
        best = [similarity[..., labels[row] == label].max(axis=-1, initial=0.0) for label in (1, 0)]
        difference = best[0] - best[1]
        shape = self.grey[window].shape
        if difference.shape == shape:
            return difference
        places = np.meshgrid(*[np.arange(n) / self.stride for n in shape], indexing="ij")  # cell i was taken at pixel i * stride
        return ndimage.map_coordinates(difference, places, order=1, mode="nearest")

    def _levels_in(self, window: tuple[slice, slice]) -> np.ndarray:
        rows, columns = (slice(w.start // self.stride, -(-w.stop // self.stride)) for w in window)
        return self._levels[rows, columns]

    def _mapped(self, levels: np.ndarray) -> np.ndarray:
        """Random Fourier features (Rahimi and Recht, 2007): dot products approximate exp(-|x - y|^2 / 2)."""
        return np.sqrt(2.0 / CHANNELS, dtype=np.float32) * np.cos(levels @ self.frequencies + self.phases)

    def _similarity(self, parts: np.ndarray, grid_weight: np.ndarray | None) -> np.ndarray:
        """(h, w, n) cosine similarities; only where the weight is above 0, elsewhere -1."""
        inside = np.ones(self.grid_hw, bool) if grid_weight is None else grid_weight > 0
        maps = np.full((*self.grid_hw, len(parts)), -1.0, np.float32)
        features = self._mapped(self._levels[inside])
        length = np.linalg.norm(features, axis=-1, keepdims=True)
        maps[inside] = (features / np.maximum(length, 1e-6)) @ parts.T
        return maps

    def _peaks(self, score: np.ndarray, maps: np.ndarray) -> PointScores:
        flat = score.reshape(-1, score.shape[-1]).argmax(axis=0)
        rows, columns = np.unravel_index(flat, self.grid_hw)
        points = np.stack([columns, rows], axis=1).astype(np.float32) * self.stride
        return PointScores(points, maps[rows, columns, np.arange(maps.shape[-1])])


def multi_scale(grey: np.ndarray) -> np.ndarray:
    """(H, W) grey levels to (H, W, 6): smoothed at four scales, gradient magnitude, local deviation; in kernel widths."""
    smooth = [ndimage.gaussian_filter(grey, sigma, truncate=3.0) for sigma in SCALES_PX]
    gradient = np.hypot(*np.gradient(smooth[1]))
    deviation = np.sqrt(np.maximum(ndimage.gaussian_filter(grey**2, SCALES_PX[2], truncate=3.0) - smooth[2] ** 2, 0))
    return np.stack([*smooth, gradient, deviation], axis=-1) / np.array(WIDTHS, np.float32)


def random_walk(grey: np.ndarray, unary: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Logits (H, W) of a random walker with priors: (L + D) p = D sigmoid(unary), D the data weight, large at seeds.

    `seeds` is +1, -1 or 0. L is the graph Laplacian with weights exp(-(step / EDGE_LEVELS)^2) between 4-neighbours.
    """
    height, width = grey.shape
    index = np.arange(height * width).reshape(height, width)
    pairs = [(index[:, :-1], index[:, 1:], np.diff(grey, axis=1)), (index[:-1], index[1:], np.diff(grey, axis=0))]
    rows = np.concatenate([a.ravel() for a, _, _ in pairs])
    columns = np.concatenate([b.ravel() for _, b, _ in pairs])
    weights = np.concatenate([np.exp(-((step.ravel() / EDGE_LEVELS) ** 2)) for _, _, step in pairs]) + 1e-3
    adjacency = sparse.coo_matrix((weights, (rows, columns)), shape=(index.size, index.size))
    adjacency = (adjacency + adjacency.T).tocsr()
    degree = np.asarray(adjacency.sum(axis=1)).ravel()
    target = 1 / (1 + np.exp(-np.where(seeds != 0, SEED_LOGIT * seeds, unary).ravel().astype(np.float64)))
    data = np.where(seeds.ravel() != 0, 1e3, DATA_WEIGHT)
    diagonal = degree + data
    system = sparse.diags(diagonal) - adjacency
    jacobi = LinearOperator(system.shape, lambda x: x / diagonal)
    p, _ = cg(system, data * target, x0=target, rtol=1e-4, maxiter=200, M=jacobi)
    p = np.clip(p, 1e-4, 1 - 1e-4)
    return np.log(p / (1 - p)).reshape(height, width).astype(np.float32)


def _window(prompts: Prompts, row: int, size_hw: tuple[int, int], stride: int) -> tuple[slice, slice]:
    """Where to draw: the box, grown to whole cells of the grid; without one, the whole slice."""
    if prompts.boxes_xyxy is None:
        return slice(0, size_hw[0]), slice(0, size_hw[1])
    x0, y0, x1, y1 = prompts.boxes_xyxy[row]
    low = [max(0, int(v // stride) * stride) for v in (y0, x0)]
    high = [min(n, (int(v // stride) + 1) * stride) for n, v in zip(size_hw, (y1, x1))]
    return slice(low[0], high[0]), slice(low[1], high[1])


def _seed_map(points_xy: np.ndarray, labels: np.ndarray, window: tuple[slice, slice], shape: tuple[int, int]) -> np.ndarray:
    """(h, w) int8: +1 within a small disk of a positive point, -1 of a negative one; positive ones win."""
    seeds = np.zeros(shape, np.int8)
    rows, columns = np.ogrid[window[0], window[1]]
    for label in (0, 1):
        for x, y in points_xy[labels == label]:
            seeds[(rows - y) ** 2 + (columns - x) ** 2 <= SEED_RADIUS_PX**2] = 1 if label else -1
    return seeds
