"""What a person sees on stdout."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..truth import IN_PLACE, RESULT, dice_table

NOTHING = "–"


def console() -> Console:
    """stdout; a file or a pipe gets lines wide enough for the tables."""
    plain = Console()
    return plain if plain.is_terminal else Console(width=140)


def figure(value: float | None, digits: int = 2) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"


def visit_table(told: dict) -> Table:
    """The structures of one follow-up, as `run.summary` tells of them; with Dice where a truth is known."""
    state = "" if told["complete"] else ", INCOMPLETE"
    used = told["alignment"]
    title = f"{told['visit']}{state}: alignment {used['used']} (quality {used['quality']:.2f} of 1), {told['seconds']:.0f} s"
    table = Table(title=Text(title), title_justify="left")
    table.add_column("Structure")
    columns = ["Volume (ml)", "Prior (ml)", "Change", "Shift to aligned prior (mm)", "Slices", "To look at"]
    dice = {structure: methods for (_, structure), methods in dice_table(told["metrics"]).items()}
    methods = list(dict.fromkeys(method for known in dice.values() for method in known))
    for column in (*columns, *(f"Dice {method}" for method in methods)):
        table.add_column(column, justify="right")
    for structure in told["structures"]:
        known = dice.get(structure["name"], {})
        table.add_row(Text(structure["name"]), *structure_cells(structure, told["complete"]), *(figure(known.get(method), 3) for method in methods))
    return table


def structure_cells(structure: dict, complete: bool) -> list[str]:
    volume, prior = structure["volume_ml"], structure["prior_volume_ml"]
    comparable = complete and prior > 0 and not structure["cut_by_field_of_view"] and not structure["cut_by_prior_scan"]
    change = f"{100 * (volume - prior) / prior:+.0f} %" if comparable else NOTHING
    shift = figure(structure["centroid_shift_mm"], 1) if complete else NOTHING
    return [figure(volume), figure(prior), change, shift, str(structure["slices"]), str(structure["flagged"])]


def comparison_table(rows: list[dict], title: str) -> Table:
    """Dice of every visit and structure, a column a method, the best in bold; the mean over all at the end."""
    table = Table(title=title, title_justify="left")
    known = dice_table(rows)
    methods = sorted({method for dice in known.values() for method in dice}, key=_method_order)
    table.add_column("Visit")
    table.add_column("Structure")
    for method in methods:
        table.add_column(method, justify="right")
    for (visit, structure), dice in known.items():
        table.add_row(Text(visit), Text(structure), *_cells([dice.get(method) for method in methods]))
    table.add_section()
    means = [mean([dice[method] for dice in known.values() if dice.get(method) is not None]) for method in methods]
    table.add_row("mean", "", *_cells(means))
    return table


def mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _method_order(method: str) -> tuple:
    order = (IN_PLACE, "prior aligned (rigid)", "prior aligned (deformable)", RESULT)
    return (order.index(method), "") if method in order else (2, method)


def _cells(values: list[float | None]) -> list[Text]:
    shown = [figure(value, 3) for value in values]
    best = max((value for value in values if value is not None), default=None)
    return [Text(text, style="bold" if best is not None and text == figure(best, 3) else "") for text in shown]


def metrics_table(rows: list[dict], title: str) -> Table:
    """Every measure of `p2sam evaluate`, a row a structure."""
    table = Table(title=title, title_justify="left")
    table.add_column("Structure")
    columns = {
        "Dice": ("dice", 3), "Slice Dice": ("slice_dice", 3), "Surface Dice": ("surface_dice", 3), "HD95 (mm)": ("hd95_mm", 1),
        "Mean surface (mm)": ("mean_surface_mm", 2), "Truth (ml)": ("truth_ml", 2), "Result (ml)": ("result_ml", 2),
        "Difference (%)": ("volume_difference_percent", 1), "Centroid (mm)": ("centroid_mm", 1),
    }  # fmt: skip
    for column in columns:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(Text(row["structure"]), *(figure(row[key], digits) for key, digits in columns.values()))
    return table
