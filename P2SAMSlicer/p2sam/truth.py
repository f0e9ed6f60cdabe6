"""Rows of metrics.csv: the result, and what it must beat, against a known truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from .align import Alignment
from .metrics import compute
from .result import VisitResult
from .segmentation import Segmentation
from .volume import Volume

RESULT, IN_PLACE = "P2SAM", "prior in place"


def aligned_title(used: str) -> str:
    return f"prior aligned ({used})"


def metric_rows(
    visit: VisitResult, truth: Mapping[str, np.ndarray], prior: Volume, segmentation: Segmentation, alignment: Alignment
) -> list[dict]:
    """One row a structure and method, the columns `visit`, `structure`, `method` first.

    Compared are the result, the prior's contour left in place, and that contour carried by the alignment itself; of a
    deformable alignment also by the rigid one it began with.
    """
    rows = []
    for structure in visit.structures:
        name = structure.segment.name
        if name not in truth:
            continue
        mask = next(one.mask for one in segmentation.segments if one.id == structure.segment.id)
        drawn = {RESULT: structure.segment.mask, IN_PLACE: carried(mask, prior, visit.followup, alignment, sitk.Transform(3, sitk.sitkIdentity))}
        base = rigid_part(alignment)
        if base is not None:
            drawn[aligned_title("rigid")] = carried(mask, prior, visit.followup, alignment, base)
        if alignment.used != "none":
            drawn[aligned_title(alignment.used)] = visit.aligned_masks[name]
        for method, result in drawn.items():
            row = compute(truth[name], result, visit.followup.ijk_to_ras).as_row()
            rows.append({"visit": visit.name, "structure": name, "method": method, **row})
    return rows


def carried(mask: np.ndarray, prior: Volume, followup: Volume, alignment: Alignment, transform: sitk.Transform) -> np.ndarray:
    """A mask of the prior on the follow-up's grid, by another transform than the alignment's own."""
    return replace(alignment, transform=transform).resample_mask(mask, prior, followup) >= 0.5


def rigid_part(alignment: Alignment) -> sitk.Transform | None:
    """The transform that a deformable alignment deformed further; None of any other alignment."""
    if alignment.used != "deformable":
        return None
    return sitk.CompositeTransform(alignment.transform).GetNthTransform(0)


def dice_table(rows: list[dict]) -> dict[tuple[str, str], dict[str, float | None]]:
    """(visit, structure) -> method -> Dice."""
    table: dict[tuple[str, str], dict[str, float | None]] = {}
    for row in rows:
        table.setdefault((row["visit"], row["structure"]), {})[row["method"]] = row["dice"]
    return table
