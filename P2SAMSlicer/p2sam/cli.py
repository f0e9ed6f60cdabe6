"""`p2sam`: the command line. What each command does stands in `p2sam.command`; see docs/command-line.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from . import __version__
from .command.demo import demo
from .command.evaluate import evaluate
from .command.finetune import finetune
from .command.models import models
from .command.propagate import propagate

app = typer.Typer(
    name="p2sam",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def show_version(wanted: bool) -> None:
    if wanted:
        print(f"p2sam {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Segment a follow-up CT from one prior CT and its segmentation, without training. For research only."""


app.command()(propagate)
app.command()(evaluate)
app.command()(demo)
app.command()(finetune)
app.add_typer(models, name="models")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (see `errors`)."""
    try:
        app(None if arguments is None else list(arguments))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0
