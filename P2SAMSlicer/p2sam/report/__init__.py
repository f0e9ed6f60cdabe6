"""The report: one HTML file, slices with a flag or a reason to look first."""

from .page import picture_side, render_report, severity, worst_first

__all__ = ["picture_side", "render_report", "severity", "worst_first"]
