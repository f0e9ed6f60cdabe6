"""The report: one HTML file, worst slices first."""

from .page import picture_side, render_report, severity, worst_first

__all__ = ["picture_side", "render_report", "severity", "worst_first"]
