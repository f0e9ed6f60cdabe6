"""`p2sam finetune`: adapt a SAM to a data set, to one prior, or, from nothing, to synthetic images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError, SettingsError
from .ending import ending, tell
from .options import check_device, typed
from .stop import Stop

ENDOSCOPY_EPOCHS = 100
NANO = ("sam_nano", "sam-nano")


def finetune(
    output: Annotated[Path, typer.Option(help="Folder for the weights, the curve, the split and the state.")],
    nsclc: Annotated[Path | None, typer.Option(help="NSCLC-Radiomics as TCIA gives it (CT with SEG or RTSTRUCT).")] = None,
    kvasir: Annotated[Path | None, typer.Option(help="Kvasir-SEG: the folder that holds images/ and masks/.")] = None,
    ct_folder: Annotated[Path | None, typer.Option(help="A folder of CT with a .seg.nrrd beside each, at any depth.")] = None,
    ct_list: Annotated[Path | None, typer.Option(help="A CSV with the columns patient, ct, segmentation.")] = None,
    prior: Annotated[Path | None, typer.Option(help="One-shot baseline: fine-tune on this CT alone; needs --segmentation.")] = None,
    synthetic: Annotated[bool, typer.Option("--synthetic", help="Computed images; without --model a new sam_nano.")] = False,
    segmentation: Annotated[Path | None, typer.Option(help="Of the prior.")] = None,
    followup: Annotated[Path | None, typer.Option(help="With --prior: a later CT to measure on; needs --truth.")] = None,
    truth: Annotated[Path | None, typer.Option(help="Segmentation of the follow-up.")] = None,
    structure: Annotated[str, typer.Option(help="Name or id of the structure.")] = "GTV-1",
    model: Annotated[str | None, typer.Option(help="Name or weights file to begin with. Default: sam_vit_b, or a new sam_nano with --synthetic.")] = None,
    frame: Annotated[int | None, typer.Option(help="Side of a sam_nano's frame in pixels. Default: as it was trained; 256 for a new one.")] = None,
    images: Annotated[int, typer.Option(min=1, help="Synthetic images an epoch.")] = 1000,
    method: Annotated[str, typer.Option(help="full, or lora.")] = "full",
    epochs: Annotated[int | None, typer.Option(help="Default: 36; 100 for Kvasir-SEG.")] = None,
    batch_size: Annotated[int, typer.Option(help="Images a step and a process.")] = 4,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any option of adapt/options.py; repeatable.")] = None,
    split: Annotated[Path | None, typer.Option(help="Use this split.json instead of a new one.")] = None,
    split_by: Annotated[str, typer.Option(help="patient, or slice where there are too few patients.")] = "patient",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps; several GPUs: torchrun -m p2sam finetune ...")] = "auto",
    precision: Annotated[str, typer.Option(help="float32, or bfloat16 (also bf16): mixed precision.")] = "float32",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training in --output; begin one where there is none.")] = False,
    half: Annotated[bool, typer.Option("--half", help="Write model.safetensors in half precision instead of model.pth.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Fine-tune a SAM: the interactive training of the paper, in full or with LoRA."""
    with ending(as_json, debug) as document:
        data = {"nsclc": nsclc, "kvasir": kvasir, "ct-folder": ct_folder, "ct-list": ct_list, "prior": prior, "synthetic": synthetic or None}
        kind, path = chosen(data)
        check_device(device)
        check_prior(prior, segmentation, followup, truth)
        if kind == "synthetic" and split is not None:
            raise SettingsError("Synthetic images are not split; leave --split away.")
        from ..files.images import existing_path

        for one in (None if kind == "synthetic" else path, segmentation, followup, truth, split):
            if one is not None:
                existing_path(one)
        if split_by not in ("patient", "slice"):
            raise SettingsError(f"--split-by is '{split_by}'; choose patient or slice.")
        values = {"method": method, "batch_size": batch_size, "precision": {"bf16": "bfloat16"}.get(precision, precision)}
        values["epochs"] = epochs if epochs is not None else (ENDOSCOPY_EPOCHS if kind == "kvasir" else 36)
        if model is None and kind != "synthetic":
            model = "sam_vit_b"
        files = {"segmentation": segmentation, "followup": followup, "truth": truth, "split": split}
        told = {"structure": structure, "unit": split_by, "images": images, **files}
        job = {"model": model, "frame": frame, "device": device, "half": half}
        run(kind, None if kind == "synthetic" else path, told, values, set_ or (), output, resume, job, document)


def chosen(data: dict[str, object]) -> tuple[str, object]:
    """The one data set that was given.

    Raises
    ------
    InputError
        None, or several.
    """
    given = [(kind, value) for kind, value in data.items() if value is not None]
    if len(given) != 1:
        listed = ", ".join(f"--{kind}" for kind in data)
        raise InputError(f"{len(given)} data sets were given ({', '.join(kind for kind, _ in given) or 'none'}); give one of {listed}.")
    return given[0]


def check_prior(prior: Path | None, segmentation: Path | None, followup: Path | None, truth: Path | None) -> None:
    """Raise `InputError` where what belongs together is not given together."""
    if (prior is None) != (segmentation is None):
        raise InputError("--prior and --segmentation belong together; give both.")
    if (followup is None) != (truth is None) or (followup is not None and prior is None):
        raise InputError("--followup and --truth belong together, and to --prior; give all or leave them away.")


def run(kind: str, path: Path | None, told: dict, values: dict, assignments: Sequence[str], output: Path, resume: bool, job: dict, document: dict) -> None:
    """Import what computes, and train; `document` gets the record."""
    try:
        from ..adapt.finetuning import Job, finetune as train
        from ..adapt.material import Material
        from ..adapt.options import TrainingOptions
        from ..adapt.processes import processes
        from ..adapt.training import Watchers, has_state
    except ImportError as error:
        raise InputError(f"Fine-tuning needs the package {error.name}. Install it: pip install -r requirements/sam.txt, in the repository's folder.") from error
    like = {**TrainingOptions().to_dict(), "first": TrainingOptions().first}
    values |= dict(typed(assignment, like) for assignment in assignments)
    if is_nano(job["model"]) and values["method"] == "lora":
        values.setdefault("decoder", "lora")
    options = TrainingOptions.from_dict(values)
    if has_state(output) and not resume:
        raise InputError(f"'{output}' holds a training already; give --resume to go on with it, or another --output.")
    with Stop("Stopping after this step") as stop, processes(job.pop("device")) as (those, device):
        speak = (lambda line: tell(line)) if those.is_first else (lambda line: None)
        from .bars import TrainingBar

        with TrainingBar(those.is_first) as bar:
            request = Job(Material(kind, path, **told), output, options, device=device, resume=resume and has_state(output), **job)
            document.update(train(request, those, Watchers(speak, bar.step, stop)))


def is_nano(model: str | None) -> bool:
    """Whether a name means the small model, whose decoder is most of it."""
    return model is None or model.lower() in NANO or Path(model).stem.lower() in NANO
