"""How a visit reads as a whole: how the prior was brought onto it, how well that fits, and what was warned of. Text only."""

from __future__ import annotations

import html

from slicer.i18n import tr as _

LEAST_QUALITY, DOUBTFUL_QUALITY = 0.25, 0.4
"""As in `p2sam.align`, which is too heavy for Slicer's start; a test compares them."""
WARNING_COLOR = "#b45309"
MOST_LINES = 6
"""Warnings of a visit that are listed; the tooltip has all."""


def alignmentLine(review) -> str:
    """The alignment that was asked for, the one that was used, and its quality in words."""
    asked, used = review.alignment.get("requested"), review.alignment.get("used")
    if not used:
        return _("Alignment: not known.")
    if asked and asked != used:
        text = _("Alignment: {asked} was asked for, {used} was used; {quality}.")
    else:
        text = _("Alignment: {used}; {quality}.")
    return text.format(asked=_methods().get(asked, asked), used=_methods().get(used, used), quality=qualityWords(review.alignment.get("quality")))


def qualityWords(quality) -> str:
    """How well the aligned prior fits the follow-up: 0 is not at all, 1 is a perfect copy."""
    if quality is None:
        return _("its fit was not measured")
    if quality < LEAST_QUALITY:
        words = _("it does not fit ({quality} of 1)")
    elif quality < DOUBTFUL_QUALITY:
        words = _("its fit is doubtful ({quality} of 1)")
    else:
        words = _("it fits ({quality} of 1)")
    return words.format(quality=f"{quality:.2f}")


def isDoubtful(review) -> bool:
    """Whether the alignment needs a look: another one than was asked for, or one that fits badly."""
    asked, used, quality = (review.alignment.get(key) for key in ("requested", "used", "quality"))
    return bool(asked and used and asked != used) or quality is not None and quality < DOUBTFUL_QUALITY


def warningsOf(review) -> list:
    """Every warning of a visit, once: of its alignment, of its run, of each structure."""
    structures = [text for structure in review.structures for text in structure.warnings]
    return list(dict.fromkeys(str(text) for text in [*(review.alignment.get("warnings") or ()), *review.warnings, *structures]))


def page(reviews) -> str:
    """Rich text for the top of the review; each visit with its name where there are several."""
    return "<br/>".join(_block(review, len(reviews) > 1) for review in reviews)


def everything(reviews) -> str:
    """Plain text with every warning, for a tooltip."""
    return "\n".join(line for review in reviews for line in (f"{review.name}: {alignmentLine(review)}", *warningsOf(review)))


def _block(review, named: bool) -> str:
    first = html.escape(alignmentLine(review))
    first = _inColor(first) if isDoubtful(review) else first
    first = f"<b>{html.escape(review.name)}</b> {first}" if named else first
    found = warningsOf(review)
    lines = [_inColor(html.escape(_("Warning: {text}").format(text=text))) for text in found[:MOST_LINES]]
    if len(found) > MOST_LINES:
        lines.append(_inColor(html.escape(_("And {count} more; they are in the tooltip.").format(count=len(found) - MOST_LINES))))
    return "<br/>".join([first, *lines])


def _inColor(text: str) -> str:
    return f'<span style="color:{WARNING_COLOR}">{text}</span>'


def _methods() -> dict:
    """Name of an alignment in a result -> its words."""
    return {
        "none": _("none (both scans stay where the scanners put them)"),
        "centre": _("centred on each other"),
        "rigid": _("rigid"),
        "deformable": _("deformable"),
        "file": _("the given transform"),
    }
