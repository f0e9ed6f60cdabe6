"""SAM, MedSAM and fine-tuned SAM (ViT-B, -L, -H) behind `PromptableModel`, through segment-anything's own modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from p2sam.errors import InputError, SettingsError, WeightsError
from p2sam.models.base import MaskLogits, Prompts
from p2sam.models.sam_device import autocast, device_errors, resolve_device
from p2sam.models.sam_embedding import TorchEmbedding, check_images, check_prompts

try:
    from segment_anything import sam_model_registry
    from segment_anything.utils.transforms import ResizeLongestSide
except ImportError as error:
    raise WeightsError("SAM needs the package segment-anything. Install it: pip install -r requirements/sam.txt, in the repository's folder.") from error

ARCHITECTURES = ("vit_b", "vit_l", "vit_h")
NORMALISATIONS = ("imagenet", "minmax")


@dataclass(frozen=True, eq=False)
class SamEmbedding(TorchEmbedding):
    """The image embedding of SAM: C = 256 channels on a 64 x 64 grid that covers the padded 1024 x 1024 frame.

    Attributes
    ----------
    input_hw : (int, int)
        Size of the slice inside the frame, before padding at the bottom and the right.
    """

    input_hw: tuple[int, int]
    model: Any = field(repr=False)
    """segment-anything's `Sam`, for its own resize and `postprocess_masks`."""

    def _mask_in_frame(self, mask: np.ndarray) -> torch.Tensor:
        frame_size = self.model.image_encoder.img_size
        levels = np.round(np.clip(mask.astype(np.float32), 0, 1) * 255).astype(np.uint8)
        resized = torch.from_numpy(ResizeLongestSide(frame_size).apply_image(levels)).to(self.features.device)
        return _pad(resized.float() / 255, frame_size)

    def _probability_in_frame(self, probability: np.ndarray) -> torch.Tensor:
        tensor = torch.as_tensor(np.ascontiguousarray(probability), device=self.features.device).clamp(0, 1)
        resized = F.interpolate(tensor[None, None], self.input_hw, mode="bilinear", align_corners=False, antialias=True)
        return _pad(resized[0, 0], self.model.image_encoder.img_size)

    def _to_original(self, maps: torch.Tensor) -> torch.Tensor:
        return self.model.postprocess_masks(maps[None], self.input_hw, self.size_hw)[0]


class SamModel:
    """segment-anything's `Sam` as a `PromptableModel`.

    Parameters
    ----------
    sam : segment_anything.modeling.Sam
    name : str
        What the result calls it.
    device : str
        "cpu", "cuda", "cuda:N", "mps" or "auto".
    precision : str
        "float32", or "bfloat16" / "float16" for mixed precision on CUDA. Features and logits are float32 in any case.
    max_batch : int or None
        Slices in one pass of the encoder. None: 4 on an accelerator, 1 on the CPU, where a batch only costs memory.
    normalisation : str
        "imagenet" as SAM was trained, or "minmax": each slice to 0..1, as MedSAM was trained (arXiv 2304.12306).
    sha256 : str or None
        Of the weights file.
    ranges : mapping or None
        Part counts that the weights were measured with: `{"ct": {"positive": [1, 3], "negative": [1, 1]}}`.

    Raises
    ------
    DeviceError, SettingsError
        The device is absent or too small; an unknown precision or normalisation.
    """

    def __init__(
        self,
        sam: Any,
        name: str = "sam",
        *,
        device: str = "cpu",
        precision: str = "float32",
        max_batch: int | None = None,
        normalisation: str = "imagenet",
        sha256: str | None = None,
        ranges: Mapping[str, Any] | None = None,
    ):
        if normalisation not in NORMALISATIONS:
            raise SettingsError(f"normalisation = '{normalisation}' is unknown. Use {' or '.join(NORMALISATIONS)}.")
        if max_batch is not None and max_batch < 1:
            raise SettingsError(f"max_batch = {max_batch} is too small. Use 1 or more, or None.")
        self._device = resolve_device(device)
        autocast(self._device, precision)
        with device_errors(self._device, f"loading {name}"):
            self._sam = sam.to(self._device).eval().requires_grad_(False)
        self.name, self.device, self.sha256 = name, str(self._device), sha256
        self.precision, self.normalisation, self.ranges = precision, normalisation, ranges
        self.max_batch = max_batch or (1 if self._device.type == "cpu" else 4)
        self._resize = ResizeLongestSide(self._sam.image_encoder.img_size)

    @torch.inference_mode()
    def embed(self, images: np.ndarray) -> list[SamEmbedding]:
        """(B, H, W, 3) uint8 -> B embeddings, `max_batch` slices in one pass of the encoder.

        Raises
        ------
        InputError, DeviceError
            Images of another shape or type; no memory left.
        """
        check_images(images)
        size_hw = images.shape[1:3]
        low_res_hw = tuple(self._sam.prompt_encoder.mask_input_size)
        input_hw = self._resize.get_preprocess_shape(*size_hw, self._resize.target_length)
        return [
            SamEmbedding(features, size_hw, low_res_hw, input_hw, self._sam)
            for batch in self._batches(images)
            for features in self._encode(batch)
        ]

    @torch.inference_mode()
    def decode(self, embedding: SamEmbedding, prompts: Prompts) -> MaskLogits:
        """Draw B candidates on one slice in one pass; single-mask output, as `SamPredictor.predict_torch`.

        Raises
        ------
        InputError, DeviceError
            Prompts whose shapes disagree, or none at all; no memory left.
        """
        check_prompts(prompts, embedding.low_res_hw)
        with device_errors(self._device, f"drawing {len(prompts)} candidates"):
            sparse, dense = self._sam.prompt_encoder(**self._in_frame(prompts, embedding.size_hw))  # whole floats: half of their digits are too few for a place
            places = self._sam.prompt_encoder.get_dense_pe()
            with autocast(self._device, self.precision):
                low_res, iou = self._sam.mask_decoder(
                    image_embeddings=embedding.features[None],
                    image_pe=places,
                    sparse_prompt_embeddings=sparse,
                    dense_prompt_embeddings=dense,
                    multimask_output=False,
                )
            low_res = low_res[:, 0].float()
            logits = embedding._to_original(low_res)
            return MaskLogits(logits.float().cpu().numpy(), low_res.cpu().numpy(), iou[:, 0].float().cpu().numpy())

    def _batches(self, images: np.ndarray) -> Iterator[torch.Tensor]:
        for start in range(0, len(images), self.max_batch):
            with device_errors(self._device, "preparing slices"):
                yield torch.stack([self._preprocess(image) for image in images[start : start + self.max_batch]])

    def _preprocess(self, image: np.ndarray) -> torch.Tensor:
        """(H, W, 3) uint8 -> (3, S, S) float32: longest side to S, normalised, padded with 0."""
        resized = torch.as_tensor(self._resize.apply_image(image), device=self._device).permute(2, 0, 1).contiguous()
        if self.normalisation == "imagenet":
            return self._sam.preprocess(resized)
        resized = resized.float()
        low, high = resized.min(), resized.max()
        return _pad((resized - low) / (high - low).clamp_min(1e-8), self._resize.target_length)

    def _encode(self, batch: torch.Tensor) -> torch.Tensor:
        with device_errors(self._device, f"encoding {len(batch)} slices"), autocast(self._device, self.precision):
            return self._sam.image_encoder(batch).float()

    def _in_frame(self, prompts: Prompts, size_hw: tuple[int, int]) -> dict[str, Any]:
        """Prompts in pixels of the slice -> arguments of the prompt encoder in the model's frame.

        Points and boxes are pixel indices; the prompt encoder itself adds the half pixel to their centres.
        """
        points = boxes = masks = None
        if prompts.points_xy.shape[1]:
            xy = self._resize.apply_coords(prompts.points_xy, size_hw)
            points = self._tensor(xy), self._tensor(prompts.labels, torch.int)
        if prompts.boxes_xyxy is not None:
            boxes = self._tensor(self._resize.apply_boxes(prompts.boxes_xyxy, size_hw))
        if prompts.mask_input is not None:
            masks = self._tensor(prompts.mask_input)[:, None]
        return {"points": points, "boxes": boxes, "masks": masks}

    def _tensor(self, array: np.ndarray, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        return torch.as_tensor(np.ascontiguousarray(array), dtype=dtype, device=self._device)


def build_sam(architecture: str) -> Any:
    """segment-anything's `Sam` of that architecture with the weights it is made with, for a state dict to be loaded.

    Raises
    ------
    InputError
        Not one of `ARCHITECTURES`.
    """
    if architecture not in ARCHITECTURES:
        raise InputError(f"'{architecture}' is not a SAM architecture. Use one of {', '.join(ARCHITECTURES)}.")
    return sam_model_registry[architecture](checkpoint=None)


def _pad(image: torch.Tensor, size: int) -> torch.Tensor:
    """Zeros at the bottom and the right of (..., h, w) up to (..., size, size)."""
    height, width = image.shape[-2:]
    return F.pad(image, (0, size - width, 0, size - height))
