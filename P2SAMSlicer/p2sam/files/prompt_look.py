"""How the two kinds of prompts look, in files and in the scene. Read by Slicer's own process: nothing heavy here."""

from __future__ import annotations

POSITIVE, NEGATIVE = 1, 0
WORDS = {POSITIVE: "positive", NEGATIVE: "negative"}
COLORS_RGB = {POSITIVE: (0.10, 0.80, 0.25), NEGATIVE: (0.90, 0.10, 0.10)}
GLYPHS = {POSITIVE: "Circle2D", NEGATIVE: "ThickCross2D"}
"""Shape as well as colour tells the two apart."""
ACTIVE_RGB = (1.0, 1.0, 0.0)
GLYPH_SCALE, TEXT_SCALE = 3.0, 2.5
"""Percent of the view's size."""
