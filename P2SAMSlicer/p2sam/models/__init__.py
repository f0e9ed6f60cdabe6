"""Promptable models: one protocol (`base`), one table of what exists (`registry`), one adapter a family."""
