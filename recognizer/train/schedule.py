"""Courses of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable

#: The share, 0..1, of the run that is done and the steps that are → a factor, 0..1.
Schedule = Callable[[float, int], float]

#: Factors that a rate does not fall below where 0 would waste the step.
_LEAST = 0.01


def one_cycle(warmup: float) -> Schedule:
    """A line up for the share ``warmup`` of the run, half a cosine down to 0 (Smith and Topin
    2018)."""

    def factor(progress: float, step: int) -> float:
        if progress < warmup:
            return max(_LEAST, progress / warmup)
        return _half_cosine((progress - warmup) / max(1 - warmup, 1e-9))

    return factor


def cosine(warmup: int) -> Schedule:
    """Half a cosine down to 1 % over the run, below a line up for ``warmup`` steps."""

    def factor(progress: float, step: int) -> float:
        return min(1.0, (step + 1) / max(1, warmup)) * max(_LEAST, _half_cosine(progress))

    return factor


def _half_cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * progress))
