"""The curve of a training as a table: one row for some steps, one for each validation."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from ..errors import InputError

COLUMNS = (
    "step", "epoch", "seconds", "learning_rate", "loss", "focal", "dice_loss", "iou_loss",
    "dice_none", "dice_point", "dice_box", "dice_mean", "train_dice_none", "train_dice_point", "train_dice_box",
)  # fmt: skip
"""`seconds` of training, over all its resumes. `dice_*` on the validation part, `train_dice_*` on slices that are trained on."""


class Curve:
    """A CSV file that grows, and that loses what lies beyond the step a training is resumed from."""

    def __init__(self, path: Path, resume_step: int | None = None):
        self.path = path
        kept = [] if resume_step is None or not path.is_file() else [row for row in read_curve(path) if int(row["step"]) <= resume_step]
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(kept)

    def add(self, row: Mapping[str, float]) -> None:
        """One row; what it has no value for stays empty."""
        cells = {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()}
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, COLUMNS, restval="").writerow(cells)


def read_curve(path: Path) -> list[dict[str, str]]:
    """Rows as text; a last line that a crash cut short is left out."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise InputError(f"'{path}' is not the curve of a training by this version; move it away to go on.")
        return [row for row in reader if None not in row.values() and row["step"].isdigit()]
