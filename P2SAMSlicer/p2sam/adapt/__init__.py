"""Adapting SAM to a domain: data sets, the interactive training of SAM, LoRA, and what is saved of it.

Section 3.3 and appendix B of P2SAM (arXiv 2403.05433). Nothing in the pipeline imports this package.
"""
