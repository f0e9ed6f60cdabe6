"""Tables of a visit as CSV: one row a slice of a structure, and the metrics where a truth is known."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from pathlib import Path

from ..result import SliceResult, VisitResult
from ..review import Review, review_of

SLICE_COLUMNS = (
    "visit",
    "structure",
    "slice",
    "position_mm",
    "reference_slice",
    "area_cm2",
    "prior_area_cm2",
    "chosen",
    "n_positive",
    "n_negative",
    "distance",
    "second_best_distance",
    "n_candidates",
    "n_scored",
    "flags",
    "reasons",
)
"""`slice` and `reference_slice` count from 0 as Slicer's IJK does; `position_mm` is what Slicer's slice slider shows;
`chosen` is the kind of the chosen candidate; `n_scored` the candidates that have a distance (a mask that is not empty)."""

REVIEW_COLUMNS = ("status", "reviewer", "reviewed", "note", "edited")
"""Further columns where a person reviewed the visit: `status` is accepted, edited, flagged or not reviewed; `reviewed` is when
(ISO 8601); `edited` is 1 where the contour differs from what the method drew, whatever the status."""

SEPARATOR = " | "
"""Between several flags, and between several reasons, of one slice."""


def slice_rows(visit: VisitResult) -> list[dict]:
    """One dictionary with the keys `slice_columns` for each slice of each structure, in the order of the slices.

    What does not exist is None (an empty cell), never zero: the distance of an empty slice, the pair of a slice beyond
    the prior.
    """
    review = review_of(visit)
    return [
        {"visit": visit.name, "structure": structure.segment.name, **_slice_row(result), **_review_row(review, structure.segment.name, result)}
        for structure in visit.structures
        for result in structure.slices
    ]


def slice_columns(visit: VisitResult) -> tuple[str, ...]:
    """`SLICE_COLUMNS`, and `REVIEW_COLUMNS` where a person reviewed the visit."""
    return SLICE_COLUMNS + (REVIEW_COLUMNS if review_of(visit) else ())


def second_best_distance(result: SliceResult) -> float | None:
    """The smallest distance among the candidates that were not chosen; None where there is no other with one."""
    others = [
        candidate.distance
        for number, candidate in enumerate(result.candidates)
        if number != result.chosen and candidate.distance is not None
    ]
    return min(others, default=None)


def write_slices(visit: VisitResult, path: str | Path) -> None:
    """Write `slices.csv`.

    Raises
    ------
    OSError
        Where the disk refuses; `write_visit` turns it into a sentence.
    """
    write_table(slice_rows(visit), path, slice_columns(visit))


def write_metrics(rows: Sequence[Mapping], path: str | Path) -> None:
    """Write `metrics.csv` from rows of `Metrics.as_row()`; the columns are the rows' keys in the order they appear.

    Raises
    ------
    OSError
        Where the disk refuses; `write_visit` turns it into a sentence.
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    write_table(rows, path, columns)


def write_table(rows: Iterable[Mapping], path: str | Path, columns: Sequence[str]) -> None:
    """UTF-8 CSV with a header; None is an empty cell, floats have six significant digits."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)


def _slice_row(result: SliceResult) -> dict:
    chosen = None if result.chosen is None else result.candidates[result.chosen]
    return {
        "slice": result.index,
        "position_mm": result.position_mm,
        "reference_slice": result.reference_index,
        "area_cm2": result.area_mm2 / 100,
        "prior_area_cm2": result.prior_area_mm2 / 100,
        "chosen": chosen.kind if chosen else None,
        "n_positive": chosen.n_positive if chosen else None,
        "n_negative": chosen.n_negative if chosen else None,
        "distance": result.distance,
        "second_best_distance": second_best_distance(result),
        "n_candidates": len(result.candidates),
        "n_scored": sum(candidate.distance is not None for candidate in result.candidates),
        "flags": SEPARATOR.join(flag.code for flag in result.flags),
        "reasons": SEPARATOR.join(flag.reason for flag in result.flags),
    }


def _review_row(review: Review | None, structure: str, result: SliceResult) -> dict:
    if review is None:
        return {}
    one = review.of(structure, result.index)
    values = one.status, one.reviewer or None, one.time or None, one.note or None, int(one.edited)
    return dict(zip(REVIEW_COLUMNS, values, strict=True))


def _cell(value):
    if value is None:
        return ""
    if isinstance(value, (bool, Integral, str)):
        return value
    try:
        return f"{float(value):.6g}"
    except (TypeError, ValueError):
        return str(value)
