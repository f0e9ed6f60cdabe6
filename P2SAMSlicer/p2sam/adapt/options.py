"""Every choice of a training run, once, with its default and its range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from ..errors import SettingsError

METHODS = ("full", "lora")
PRECISIONS = ("float32", "bfloat16")
DECODERS = ("train", "lora")
FIRST = ("none", "point", "box")


@dataclass(frozen=True)
class TrainingOptions:
    """Defaults are those of P2SAM's appendix B for CT.

    Attributes
    ----------
    method : str
        "full": every parameter; "lora": see `lora.add_lora`.
    rank, alpha, decoder
        Of LoRA; `decoder` "train" trains the mask decoder whole, "lora" puts LoRA into it as well.
    epochs, batch_size : int
        36 for CT, 100 for endoscopy; 4 images a step and a process.
    learning_rate, weight_decay, warm_up
        AdamW (0.9, 0.999); linear warm-up over the first `warm_up` of all steps, then half a cosine to 0.
    drop_path : float
        In the image encoder, growing from 0 in its first block.
    first : tuple of str
        What the first iteration is given, each equally likely: "none", "point", "box".
    clicks, logits_only : int
        Iterations with a point from the error, and with the last logits alone; with the first prompt 11 in all.
    focal_weight, dice_weight, iou_weight : float
        Of the loss.
    prototype_weight : float
        Of `loss.prototype_loss`, which makes the features of an object alike; 0 as published, for a network with random weights more.
    clip : float
        Gradients longer than this are shortened; 0 does not.
    masks : int
        Masks of one image in a step, at most.
    precision : str
        "bfloat16" is mixed precision, on CUDA and on CPUs.
    accumulate : int
        Batches whose gradients are summed for one step.
    checkpointing : bool
        Less memory, a third more time.
    patience : int
        Epochs without a better validation after which training stops; 0 never stops early.
    validate_at_most : int
        Masks that one validation measures; 0 is all.
    save_minutes : float
        Time between two saves of the state within an epoch.
    workers : int
        Processes that make batches; 0 is none but the training one.
    seed : int
    """

    method: str = "full"
    rank: int = 1
    alpha: float = 1.0
    decoder: str = "train"
    epochs: int = 36
    batch_size: int = 4
    learning_rate: float = 1e-4
    weight_decay: float = 0.05
    warm_up: float = 0.1
    drop_path: float = 0.1
    first: tuple[str, ...] = FIRST
    clicks: int = 8
    logits_only: int = 2
    focal_weight: float = 20.0
    dice_weight: float = 1.0
    iou_weight: float = 1.0
    prototype_weight: float = 0.0
    clip: float = 0.0
    masks: int = 1
    precision: str = "float32"
    accumulate: int = 1
    checkpointing: bool = False
    patience: int = 0
    validate_at_most: int = 0
    save_minutes: float = 5.0
    workers: int = 0
    seed: int = 0

    def __post_init__(self):
        for name, choices in (("method", METHODS), ("precision", PRECISIONS), ("decoder", DECODERS)):
            if getattr(self, name) not in choices:
                raise SettingsError(f"{name} is '{getattr(self, name)}'; choose one of: {', '.join(choices)}.")
        object.__setattr__(self, "first", tuple(self.first))
        if not self.first or set(self.first) - set(FIRST):
            raise SettingsError(f"first is {','.join(self.first) or 'nothing'}; give one or more of: {', '.join(FIRST)}.")
        for name, low, high in _RANGES:
            if not low <= getattr(self, name) <= high:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must lie between {low} and {high}.")

    @property
    def loss_weights(self) -> tuple[float, float, float]:
        return self.focal_weight, self.dice_weight, self.iou_weight

    def to_dict(self) -> dict:
        return {**asdict(self), "first": list(self.first)}

    @classmethod
    def from_dict(cls, values: Mapping) -> TrainingOptions:
        """Options of a dict as `to_dict` makes it; absent names take the default, unknown ones are refused."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise SettingsError(f"Unknown training option: {', '.join(unknown)}. Known are: {', '.join(sorted(known))}.")
        return cls(**values)


_RANGES = (
    ("rank", 1, 256),
    ("alpha", 0, 1024),
    ("epochs", 1, 1_000_000),
    ("batch_size", 1, 65_536),
    ("learning_rate", 0, 1),
    ("weight_decay", 0, 1),
    ("warm_up", 0, 1),
    ("drop_path", 0, 0.9),
    ("clicks", 0, 100),
    ("logits_only", 0, 100),
    ("focal_weight", 0, 1e4),
    ("dice_weight", 0, 1e4),
    ("iou_weight", 0, 1e4),
    ("prototype_weight", 0, 1e4),
    ("clip", 0, 1e6),
    ("masks", 1, 1024),
    ("accumulate", 1, 65_536),
    ("patience", 0, 1_000_000),
    ("validate_at_most", 0, 1_000_000),
    ("save_minutes", 0, 1e6),
    ("workers", 0, 256),
    ("seed", 0, 2**31 - 1),
)
