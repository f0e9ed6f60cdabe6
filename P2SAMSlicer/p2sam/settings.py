"""Every choice of a run, once, with its default, its range and its presets."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace

from .errors import SettingsError

ALIGNMENTS = ("none", "centre", "rigid", "deformable")
RETRIEVALS = ("wasserstein", "jensen-shannon", "hungarian", "none")
COSTS = ("squared-euclidean", "cosine")
NEGATIVES = ("background parts", "least similar")


@dataclass(frozen=True)
class Settings:
    """Settings of a run; the defaults are the `clinical` preset. Validated when made; see `preset`.

    Attributes
    ----------
    preset : str
        Where the values started from; written into the provenance.
    window_hu : (low, high)
        Clipped and scaled linearly to 0..255, the same for both visits (P2SAM, appendix B).
    n_positive, n_negative : tuple of int
        The part counts tried; every pair is one candidate. 0 negative is allowed.
    negatives : str
        "background parts" (CT) or "least similar" (natural images: one point, the least similar pixel).
    retrieval : str
        Distribution distance that picks the candidate; "none" takes the last pair of counts.
    cost : str
        Of the Wasserstein distance.
    cascade_steps : int
        Decodes a candidate: points; then with its own logits; then with its box as well (1 to 3).
    alignment : str
        How the prior is brought onto the follow-up.
    use_prior : bool
        The aligned prior is part of the prompt (weights, box, mask, candidates). False is the published procedure.
    native_reference : bool
        True pairs the prior's own slices; False resamples the prior onto the follow-up's slices.
    pool_slices : int
        Prior slices on each side whose features are pooled.
    track_mm : float
        How far the aligned prior is searched for around its place after `rigid` (0 off).
    track_deformable_mm : float
        The same after `deformable`.
    prior_sigma_mm : float
        Similarity maps are weighted by a Gaussian of the distance outside the aligned prior; 0 off.
    reach_mm : float
        Prompts and masks may not lie farther than this from the aligned prior; 0 off.
    box_margin_mm : float
        Margin of the box prompt around the aligned prior; negative is off.
    mask_prompt : bool
        The aligned prior is the dense mask prompt of the first cascade step.
    prior_candidates : bool
        The aligned and the tracked prior are among the candidates.
    keep_margin : float
        A drawn candidate replaces the registered prior only where its distance is lower by this fraction.
    extent_mm : float
        Slices tried beyond each end of the aligned prior.
    extent_quantile : float
        They are kept while their distance stays below this quantile of the prior's distances to itself.
    speck_fraction : float
        3D components smaller than this fraction of the largest are removed, with a reason.
    max_features : int
        Features a distance is computed on at most, taken at a regular stride; 0 is all.
    seed : int
        Of k-means.
    """

    preset: str = "clinical"
    window_hu: tuple[float, float] = (-910.0, 590.0)
    n_positive: tuple[int, ...] = (1, 2, 3)
    n_negative: tuple[int, ...] = (2,)
    negatives: str = "background parts"
    retrieval: str = "wasserstein"
    cost: str = "squared-euclidean"
    cascade_steps: int = 1
    alignment: str = "deformable"
    use_prior: bool = True
    native_reference: bool = False
    pool_slices: int = 1
    track_mm: float = 24.0
    track_deformable_mm: float = 4.0
    prior_sigma_mm: float = 10.0
    reach_mm: float = 15.0
    box_margin_mm: float = 8.0
    mask_prompt: bool = True
    prior_candidates: bool = True
    keep_margin: float = 0.3
    extent_mm: float = 7.5
    extent_quantile: float = 0.9
    speck_fraction: float = 0.02
    max_features: int = 400
    seed: int = 0

    def __post_init__(self):
        for name in ("window_hu", "n_positive", "n_negative"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        self._one_of("alignment", ALIGNMENTS)
        self._one_of("retrieval", RETRIEVALS)
        self._one_of("cost", COSTS)
        self._one_of("negatives", NEGATIVES)
        if len(self.window_hu) != 2 or not -math.inf < self.window_hu[0] < self.window_hu[1] < math.inf:
            raise SettingsError(f"window_hu is {self.window_hu}; give two finite values, the lower one first.")
        self._counts("n_positive", lowest=1)
        self._counts("n_negative", lowest=0)
        for name, low, high in _RANGES:
            if not low <= getattr(self, name) <= high:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must lie between {low} and {high}.")

    def _one_of(self, name: str, choices: tuple[str, ...]) -> None:
        if getattr(self, name) not in choices:
            raise SettingsError(f"{name} is '{getattr(self, name)}'; choose one of: {', '.join(choices)}.")

    def _counts(self, name: str, lowest: int) -> None:
        counts = getattr(self, name)
        if not counts or len(set(counts)) != len(counts) or any(not isinstance(n, int) or not lowest <= n <= 100 for n in counts):
            raise SettingsError(f"{name} is {counts}; give different whole numbers from {lowest} to 100.")

    def to_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> Settings:
        """Settings of a dict as `to_dict` makes it; absent names take the preset's values, unknown ones are refused."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise SettingsError(f"Unknown setting: {', '.join(unknown)}. Known are: {', '.join(sorted(known))}.")
        return replace(preset(values.get("preset", "clinical")), **values)


_RANGES = (
    ("cascade_steps", 1, 3),
    ("pool_slices", 0, 5),
    ("track_mm", 0, 60),
    ("track_deformable_mm", 0, 60),
    ("prior_sigma_mm", 0, 200),
    ("reach_mm", 0, 200),
    ("box_margin_mm", -1, 200),
    ("keep_margin", 0, 1),
    ("extent_mm", 0, 100),
    ("extent_quantile", 0, 1),
    ("speck_fraction", 0, 1),
    ("max_features", 0, 1_000_000),
    ("seed", 0, 2**32 - 1),
)

_PUBLISHED = dict(
    cascade_steps=3,
    use_prior=False,
    native_reference=True,
    pool_slices=0,
    track_mm=0.0,
    track_deformable_mm=0.0,
    prior_sigma_mm=0.0,
    reach_mm=0.0,
    box_margin_mm=-1.0,
    mask_prompt=False,
    prior_candidates=False,
    keep_margin=0.0,
    extent_mm=0.0,
    speck_fraction=0.0,
    max_features=0,
)


def _paper(name: str, positive, negative, **other) -> Settings:
    return Settings(preset=name, n_positive=tuple(positive), n_negative=tuple(negative), **{**_PUBLISHED, "alignment": "centre", **other})


PRESETS = {
    "clinical": Settings(),
    "paper": _paper("paper", (1, 2), (45,)),
    "paper-finetuned": _paper("paper-finetuned", (1, 2, 3), (1,)),
    "paper-cvc": _paper("paper-cvc", range(1, 6), range(1, 4), alignment="none"),
    "paper-perseg": _paper("paper-perseg", range(1, 6), (1,), alignment="none", negatives="least similar"),
    "paper-coco": _paper("paper-coco", (1, *range(5, 11)), (1,), alignment="none", negatives="least similar"),
}
"""`paper`: 4D-Lung with Meta's SAM; `-finetuned`: 4D-Lung with LoRA or full fine-tune; `-cvc`: CVC-ClinicDB;
`-perseg`: PerSeg and FSS-1000; `-coco`: COCO-20i and LVIS-92i (P2SAM, appendix C)."""


def preset(name: str) -> Settings:
    if name not in PRESETS:
        raise SettingsError(f"There is no preset '{name}'; choose one of: {', '.join(PRESETS)}.")
    return PRESETS[name]
