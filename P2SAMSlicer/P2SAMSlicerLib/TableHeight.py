"""Tables as high as their rows, between a least and a largest height."""

from __future__ import annotations

FRAME = 4


def fitHeight(table, least: int = 1, most: int = 6) -> None:
    """Let a QTableWidget show `least` to `most` rows; more can be scrolled to."""
    row = table.verticalHeader().defaultSectionSize
    rows = min(max(table.rowCount, least), most)
    table.setFixedHeight(rows * row + table.horizontalHeader().sizeHint.height() + FRAME)
