"""`p2sam evaluate`: how well one segmentation agrees with another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .ending import ending, warn
from .options import renamed


def evaluate(
    truth: Annotated[Path, typer.Option(help="The segmentation taken as right.")],
    result: Annotated[Path, typer.Option(help="The segmentation to measure.")],
    reference: Annotated[Path | None, typer.Option(help="The CT both were drawn on; needed for RTSTRUCT.")] = None,
    structure: Annotated[list[str] | None, typer.Option(help="Name or id in the result; repeatable. Default: all that both have.")] = None,
    truth_name: Annotated[list[str] | None, typer.Option(metavar="NAME=OTHER", help="The truth calls structure NAME OTHER; repeatable.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Measure a segmentation against a known truth: Dice, surfaces, volumes (defined in docs/metrics.md)."""
    with ending(as_json, debug) as document:
        from .comparison import compare
        from .tables import console, metrics_table

        names = renamed(truth_name or ())
        rows, warnings = compare(truth, result, reference, tuple(structure) if structure else None, names)
        document["rows"], document["warnings"] = rows, warnings
        for line in warnings:
            warn(line)
        if not as_json:
            console().print(metrics_table(rows, f"{result.name} against {truth.name}"))
