"""Slicer side of P2SAM: MRML adapters, the logic that drives the worker, and the panels."""
