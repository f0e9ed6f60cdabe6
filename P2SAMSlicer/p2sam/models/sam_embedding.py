"""What SAM and SAM 2 embeddings share: a grid of features on a device, and the questions the pipeline asks of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from p2sam.errors import InputError
from p2sam.models.base import PointScores, Prompts

_PARTS_AT_ONCE = 16
"""Similarity maps held at the model's full resolution together: 16 of 1024 x 1024 float32 are 64 MiB."""
_MASK_PROMPT_EPSILON = 1e-3
"""Probabilities are kept this far from 0 and 1, so the logits of a mask prompt stay within +-6.9."""


@dataclass(frozen=True, eq=False)
class TorchEmbedding(ABC):
    """The features of one slice, on the device they were made on.

    Attributes
    ----------
    features : (C, h, w) float32 tensor
        Not normed. The image embedding that the mask decoder gets.
    size_hw : (H, W) of the original slice
    low_res_hw : (h', w') of the model's own logits
    """

    features: torch.Tensor
    size_hw: tuple[int, int]
    low_res_hw: tuple[int, int]

    @property
    def grid_hw(self) -> tuple[int, int]:
        """(h, w) of the feature grid, the padding of the model's frame included."""
        return tuple(self.features.shape[-2:])

    @abstractmethod
    def _mask_in_frame(self, mask: np.ndarray) -> torch.Tensor:
        """(H, W) in 0..1 through the model's own resize and padding -> (S, S) float32 in 0..1."""

    @abstractmethod
    def _probability_in_frame(self, probability: np.ndarray) -> torch.Tensor:
        """(H, W) float in 0..1 to the model's frame (S, S) without rounding; the padding is 0."""

    @abstractmethod
    def _to_original(self, maps: torch.Tensor) -> torch.Tensor:
        """(n, h', w') maps in the model's frame -> (n, H, W), by the model's own postprocessing."""

    @torch.inference_mode()
    def features_at(self, mask: np.ndarray) -> np.ndarray:
        """Features under a mask (H, W), bool or probability -> (n, C) float32 in row order of the grid.

        The mask goes through the model's own resize and padding (to the nearest 1/255, as its images do), then
        bilinear to the grid; > 0.5 is foreground. A mask smaller than a grid cell can leave n = 0.
        """
        self._check_size(mask, "mask")
        frame = self._mask_in_frame(np.asarray(mask))[None, None]
        return self._rows(F.interpolate(frame, self.grid_hw, mode="bilinear", align_corners=False)[0, 0] > 0.5)

    @torch.inference_mode()
    def features_under(self, low_res: np.ndarray) -> np.ndarray:
        """Features where low-resolution logits (h', w'), bilinear to the grid, are > 0 -> (n, C) float32."""
        self._check_low_res(low_res)
        logits = torch.as_tensor(np.ascontiguousarray(low_res), dtype=torch.float32, device=self.features.device)
        grid = F.interpolate(logits[None, None], self.grid_hw, mode="bilinear", align_corners=False)[0, 0]
        return self._rows(grid > 0)

    @torch.inference_mode()
    def similarity_peaks(self, parts: np.ndarray, weight: np.ndarray | None = None) -> PointScores:
        """For each part (n, C) the pixel of the original slice where the cosine similarity is greatest.

        The map on the whole grid goes bilinear x4, then through the model's own postprocessing to (H, W). `weight`
        (H, W) in 0..1 multiplies (similarity + 1) / 2 before the arg max; `scores` stay unweighted cosines. Of equally
        good pixels the first in row order is taken.
        """
        if weight is not None:
            self._check_size(weight, "weight")
            weight = torch.as_tensor(np.ascontiguousarray(weight), dtype=torch.float32, device=self.features.device)
        if len(parts) == 0:
            return PointScores(np.zeros((0, 2), np.float32), np.zeros(0, np.float32))
        points, scores = [], []
        for chunk in self._checked_parts(parts).split(_PARTS_AT_ONCE):
            maps = self._similarity_maps(chunk)
            ranked = maps if weight is None else (maps + 1) / 2 * weight
            index = _first_maximum(ranked.flatten(1))
            points.append(self._index_to_xy(index))
            scores.append(maps.flatten(1).gather(1, index[:, None])[:, 0])
        return PointScores(torch.cat(points).cpu().numpy(), torch.cat(scores).cpu().numpy())

    @torch.inference_mode()
    def dissimilarity_peak(self, parts: np.ndarray) -> PointScores:
        """The one pixel where the mean of the parts' similarity maps is least, and that mean cosine there."""
        chunks = self._checked_parts(parts)
        if len(chunks) == 0:
            raise InputError("The least similar pixel needs at least one part; none was given.")
        total = sum(self._similarity_maps(chunk).sum(0) for chunk in chunks.split(_PARTS_AT_ONCE))
        mean = (total / len(chunks)).flatten()[None]
        index = _first_maximum(-mean)
        return PointScores(self._index_to_xy(index).cpu().numpy(), mean[0, index].cpu().numpy())

    @torch.inference_mode()
    def mask_prompt(self, probability: np.ndarray) -> np.ndarray:
        """(H, W) probabilities -> (h', w') float32 logits in the model's frame, for `Prompts.mask_input`."""
        self._check_size(probability, "probability")
        frame = self._probability_in_frame(np.asarray(probability, np.float32))[None, None]
        small = F.interpolate(frame, self.low_res_hw, mode="area")[0, 0]
        return torch.logit(small, eps=_MASK_PROMPT_EPSILON).cpu().numpy()

    def _similarity_maps(self, parts: torch.Tensor) -> torch.Tensor:
        """Unit-normed parts (n, C) -> cosine similarity (n, H, W)."""
        channels, height, width = self.features.shape
        unit = F.normalize(self.features, dim=0).reshape(channels, -1)
        grid = (parts @ unit).reshape(1, -1, height, width)
        return self._to_original(F.interpolate(grid, scale_factor=4, mode="bilinear", align_corners=False)[0])

    def _rows(self, chosen: torch.Tensor) -> np.ndarray:
        return np.ascontiguousarray(self.features[:, chosen].T.cpu().numpy())

    def _index_to_xy(self, index: torch.Tensor) -> torch.Tensor:
        width = self.size_hw[1]
        return torch.stack([index % width, index // width], dim=1).to(torch.float32)

    def _checked_parts(self, parts: np.ndarray) -> torch.Tensor:
        channels = self.features.shape[0]
        if np.ndim(parts) != 2 or np.shape(parts)[1] != channels:
            raise InputError(f"Parts have shape {np.shape(parts)}; this model's features need (n, {channels}).")
        tensor = torch.as_tensor(np.ascontiguousarray(parts), dtype=torch.float32, device=self.features.device)
        return F.normalize(tensor, dim=1)

    def _check_size(self, array: np.ndarray, what: str) -> None:
        if np.shape(array) != tuple(self.size_hw):
            raise InputError(f"The {what} has shape {np.shape(array)}, the slice {tuple(self.size_hw)}.")

    def _check_low_res(self, low_res: np.ndarray) -> None:
        if np.shape(low_res) != tuple(self.low_res_hw):
            shape = tuple(self.low_res_hw)
            raise InputError(f"Low-resolution logits have shape {np.shape(low_res)}; the model's are {shape}.")


def _first_maximum(flat: torch.Tensor) -> torch.Tensor:
    """Index of the greatest value of each row of (n, m); the first where several are equal, on every device."""
    places = torch.arange(flat.shape[1], device=flat.device).expand_as(flat)
    return torch.where(flat == flat.amax(1, keepdim=True), places, flat.shape[1]).amin(1)


def check_images(images: np.ndarray) -> None:
    """Raise `InputError` unless `images` is (B, H, W, 3) uint8."""
    if np.ndim(images) != 4 or images.shape[-1] != 3 or images.dtype != np.uint8 or 0 in images.shape[1:3]:
        shape, dtype = np.shape(images), getattr(images, "dtype", type(images).__name__)
        raise InputError(f"Images must be (B, H, W, 3) uint8; these are {shape} {dtype}.")


def check_prompts(prompts: Prompts, low_res_hw: tuple[int, int]) -> None:
    """Raise `InputError` where the arrays of `prompts` do not belong together or to a model with these logits."""
    b = len(prompts)
    n = prompts.points_xy.shape[1] if prompts.points_xy.ndim == 3 else -1
    wanted = [("points_xy", prompts.points_xy, (b, n, 2)), ("labels", prompts.labels, (b, n))]
    wanted.append(("boxes_xyxy", prompts.boxes_xyxy, (b, 4)))
    wanted.append(("mask_input", prompts.mask_input, (b, *low_res_hw)))
    for name, array, shape in wanted:
        if array is not None and np.shape(array) != shape:
            raise InputError(f"{name} has shape {np.shape(array)}; {b} candidates of {max(n, 0)} points need {shape}.")
    if b == 0 or (n == 0 and prompts.boxes_xyxy is None and prompts.mask_input is None):
        raise InputError("A decode needs at least one candidate with a point, a box or a mask; this one has none.")
