"""What `p2sam propagate` was asked for, checked as far as that goes without reading a scan."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError, OutputError
from ..files.images import existing_path
from ..files.output import check_output_folder
from ..settings import Settings
from ..transform_file import read_transform

LEAST_FREE_BYTES = 64 << 20
"""Room that one follow-up's result may take."""


@dataclass(frozen=True)
class Request:
    """One run.

    Attributes
    ----------
    names : tuple of str
        Of the follow-ups, as `options.visit_names` makes them; the sub-folders of `output`.
    structures : tuple of str or None
        None is every structure of the segmentation.
    truths : tuple of Path
        Empty, or one a follow-up.
    truth_names : mapping
        Structure of the prior -> its name in the truths, where that differs.
    """

    prior: Path
    segmentation: Path
    followups: tuple[Path, ...]
    names: tuple[str, ...]
    output: Path
    settings: Settings
    structures: tuple[str, ...] | None = None
    transform: Path | None = None
    truths: tuple[Path, ...] = ()
    truth_names: Mapping[str, str] = field(default_factory=dict)
    overwrite: bool = False
    allow_different_patient: bool = False

    def folder(self, name: str) -> Path:
        return self.output / name

    def check(self) -> None:
        """Everything that can be known before a scan is read.

        Raises
        ------
        InputError, OutputError
        """
        if self.truths and len(self.truths) != len(self.followups):
            raise InputError(
                f"There are {len(self.followups)} follow-ups and {len(self.truths)} truths; give --truth once for each --followup, in the same order, or not at all."
            )
        if self.truth_names and not self.truths:
            raise InputError("--truth-name says how a truth calls the structures, but none is given; give --truth as well, or leave it away.")
        for path in (self.prior, self.segmentation, *self.followups, *self.truths):
            existing_path(path)
        if self.transform is not None:
            read_transform(self.transform)
        for name in self.names:
            check_output_folder(self.folder(name), self.overwrite)
        check_writable(self.output, LEAST_FREE_BYTES * len(self.names))


def check_writable(folder: Path, needed_bytes: int) -> None:
    """Raise `OutputError` where the folder could not be made and filled."""
    folder = folder.absolute()
    there = next(parent for parent in (folder, *folder.parents) if os.path.lexists(parent))
    if not there.is_dir():
        raise OutputError(f"The output '{folder}' cannot be made, because '{there}' is a file; choose another folder.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(f"The output '{folder}' cannot be written, because '{there}' is read-only for you; choose another folder.")
    free = shutil.disk_usage(there).free
    if free < needed_bytes:
        raise OutputError(
            f"The disk of '{folder}' is full ({free / 1e6:.0f} MB free, up to {needed_bytes / 1e6:.0f} MB needed); free some space, or choose another folder."
        )
