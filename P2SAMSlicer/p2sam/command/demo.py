"""`p2sam demo`: the phantom patient, from its prior visit to two follow-ups whose truth is known."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from .. import __version__
from .ending import ending, tell

STAMP = "made-by.txt"
VOXELS = 1.25
"""Size of the phantom's voxels against its usual ones: half the work, and the same anatomy."""


def demo(
    output: Annotated[Path, typer.Option(help="Folder for the patient and the results; earlier results of the demo are replaced.")] = Path("p2sam-demo"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Show it at work on a computed patient: no data, no network, no GPU."""
    with ending(as_json, debug) as document:
        began = time.monotonic()
        tell("Loading the numerical libraries ...")
        from ..phantom import FOLLOWUPS
        from ..settings import preset
        from .propagate import start
        from .request import Request, check_writable

        check_writable(output, 256 << 20)
        files = patient_files(output / "patient")
        names = tuple(visit.name for visit in FOLLOWUPS)
        request = Request(
            files["prior_ct"], files["prior_segmentation"], tuple(files[f"{name}_ct"] for name in names), names, output, preset("clinical"),
            truths=tuple(files[f"{name}_truth"] for name in names), overwrite=True,
        )  # fmt: skip
        request.check()
        start(request, "graph", "cpu", False, document, lambda told: tell(f"{told['visit']}: done in {told['seconds']:.0f} s"))
        document["seconds"] = round(time.monotonic() - began, 1)
        if not as_json:
            show(document)


def show(document: dict) -> None:
    """The table, what each follow-up became, and where to look at it."""
    from .tables import comparison_table, console

    screen = console()
    rows = [row for told in document["visits"] for row in told["metrics"]]
    screen.print(comparison_table(rows, "Dice against the known truth, the best in bold"))
    for told in document["visits"]:
        flagged = sum(structure["flagged"] for structure in told["structures"])
        screen.print(f"{told['visit']}: {flagged} slices want a look; open {told['report']} in a browser", soft_wrap=True, highlight=False, markup=False)
    screen.print(
        f"The patient is computed, nobody's CT: it shows how this works, not how well it does on people. It took {document['seconds']:.0f} s.",
        soft_wrap=True, highlight=False,
    )  # fmt: skip


def patient_files(folder: Path) -> dict[str, Path]:
    """The phantom's files in a folder, made on the first run and after an update."""
    from ..phantom import FOLLOWUPS, write_phantom

    names = [visit.name for visit in FOLLOWUPS]
    files = {"prior_ct": folder / "prior_ct.nrrd", "prior_segmentation": folder / "prior.seg.nrrd"}
    for name in names:
        files |= {f"{name}_ct": folder / f"{name}_ct.nrrd", f"{name}_truth": folder / f"{name}_truth.seg.nrrd"}
    stamp, version = folder / STAMP, f"p2sam {__version__}, voxels {VOXELS}"
    if stamp.is_file() and stamp.read_text(encoding="utf-8").strip() == version and all(file.is_file() for file in files.values()):
        return files
    tell("Making the phantom patient ...")
    stamp.unlink(missing_ok=True)
    written = write_phantom(folder, scale=VOXELS)
    stamp.write_text(f"{version}\n", encoding="utf-8")
    return written
