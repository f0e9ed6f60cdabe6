"""The report's section on the review: how much of each structure was looked at, by whom, and what is left."""

from __future__ import annotations

from .html import color_chip, table
from .text import escape, number
from ..result import VisitResult
from ..review import ACCEPTED, EDITED, FLAGGED, NOT_REVIEWED, Review

TITLES = {ACCEPTED: "Accepted", EDITED: "Edited", FLAGGED: "Flagged by reviewer", NOT_REVIEWED: "Not reviewed"}


def review_panel(visit: VisitResult, review: Review) -> str:
    """A sentence on the whole visit, and one row a structure."""
    counts = [review.counts(structure) for structure in visit.structures]
    rows = [
        [color_chip(structure.segment.color_rgb) + escape(structure.segment.name), number(len(structure.slices)), *(number(one[status]) for status in TITLES)]
        for structure, one in zip(visit.structures, counts, strict=True)
    ]
    columns = [("Structure", True), ("Slices", False), *((title, False) for title in TITLES.values())]
    return _lead(review, sum(sum(one.values()) for one in counts), sum(one[NOT_REVIEWED] for one in counts)) + table(columns, rows)


def _lead(review: Review, slices: int, left: int) -> str:
    if left == slices:
        return '<p class="lead">No slice was reviewed.</p>'
    done = f"All {slices} slices" if not left else f"{slices - left} of {slices} slices"
    names, last = review.reviewers(), review.last()
    by = f" by {escape(', '.join(names))}" if names else ", no reviewer named"
    when = f", the last on {escape(last.minute)}" if last else ""
    return f'<p class="lead"><b>{done}</b> were reviewed{by}{when}.</p>'
