"""`p2sam propagate`: from a prior CT and its segmentation to follow-ups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ..errors import SettingsError
from ..settings import ALIGNMENTS, PRESETS
from .ending import ending, warn
from .options import check_device, for_model, renamed, settings_of, visit_names

FOLLOWUP = "A later CT of the patient; once for each."


def propagate(
    prior: Annotated[Path, typer.Option(help="The earlier CT: a file (.nrrd, .nii.gz, .mha) or a folder of DICOM slices.")],
    segmentation: Annotated[Path, typer.Option(help="Its segmentation: .seg.nrrd, a label map, or RTSTRUCT.")],
    followup: Annotated[list[Path], typer.Option(help=FOLLOWUP)],
    output: Annotated[Path, typer.Option(help="Folder for the results, one sub-folder a follow-up.")],
    structure: Annotated[list[str] | None, typer.Option(help="Name or id of a structure; repeatable. Default: all.")] = None,
    preset: Annotated[str, typer.Option(help=f"Where the settings start from: {', '.join(PRESETS)}.")] = "clinical",
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change one setting; repeatable.")] = None,
    alignment: Annotated[str | None, typer.Option(help=f"{', '.join(ALIGNMENTS)}. Default: the preset's.")] = None,
    transform: Annotated[Path | None, typer.Option(help="ITK transform (.h5, .tfm) from follow-up to prior points, instead of an alignment.")] = None,
    model: Annotated[str, typer.Option(help="Name of a model (`p2sam models list`) or path of its weights.")] = "graph",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps; graph always runs on the CPU.")] = "auto",
    truth: Annotated[list[Path] | None, typer.Option(help="Known segmentation of a follow-up, to measure against; once for each, in order.")] = None,
    truth_name: Annotated[list[str] | None, typer.Option(metavar="NAME=OTHER", help="The truth calls structure NAME OTHER; repeatable.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace earlier results of the same names.")] = False,
    allow_different_patient: Annotated[bool, typer.Option("--allow-different-patient", help="Go on where the patient IDs differ.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Download missing weights without asking.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Segment follow-up CTs from a prior CT and its segmentation."""
    with ending(as_json, debug) as document:
        settings = for_model(settings_of(preset, alignment, set_ or ()), model, set_ or ())
        if alignment is not None and transform is not None:
            raise SettingsError(f"--alignment {alignment} and --transform exclude each other; give one of them.")
        check_device(device)
        from .request import Request  # what computes is imported where it is needed, so that the rest starts at once

        request = Request(
            prior, segmentation, tuple(followup), tuple(visit_names(followup)), output, settings, tuple(structure) if structure else None,
            transform, tuple(truth or ()), renamed(truth_name or ()), overwrite, allow_different_patient,
        )  # fmt: skip
        request.check()
        start(request, model, device, yes, document, shown(as_json), set_ or ())


def shown(as_json: bool) -> Callable[[dict], None]:
    """What a person is told of a follow-up when its folder is written: warnings on stderr, the table on stdout."""
    from .tables import console, visit_table

    screen = console()

    def tell(told: dict) -> None:
        for line in told["warnings"]:
            warn(f"{told['visit']}: {line}")
        if not as_json:
            screen.print(visit_table(told))
            screen.print(f"Report: {told['report']}", soft_wrap=True, highlight=False, markup=False)

    return tell


def start(
    request, model_name: str, device: str, yes: bool, document: dict, tell: Callable[[dict], None], assignments: Sequence[str] = ()
) -> None:
    """Load, read, run; each follow-up is told of, and put into the document, as it is done. A checkpoint's own ranges are used."""
    from .bars import Bars
    from .inputs import read_inputs
    from .models import load_model
    from .run import run
    from .stop import Stop

    def done(told: dict) -> None:
        document["visits"].append(told)
        tell(told)

    document["visits"] = []
    with Stop() as stop:
        model = load_model(model_name, device, yes, stop)
        request = replace(request, settings=for_model(request.settings, model_name, assignments, getattr(model, "ranges", None)))
        document["preset"], document["settings"] = request.settings.preset, request.settings.to_dict()
        document["model"] = {"name": model.name, "sha256": model.sha256}
        inputs = read_inputs(request)
        with Bars() as bars:
            run(request, inputs, model, bars, stop, done)
