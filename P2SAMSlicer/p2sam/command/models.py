"""`p2sam models`: which models there are, and their weights on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import Cancelled, InputError, WeightsError
from ..models import registry, weights
from .ending import ending, tell, warn
from .stop import Stop

models = typer.Typer(help="Models and their weights on this machine.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="As `p2sam models list` shows it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@models.command("list")
def list_models(as_json: AsJson = False, debug: Debug = False) -> None:
    """Every model, its size and licence, and whether it can be used now."""
    with ending(as_json, debug) as document:
        document["models"] = [described(spec) for spec in registry.MODELS]
        if as_json:
            return
        from rich.table import Table

        from .tables import console

        table = Table()
        for column in ("Name", "Title", "Size", "Licence", "State"):
            table.add_column(column, justify="right" if column == "Size" else "left")
        for told in document["models"]:
            size = "–" if told["size_bytes"] is None else f"{told['size_bytes'] / 1e6:.0f} MB"
            state = "built in" if told["url"] is None else "here" if told["present"] else "to download"
            table.add_row(told["name"], told["title"], size, told["licence"], state)
        console().print(table)


def described(spec: registry.ModelSpec) -> dict:
    file = str(weights.path(spec)) if spec.needs_download else None
    return {
        "name": spec.name, "title": spec.title, "family": spec.family, "licence": spec.licence, "citation": spec.citation,
        "url": spec.url, "sha256": spec.sha256, "size_bytes": spec.size_bytes, "path": file, "present": weights.is_present(spec),
    }  # fmt: skip


@models.command()
def download(name: Name, yes: Yes = False, as_json: AsJson = False, debug: Debug = False) -> None:
    """Bring a model's weights to this machine; a stopped download goes on where it stopped."""
    with ending(as_json, debug) as document:
        spec = registry.find(name)
        if not spec.needs_download:
            raise InputError(f"{spec.title} comes with P2SAMSlicer; it needs no download.")
        with Stop("Stopping the download") as stop:
            document["path"] = str(fetch(spec, yes, stop))
        if not as_json:
            print(document["path"])


@models.command()
def verify(name: Name, as_json: AsJson = False, debug: Debug = False) -> None:
    """Compare a model's file with its published size and SHA-256."""
    with ending(as_json, debug) as document:
        spec = registry.find(name)
        document["sha256"] = weights.verify(spec)
        if not as_json:
            print(f"{document['sha256']}  {weights.path(spec)}")


@models.command()
def remove(name: Name, as_json: AsJson = False, debug: Debug = False) -> None:
    """Delete a model's weights from this machine."""
    with ending(as_json, debug) as document:
        document["freed_bytes"] = weights.remove(registry.find(name))
        if not as_json:
            print(f"{document['freed_bytes'] / 1e6:.0f} MB freed.")


@models.command()
def path(name: Annotated[str | None, typer.Argument(help="A model; without one, the folder of all weights.")] = None, debug: Debug = False) -> None:
    """Print where weights lie; the environment variable P2SAM_HOME moves that folder."""
    with ending(False, debug):
        print(weights.home() / "models" if name is None else weights.path(registry.find(name)))


@models.command()
def install(name: Name, file: Annotated[Path, typer.Argument(help="The weights file.")], as_json: AsJson = False, debug: Debug = False) -> None:
    """Take a model's weights from a local file, checked as a download is; for machines without a network."""
    with ending(as_json, debug) as document:
        document["path"] = str(weights.install(registry.find(name), file))
        if not as_json:
            print(document["path"])


def load_model(name: str, device: str, yes: bool, stop: Stop):
    """A model ready to use; a known one whose weights are missing is offered for download, to a person or with `yes`."""
    from ..models.loading import load

    known = {spec.name: spec for spec in registry.MODELS}
    spec = known.get(name.lower().replace("-", "_"))
    if spec is not None and spec.needs_download and not weights.is_present(spec):
        if weights.path(spec).is_file():
            weights.verify(spec)  # says what is wrong with it
        if not yes and not sys.stdin.isatty():
            raise WeightsError(weights.how_to_get(spec))
        fetch(spec, yes, stop)
    if spec is registry.GRAPH and device not in ("auto", "cpu"):
        warn(f"The model graph runs on the CPU; --device {device} is not used.")
    return load(name, device)


def fetch(spec: registry.ModelSpec, yes: bool, stop: Stop) -> Path:
    """Download with consent and a bar of bytes on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    screen = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=screen, disable=not screen.is_terminal)
    task = progress.add_task(spec.title, total=spec.size_bytes)

    def agreed(size: int | None) -> bool:
        if yes or asked(spec, size):
            progress.start()
            return True
        return False

    try:
        return weights.download(spec, agreed, lambda done, total: progress.update(task, completed=done, total=total), stop)
    finally:
        progress.stop()


def asked(spec: registry.ModelSpec, size: int | None) -> bool:
    """Ask a person on the terminal; without one nothing is downloaded."""
    if not sys.stdin.isatty():
        raise Cancelled(f"{spec.title} is not downloaded without consent; give --yes.")
    amount = f"{size / 1e6:.0f} MB" if size else "an unknown number of bytes"
    tell(f"{spec.title}: {amount} from {spec.url} to {weights.path(spec).parent}. Licence: {spec.licence}.")
    return typer.confirm("Download it?", err=True)
