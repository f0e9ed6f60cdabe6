"""SAM 2 and SAM 2.1 (tiny, small, base_plus, large) behind `PromptableModel`, through sam2's image predictor class.

Parts, prompts and distances use the image embedding that the mask decoder gets: C = 256 channels on a 64 x 64 grid, the
coarsest of the three levels (memory-free, so with `no_mem_embed` added). The two finer levels only go to the decoder.
SAM 2 stretches a slice to 1024 x 1024 without keeping its aspect and without padding.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from p2sam.errors import InputError, SettingsError, WeightsError
from p2sam.models.base import MaskLogits, Prompts
from p2sam.models.sam_device import autocast, device_errors, resolve_device
from p2sam.models.sam_embedding import TorchEmbedding, check_images, check_prompts

try:
    from sam2.build_sam import build_sam2
    from sam2.sam2_image_predictor import SAM2ImagePredictor
except ImportError as error:
    raise WeightsError("SAM 2 needs the package sam2. Install torch first, then: pip install --no-deps --no-build-isolation -r requirements/sam2.txt, in the repository's folder.") from error

_SIZES = {"tiny": "t", "small": "s", "base_plus": "b+", "large": "l"}
CONFIGS = {
    f"{family}_{size}": f"configs/{family}/{family}_hiera_{letter}.yaml"
    for family in ("sam2", "sam2.1")
    for size, letter in _SIZES.items()
}
"""Architecture -> the configuration packaged with sam2."""


@dataclass(frozen=True, eq=False)
class Sam2Embedding(TorchEmbedding):
    """The image embedding of SAM 2, and the two finer levels that its decoder also needs.

    Attributes
    ----------
    high_res : two tensors, (32, 256, 256) and (64, 128, 128) float32
    frame_size : int
        Side of the square frame that the slice is stretched to.
    """

    high_res: tuple[torch.Tensor, ...]
    frame_size: int

    def _mask_in_frame(self, mask: np.ndarray) -> torch.Tensor:
        levels = np.round(np.clip(mask.astype(np.float32), 0, 1) * 255) / 255
        return self._probability_in_frame(levels)

    def _probability_in_frame(self, probability: np.ndarray) -> torch.Tensor:
        tensor = torch.as_tensor(np.ascontiguousarray(probability), dtype=torch.float32, device=self.features.device)
        size = (self.frame_size, self.frame_size)
        stretched = F.interpolate(tensor[None, None], size, mode="bilinear", align_corners=False, antialias=True)
        return stretched[0, 0].clamp(0, 1)

    def _to_original(self, maps: torch.Tensor) -> torch.Tensor:
        return F.interpolate(maps[None].float(), self.size_hw, mode="bilinear", align_corners=False)[0]


class Sam2Model:
    """sam2's `SAM2Base` as a `PromptableModel`, through `SAM2ImagePredictor`.

    A single-mask decode keeps SAM 2's own fallback: where the single mask is not stable under a small change of the
    threshold, the best of its three other masks stands in (`dynamic_multimask_via_stability`).

    Parameters
    ----------
    sam2 : sam2.modeling.sam2_base.SAM2Base
    name, device, precision, max_batch, sha256
        As for `SamModel`.
    """

    def __init__(
        self,
        sam2: Any,
        name: str = "sam2",
        *,
        device: str = "cpu",
        precision: str = "float32",
        max_batch: int | None = None,
        sha256: str | None = None,
    ):
        if max_batch is not None and max_batch < 1:
            raise SettingsError(f"max_batch = {max_batch} is too small. Use 1 or more, or None.")
        self._device = resolve_device(device)
        autocast(self._device, precision)
        with device_errors(self._device, f"loading {name}"):
            self._predictor = SAM2ImagePredictor(sam2.to(self._device).eval().requires_grad_(False))
        self.name, self.device, self.sha256, self.precision = name, str(self._device), sha256, precision
        self.max_batch = max_batch or (1 if self._device.type == "cpu" else 4)

    @torch.inference_mode()
    def embed(self, images: np.ndarray) -> list[Sam2Embedding]:
        """(B, H, W, 3) uint8 -> B embeddings, `max_batch` slices in one pass of the encoder.

        Raises
        ------
        InputError, DeviceError
            Images of another shape or type; no memory left.
        """
        check_images(images)
        return [embedding for batch in self._batches(images) for embedding in self._encode(batch)]

    @torch.inference_mode()
    def decode(self, embedding: Sam2Embedding, prompts: Prompts) -> MaskLogits:
        """Draw B candidates on one slice in one pass; single-mask output, as `SAM2ImagePredictor.predict`.

        Raises
        ------
        InputError, DeviceError
            Prompts whose shapes disagree, or none at all; no memory left.
        """
        check_prompts(prompts, embedding.low_res_hw)
        predictor = self._predictor_of(embedding)
        with device_errors(self._device, f"drawing {len(prompts)} candidates"), autocast(self._device, self.precision):
            mask_input, xy, labels, boxes = predictor._prep_prompts(
                *_points_and_labels(prompts),
                prompts.boxes_xyxy,
                None if prompts.mask_input is None else np.asarray(prompts.mask_input, np.float32)[:, None],
                normalize_coords=True,
            )
            masks, iou, low_res = predictor._predict(xy, labels, boxes, mask_input, False, return_logits=True)
            return MaskLogits(*(tensor[:, 0].float().cpu().numpy() for tensor in (masks, low_res, iou)))

    def _batches(self, images: np.ndarray) -> Iterator[list[np.ndarray]]:
        for start in range(0, len(images), self.max_batch):
            yield [np.ascontiguousarray(image) for image in images[start : start + self.max_batch]]

    def _encode(self, batch: list[np.ndarray]) -> list[Sam2Embedding]:
        predictor = copy.copy(self._predictor)
        with device_errors(self._device, f"encoding {len(batch)} slices"), autocast(self._device, self.precision):
            predictor.set_image_batch(batch)
        grid = predictor._features["image_embed"].float()
        levels = [level.float() for level in predictor._features["high_res_feats"]]
        low_res_hw = tuple(self._predictor.model.sam_prompt_encoder.mask_input_size)
        frame_size = self._predictor.model.image_size
        return [
            Sam2Embedding(grid[i], image.shape[:2], low_res_hw, tuple(level[i] for level in levels), frame_size)
            for i, image in enumerate(batch)
        ]

    def _predictor_of(self, embedding: Sam2Embedding) -> SAM2ImagePredictor:
        """A predictor that holds this embedding; the model's own one never holds an image."""
        predictor = copy.copy(self._predictor)
        predictor._features = {
            "image_embed": embedding.features[None],
            "high_res_feats": [level[None] for level in embedding.high_res],
        }
        predictor._orig_hw = [embedding.size_hw]
        predictor._is_image_set = True
        return predictor


def _points_and_labels(prompts: Prompts) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Points and labels; none beside a box alone; SAM 2's own empty point (label -1) beside a mask alone."""
    if prompts.points_xy.shape[1]:
        return np.asarray(prompts.points_xy, np.float32), np.asarray(prompts.labels, np.int32)
    if prompts.boxes_xyxy is not None:
        return None, None
    return np.zeros((len(prompts), 1, 2), np.float32), np.full((len(prompts), 1), -1, np.int32)


def build_sam2_model(architecture: str) -> Any:
    """sam2's `SAM2Base` of that architecture with the weights it is made with, for a state dict to be loaded.

    Raises
    ------
    InputError
        Not one of `CONFIGS`.
    """
    if architecture not in CONFIGS:
        raise InputError(f"'{architecture}' is not a SAM 2 architecture. Use one of {', '.join(CONFIGS)}.")
    return build_sam2(CONFIGS[architecture], ckpt_path=None, device="cpu")
