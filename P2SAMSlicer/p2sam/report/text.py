"""Values of the report as text: names made safe, numbers with three digits, areas in square centimetres."""

from __future__ import annotations

import html
import re
from numbers import Integral

NOTHING = "\N{EM DASH}"
"""Where there is no value."""

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def escape(text: object) -> str:
    """Text from outside, safe in HTML and in XML; characters that XML forbids become a replacement mark."""
    return html.escape(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(text)))


def number(value: float | None, digits: int = 3, unit: str = "", signed: bool = False) -> str:
    """A number with so many significant digits (integers whole); a dash where there is none."""
    if value is None:
        return NOTHING
    sign = "+" if signed else ""
    if isinstance(value, Integral):
        text = f"{int(value):{sign}d}"
    elif abs(value) >= 10 ** (digits - 1):
        text = f"{value:{sign}.0f}"
    else:
        text = f"{value:{sign}#.{digits}g}".rstrip(".")
        text = f"{0:.{digits - 1}f}" if value == 0 else text
    return text.replace("-", "\N{MINUS SIGN}") + (f" {unit}" if unit else "")


def area(area_mm2: float) -> str:
    """Square centimetres with two decimals."""
    return f"{area_mm2 / 100:.2f} cm²"


def plain(code: str) -> str:
    """A flag's code as words."""
    return code.replace("_", " ").replace("-", " ")
