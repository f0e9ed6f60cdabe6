"""The learning rate of every step, a function of the step alone: nothing of it needs to be saved."""

from __future__ import annotations

import math


def rate_at(step: int, steps: int, peak: float, warm_up: float = 0.1, lowest: float = 0.0) -> float:
    """Linear from 0 to `peak` over the first part of all steps, then half a cosine down.

    Parameters
    ----------
    step : int
        From 0; the rate of the first step is not 0.
    warm_up : float
        The part of all steps that warms up.
    lowest : float
        Where the cosine ends.
    """
    warming = round(warm_up * steps)
    if step < warming:
        return peak * (step + 1) / warming
    done = (step - warming) / max(steps - warming, 1)
    return lowest + (peak - lowest) * (1 + math.cos(math.pi * min(done, 1.0))) / 2
