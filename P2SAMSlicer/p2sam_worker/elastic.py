"""A model that gives way where its device runs out of memory: fewer slices and candidates at once, then the CPU."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from p2sam.errors import DeviceError
from p2sam.models.base import Embedding, MaskLogits, PointScores, PromptableModel, Prompts

from .failure import is_out_of_memory

Result = TypeVar("Result")


class ElasticModel:
    """A `PromptableModel` around another one.

    Parameters
    ----------
    model : PromptableModel
        With `max_batch`, where it encodes several slices at once.
    on_cpu : callable() -> PromptableModel
        The same model on the CPU.
    warn : callable(sentence)
        Told of each step down.
    """

    def __init__(self, model: PromptableModel, on_cpu: Callable[[], PromptableModel], warn: Callable[[str], None]):
        self._model, self._on_cpu, self.warn = model, on_cpu, warn
        self._candidates_at_once: int | None = None
        self.generation = 0
        """How often the model was replaced; embeddings of an earlier one are made anew."""

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def device(self) -> str:
        return str(self._model.device)

    @property
    def sha256(self) -> str | None:
        return self._model.sha256

    @property
    def ranges(self):
        return getattr(self._model, "ranges", None)

    def embed(self, images: np.ndarray) -> list[ElasticEmbedding]:
        inner = self.tried(lambda: self._model.embed(images))
        return [ElasticEmbedding(self, image, one) for image, one in zip(images, inner)]

    def decode(self, embedding: ElasticEmbedding, prompts: Prompts) -> MaskLogits:
        return self.tried(lambda: self._decoded(embedding.current(), prompts))

    def embed_again(self, image: np.ndarray) -> Embedding:
        """One slice on the model as it is now; to be called within `tried`."""
        return self._model.embed(image[None])[0]

    def tried(self, call: Callable[[], Result]) -> Result:
        """What the call gives; where memory runs out, after as many steps down as it takes.

        Raises
        ------
        DeviceError
            Not even the CPU has enough.
        """
        while True:
            try:
                return call()
            except (MemoryError, RuntimeError, DeviceError) as error:
                if not is_out_of_memory(error):
                    raise
            self._step_down()  # outside the handler, which holds on to what was half done

    def _step_down(self) -> None:
        device, batch = self.device, getattr(self._model, "max_batch", 1) or 1
        if device == "cpu":
            raise DeviceError("The computer ran out of memory; close other programs, choose fewer structures, or use a smaller model.")
        if batch > 1 or self._candidates_at_once != 1:
            self._model.max_batch = max(1, batch // 2)
            self._candidates_at_once = 1
            self.warn(f"{device} ran out of memory; going on with {self._model.max_batch} slice(s) and one candidate at a time, which is slower.")
        else:
            self._model = self._on_cpu()
            self._candidates_at_once = None
            self.generation += 1
            self.warn(f"{device} ran out of memory even with one slice at a time; going on with {self.name} on the CPU, which is much slower.")
        torch = sys.modules.get("torch")
        if torch is not None and device.startswith("cuda") and torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _decoded(self, embedding: Embedding, prompts: Prompts) -> MaskLogits:
        step = self._candidates_at_once or len(prompts)
        if step >= len(prompts):
            return self._model.decode(embedding, prompts)
        parts = [self._model.decode(embedding, part_of(prompts, slice(first, first + step))) for first in range(0, len(prompts), step)]
        return MaskLogits(*(np.concatenate([getattr(part, field) for part in parts]) for field in ("logits", "low_res", "iou")))


class ElasticEmbedding:
    """The features of one slice, and the slice itself, so that they can be made again elsewhere."""

    def __init__(self, owner: ElasticModel, image: np.ndarray, inner: Embedding):
        self._owner, self._image, self._inner, self._generation = owner, image, inner, owner.generation

    def current(self) -> Embedding:
        """The embedding of the model in use; to be called within the owner's `tried`."""
        if self._generation != self._owner.generation:
            self._inner, self._generation = self._owner.embed_again(self._image), self._owner.generation
        return self._inner

    @property
    def size_hw(self) -> tuple[int, int]:
        return self._inner.size_hw

    @property
    def grid_hw(self) -> tuple[int, int]:
        return self._inner.grid_hw

    def features_at(self, mask: np.ndarray) -> np.ndarray:
        return self._owner.tried(lambda: self.current().features_at(mask))

    def features_under(self, low_res: np.ndarray) -> np.ndarray:
        return self._owner.tried(lambda: self.current().features_under(low_res))

    def similarity_peaks(self, parts: np.ndarray, weight: np.ndarray | None = None) -> PointScores:
        return self._owner.tried(lambda: self.current().similarity_peaks(parts, weight))

    def dissimilarity_peak(self, parts: np.ndarray) -> PointScores:
        return self._owner.tried(lambda: self.current().dissimilarity_peak(parts))

    def mask_prompt(self, probability: np.ndarray) -> np.ndarray:
        return self._owner.tried(lambda: self.current().mask_prompt(probability))


def part_of(prompts: Prompts, rows: slice) -> Prompts:
    """Some of the candidates."""
    fields: Sequence[str] = ("points_xy", "labels", "part_features", "boxes_xyxy", "mask_input")
    return replace(prompts, **{name: getattr(prompts, name)[rows] for name in fields if getattr(prompts, name) is not None})
