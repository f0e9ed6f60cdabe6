"""Pieces of the report as HTML text. Values come in ready to show; every name from outside is escaped here."""

from __future__ import annotations

import html
from collections.abc import Sequence

from .chart import mark_svg
from .pixels import WINDOWS
from .style import SCRIPT, style_sheet, window_filters
from .text import escape

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""The browser itself refuses any network access of the page."""

RESEARCH_ONLY = "FOR RESEARCH USE ONLY."
NOT_A_DEVICE = "Not a medical device. Every contour needs a clinician's look before it is used."


def page(title: str, head: str, sections: Sequence[str], structures: int) -> str:
    """The document around the sections."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(POLICY)}"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{escape(title)}</title><style>{style_sheet(structures)}</style></head>\n<body>{window_filters()}"
        f'{head}<main class="wrap">{"".join(sections)}</main><script>{SCRIPT}</script></body></html>\n'
    )


def header(title: str, facts: Sequence[tuple[str, str, str]]) -> str:
    """Who, when and how. `facts` are (term, value, small print), plain text."""
    entries = "".join(
        f"<div><dt>{escape(term)}</dt><dd>{escape(value)}{f'<small>{escape(small)}</small>' if small else ''}</dd></div>"
        for term, value, small in facts
    )
    return (
        f'<div class="banner" role="note"><b>{RESEARCH_ONLY}</b> {NOT_A_DEVICE}</div>'
        '<header><div class="wrap"><div class="top"><span>P2SAMSlicer: contours propagated from the prior visit</span></div>'
        f'<h1>{escape(title)}</h1><dl class="facts">{entries}</dl></div></header>'
    )


def alert(title: str, lines: Sequence[str]) -> str:
    """A box that must be read; nothing where there is nothing to say."""
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<div class="alert" role="alert"><b>{escape(title)}</b><ul>{items}</ul></div>'


def section(title: str, *content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{''.join(content)}</section>"


def panel(*content: str) -> str:
    return f'<div class="panel">{"".join(content)}</div>'


def table(columns: Sequence[tuple[str, bool]], rows: Sequence[Sequence[str]], row_classes: Sequence[str] | None = None) -> str:
    """A table. `columns` are (title, is text); the cells are HTML."""
    text = [' class="t"' if is_text else "" for _, is_text in columns]
    head = "".join(f'<th scope="col"{kind}>{escape(title)}</th>' for (title, _), kind in zip(columns, text, strict=True))
    body = []
    for position, row in enumerate(rows):
        cells = "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, text, strict=True))
        name = row_classes[position] if row_classes else ""
        body.append(f'<tr class="{name}">{cells}</tr>' if name else f"<tr>{cells}</tr>")
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


def color_chip(color_rgb: Sequence[float]) -> str:
    red, green, blue = (round(255 * min(max(float(value), 0), 1)) for value in color_rgb)
    return f'<span class="chip" style="background:rgb({red},{green},{blue})"></span>'


def chart_legend() -> str:
    marks = (
        ("drawn", "drawn from prompts"),
        ("kept", "registered prior kept"),
        ("flagged", "a reason to look"),
        ("unscored", "no score"),
    )
    entries = [f'<span><svg width="16" height="16" aria-hidden="true">{mark_svg(kind, 8, 8)}</svg>{text}</span>' for kind, text in marks]
    entries += [
        f'<span><svg width="30" height="8" aria-hidden="true"><path class="l-{kind}" d="M0 4H30"/></svg>{text}</span>'
        for kind, text in (("result", "area of the result"), ("prior", "area of the aligned prior"))
    ]
    return f'<div class="legend">{"".join(entries)}</div>'


def picture_legend(with_truth: bool) -> str:
    """What the lines and points in the pictures mean, drawn on black as they appear."""
    lines = [("result", "result"), ("prior", "aligned prior")] + ([("truth", "truth given")] if with_truth else [])
    shapes = [(f'<path class="{kind}" d="M4 9H40"/>', text) for kind, text in lines]
    shapes += [
        ('<g class="positive"><circle cx="16" cy="9" r="5"/><text x="25" y="13" font-size="11">1</text></g>', "positive point and its part"),
        ('<g class="negative"><path d="M17 4l10 10m-10 0l10 -10"/></g>', "negative point"),
    ]
    entries = "".join(
        f'<span><svg class="ct" width="44" height="18" aria-hidden="true"><rect width="44" height="18" rx="3"/>{shape}</svg>{text}</span>'
        for shape, text in shapes
    )
    return f'<div class="legend">{entries}</div>'


def toolbar(structure_names: Sequence[str]) -> str:
    """Filters and the window switch: plain inputs before the cards, so that the style sheet alone does the work."""
    choices = [("s", "s-all", "All structures")] + [("s", f"s-{place}", name) for place, name in enumerate(structure_names)]
    views = [("w", "w-own", "As fits")] + [("w", f"w-{window.key}", window.title) for window in WINDOWS]
    inputs, labels = [], {"s": [], "w": []}
    for group, key, title in choices + views:
        checked = ' checked="checked"' if key in ("s-all", "w-own") else ""
        inputs.append(f'<input class="pick" type="radio" name="{group}" id="{key}"{checked}/>')
        labels[group].append(f'<label for="{key}">{escape(title)}</label>')
    inputs += [f'<input class="pick" type="checkbox" id="{key}"/>' for key in ("only", "lines", "points")]
    return (
        f'{"".join(inputs)}<div class="bar"><div class="group">{"".join(labels["s"])}</div>'
        '<div class="group"><label for="only">Only flagged or with a reason</label></div>'
        '<div class="group"><i>Hide</i><label for="lines">Contours</label><label for="points">Points</label></div>'
        f'<div class="group"><i>Window</i>{"".join(labels["w"])}</div>'
        '<div class="group"><button type="button" id="open">Open all</button><button type="button" id="close">Close all</button>'
        '<span id="count"></span></div></div>'
    )


def figure(picture: str, caption: str, window_key: str) -> str:
    """A picture with its caption (HTML) and the window it is shown in."""
    own = next(window.text for window in WINDOWS if window.key == window_key)
    return (
        f'<figure><div class="ct {window_key}">{picture}</div>'
        f'<figcaption>{caption}<br/><span class="win" data-own="{own}"></span></figcaption></figure>'
    )


def no_picture(reason: str) -> str:
    return f'<figure><div class="missing">{escape(reason)}</div></figure>'
