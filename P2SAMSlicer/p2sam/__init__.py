"""P2SAM: segment a follow-up image from one prior image and its segmentation, without training."""

__version__ = "0.1.0"
