"""Which models exist: their files, where these come from, and how each is best used. Names only; nothing is loaded.

SHA-256 and sizes are those of the files as published: Meta's SAM 2 and 2.1 as in the Git LFS records of model pages
(Meta's own facebook/sam2-hiera-*, facebook/sam2.1-hiera-*, and copies of them) and in the registry of micro-sam; SAM as
in that registry and in many public LFS records that agree (the hexadecimal digits in SAM's file names are not of the
SHA-256); MedSAM as in several independent public records.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from p2sam.errors import InputError
from p2sam.settings import Settings

SHIPPED = Path(__file__).resolve().parents[2] / "Resources" / "Models"
"""Weights that come with P2SAMSlicer."""
WEIGHT_SUFFIXES = (".pth", ".pt", ".safetensors")
_META = "https://dl.fbaipublicfiles.com"
_SAM_CITATION = "Kirillov et al., Segment Anything, ICCV 2023, arXiv 2304.02643"
_SAM2_CITATION = "Ravi et al., SAM 2: Segment Anything in Images and Videos, ICLR 2025, arXiv 2408.00714"
_MEDSAM_CITATION = "Ma et al., Segment Anything in Medical Images, Nature Communications 15:654, 2024, arXiv 2304.12306"


@dataclass(frozen=True)
class PartRanges:
    """How many parts are tried: least and most of the positive and of the negative ones, both inclusive."""

    positive: tuple[int, int]
    negative: tuple[int, int]


SAM_RANGES: Mapping[str, PartRanges] = MappingProxyType(
    {
        "ct": PartRanges((1, 2), (45, 45)),
        "endoscopy": PartRanges((1, 5), (1, 3)),
        "natural": PartRanges((1, 5), (1, 1)),
    }
)
"""As published for Meta's SAM: 4D-Lung; CVC-ClinicDB; PerSeg and FSS-1000 (P2SAM, arXiv 2403.05433)."""
FINE_TUNED_RANGES: Mapping[str, PartRanges] = MappingProxyType({**SAM_RANGES, "ct": PartRanges((1, 3), (1, 1))})
"""As published for SAM fine-tuned on CT with LoRA or in full: 4D-Lung."""
WHOLE_CASCADE = 3
"""Steps of the cascade that learned models were published with."""
GRAPH_RANGES: Mapping[str, PartRanges] = MappingProxyType({**SAM_RANGES, "ct": PartRanges((1, 3), (2, 2))})
"""Ours for `graph`, the defaults of the `clinical` preset."""


@dataclass(frozen=True)
class ModelSpec:
    """One model that can be chosen.

    Attributes
    ----------
    name : str
        What is typed and written into the provenance.
    title : str
        What a person reads.
    family : str
        "graph", "sam", "medsam" or "sam2".
    architecture : str or None
        As `checkpoints.architecture_of` finds it in the file; None without weights.
    url, filename : str or None
        Where the weights are published, and their file name in the cache. None: nothing to download.
    sha256, size_bytes
        Of the published file. None: not published; the size is then asked from the server before consent.
    licence, citation : str
    normalisation : str
        What the image encoder was trained on: "imagenet" or "minmax".
    ranges : mapping of "ct", "endoscopy" and "natural" to PartRanges
    """

    name: str
    title: str
    family: str
    architecture: str | None
    licence: str
    citation: str
    url: str | None = None
    filename: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    normalisation: str = "imagenet"
    ranges: Mapping[str, PartRanges] = field(default_factory=lambda: SAM_RANGES, hash=False)

    @property
    def needs_download(self) -> bool:
        """Whether the model has weights that do not come with P2SAMSlicer."""
        return self.url is not None

    @property
    def shipped(self) -> Path | None:
        """Where weights that come with P2SAMSlicer lie; None for a model without any, and for one that is downloaded."""
        return SHIPPED / self.filename if self.filename and not self.needs_download else None


GRAPH = ModelSpec(
    name="graph",
    title="Graph (classical random walker, no download)",
    family="graph",
    architecture=None,
    licence="Apache-2.0",
    citation="Grady, Random Walks for Image Segmentation, IEEE TPAMI 28:1768, 2006",
    ranges=GRAPH_RANGES,
)


def _sam(architecture: str, title: str, tag: str, sha256: str, size_bytes: int) -> ModelSpec:
    filename = f"sam_{architecture}_{tag}.pth"
    return ModelSpec(
        name=f"sam_{architecture}",
        title=f"SAM {title}",
        family="sam",
        architecture=architecture,
        licence="Apache-2.0",
        citation=_SAM_CITATION,
        url=f"{_META}/segment_anything/{filename}",
        filename=filename,
        sha256=sha256,
        size_bytes=size_bytes,
    )


def _sam2(version: str, size: str, sha256: str, size_bytes: int) -> ModelSpec:
    family, date = {"2": ("sam2", "072824"), "2.1": ("sam2.1", "092824")}[version]
    filename = f"{family}_hiera_{size}.pt"
    return ModelSpec(
        name=f"{family}_{size}",
        title=f"SAM {version} {size.replace('_plus', '+')}",
        family="sam2",
        architecture=f"{family}_{size}",
        licence="Apache-2.0",
        citation=_SAM2_CITATION,
        url=f"{_META}/segment_anything_2/{date}/{filename}",
        filename=filename,
        sha256=sha256,
        size_bytes=size_bytes,
    )


_MEDSAM = ModelSpec(
    name="medsam_vit_b",
    title="MedSAM ViT-B",
    family="medsam",
    architecture="vit_b",
    licence="Apache-2.0 (code); the licence of the weights is on their Zenodo record 10689643",
    citation=_MEDSAM_CITATION,
    url="https://zenodo.org/records/10689643/files/medsam_vit_b.pth?download=1",
    filename="medsam_vit_b.pth",
    sha256="34b34b78c1d18cb8c6bf84cf9c00e135d6d6c965699f3c0e31ef1bc9dcb5be74",
    size_bytes=375_049_145,
    normalisation="minmax",
)

SAM_NANO = ModelSpec(
    name="sam_nano",
    title="SAM nano (small, trained on synthetic images, experimental)",
    family="sam",
    architecture="sam_nano",
    licence="Apache-2.0",
    citation="P2SAMSlicer, docs/sam-nano.md; Kirillov et al., Segment Anything, ICCV 2023, arXiv 2304.02643",
    filename="sam_nano.safetensors",
    sha256="fbdee1d52203e0a80f824c9f4058fc21cb0257e4707bcf3443269a47de132089",
    size_bytes=10_421_490,
    ranges=FINE_TUNED_RANGES,
)

MODELS: tuple[ModelSpec, ...] = (
    GRAPH,
    SAM_NANO,
    _sam("vit_b", "ViT-B", "01ec64", "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912", 375_042_383),
    _sam("vit_l", "ViT-L", "0b3195", "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622", 1_249_524_607),
    _sam("vit_h", "ViT-H", "4b8939", "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e", 2_564_550_879),
    _MEDSAM,
    _sam2("2", "tiny", "65b50056e05bcb13694174f51bb6da89c894b57b75ccdf0ba6352c597c5d1125", 155_906_050),
    _sam2("2", "small", "95949964d4e548409021d47b22712d5f1abf2564cc0c3c765ba599a24ac7dce3", 184_309_650),
    _sam2("2", "base_plus", "d0bb7f236400a49669ffdd1be617959a8b1d1065081789d7bbff88eded3a8071", 323_493_298),
    _sam2("2", "large", "7442e4e9b732a508f80e141e7c2913437a3610ee0c77381a66658c3a445df87b", 897_952_466),
    _sam2("2.1", "tiny", "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69", 156_008_466),
    _sam2("2.1", "small", "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38", 184_416_285),
    _sam2("2.1", "base_plus", "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5", 323_606_802),
    _sam2("2.1", "large", "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318", 898_083_611),
)
"""Every model, the built-in default first."""


def names() -> str:
    """The names of all models, for a sentence."""
    return ", ".join(spec.name for spec in MODELS)


def find(name: str) -> ModelSpec:
    """The model of that name; case, "-" and "_" do not matter.

    Raises
    ------
    InputError
        There is none; names those there are.
    """
    wanted = name.lower().replace("-", "_")
    for spec in MODELS:
        if spec.name == wanted:
            return spec
    raise InputError(f"There is no model '{name}'. Use one of: {names()}; or the path of a weights file.")


MODEL_SETTINGS = "n_positive", "n_negative", "cascade_steps"
"""What `settings_for` may change."""


def settings_for(settings: Settings, model: str, kept: Collection[str] = (), ranges: Mapping[str, Any] | None = None) -> Settings:
    """The settings of a run with that model: what was not chosen by a person follows the model.

    A learned model takes the part counts published for it on CT, and the whole cascade, which it needs. Only the preset
    `clinical` is adapted; the others say all themselves. Used wherever a run begins, so that equal choices give equal results.

    Parameters
    ----------
    model : str
        A name of the registry; anything else is a weights file and counts as fine-tuned on CT.
    kept : collection of str
        Settings that stay as they are, because somebody set them.
    ranges : mapping or None
        Part counts that a checkpoint brings along, {"ct": {"positive": [1, 3], "negative": [1, 1]}}; they go before the
        published ones.
    """
    spec = next((spec for spec in MODELS if spec.name == model.lower().replace("-", "_")), None)
    if settings.preset != "clinical" or spec is GRAPH:
        return settings
    counts = (FINE_TUNED_RANGES if spec is None else spec.ranges)["ct"]
    own = (ranges or {}).get("ct") or {"positive": counts.positive, "negative": counts.negative}
    values: dict[str, Any] = {f"n_{kind}": tuple(range(int(own[kind][0]), int(own[kind][1]) + 1)) for kind in ("positive", "negative")}
    values["cascade_steps"] = WHOLE_CASCADE
    return replace(settings, **{name: value for name, value in values.items() if name not in kept})
