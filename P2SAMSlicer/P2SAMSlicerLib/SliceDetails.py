"""The lines under the review table: the chosen slice in sentences, or what went wrong."""

from __future__ import annotations

import html

from slicer.i18n import tr as _

from . import RowText

ERROR_COLOR = "#c0392b"


def slicePage(row, current, priorIndex, problem: str) -> str:
    """Rich text.

    Parameters
    ----------
    row : ReviewRows.Row or None
        None where nothing was drawn on the current slice.
    current : CurrentSlice
    priorIndex : int or None
        The prior's slice beside it.
    problem : str
        A sentence that goes first, in red; may be empty.
    """
    lines = [problemLine(problem)] if problem else []
    if row is not None:
        lines.append(f"<b>{html.escape(RowText.headline(row, priorIndex))}</b>")
        lines += [html.escape(line) for line in RowText.details(row)]
    elif current.isSet:
        text = _("Slice {index}: neither the prior nor the result has {structure} here.")
        lines.append(html.escape(text.format(index=current.index, structure=current.structure)))
    elif not lines:
        lines.append(html.escape(_("Propagate first, or load a scene that was propagated; then the slices are listed here, those with a reason to look first.")))
    return "<br/>".join(lines)


def problemLine(sentence: str) -> str:
    """A sentence in red."""
    return f'<span style="color:{ERROR_COLOR}">{html.escape(sentence)}</span>'
