"""Each distinct slice through the encoder once, kept while a later slice still needs it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable

import numpy as np

from .models.base import Embedding, PromptableModel
from .slices import window_to_rgb


class SliceEncoder:
    """Embeddings by key, made on demand, several at a time.

    Parameters
    ----------
    model : PromptableModel
    window_hu : (low, high)
    slice_of : callable
        key -> (H, W) Hounsfield units. Slices asked for in one call have one size or are encoded apart.
    """

    def __init__(self, model: PromptableModel, window_hu: tuple[float, float], slice_of: Callable[[Hashable], np.ndarray]):
        self._model, self._window, self._slice_of = model, window_hu, slice_of
        self._kept: dict[Hashable, Embedding] = {}

    def embeddings(self, keys: Iterable[Hashable]) -> list[Embedding]:
        keys = list(keys)
        missing = [key for key in dict.fromkeys(keys) if key not in self._kept]
        by_shape: dict[tuple, list] = {}
        for key in missing:
            by_shape.setdefault(self._slice_of(key).shape, []).append(key)
        for same in by_shape.values():
            images = np.stack([window_to_rgb(self._slice_of(key), self._window) for key in same])
            self._kept.update(zip(same, self._model.embed(images)))
        found = [self._kept[key] for key in keys]
        for key, embedding in zip(keys, found):  # the last used come last
            self._kept[key] = self._kept.pop(key, embedding)
        return found

    def keep_only(self, keys: Iterable[Hashable]) -> None:
        """Let go of every other slice."""
        keys = set(keys)
        self._kept = {key: embedding for key, embedding in self._kept.items() if key in keys}

    def keep_last(self, count: int) -> None:
        """Let go of all but the slices asked for last."""
        self._kept = dict(list(self._kept.items())[-count:])
