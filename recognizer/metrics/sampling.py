"""What a mean over clips is worth: its bootstrap interval, and how many clips had no value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np


class Summary(TypedDict):
    """A figure as reports show it.

    ``value`` is the mean over the clips that have one (None where none has), ``n`` their number,
    ``undefined`` the number of the others, ``ci95`` the bootstrap interval of the mean.
    """

    value: float | None
    n: int
    undefined: int
    ci95: tuple[float, float] | None


def bootstrap_interval(
    values: Sequence[float], seed: int = 0, draws: int = 2000
) -> tuple[float, float] | None:
    """95 % interval of the mean over clips; ``None`` for fewer than two."""
    if len(values) < 2:
        return None
    values = np.asarray(values, float)
    picks = np.random.default_rng(seed).integers(len(values), size=(draws, len(values)))
    low, high = np.quantile(values[picks].mean(1), (0.025, 0.975))
    return float(low), float(high)


def summarize(values: Sequence[float]) -> Summary:
    """Mean over clips; NaN stands for a clip of which the measure is undefined.

    >>> summarize([1.0, float("nan"), 1.0])
    {'value': 1.0, 'n': 2, 'undefined': 1, 'ci95': (1.0, 1.0)}
    """
    values = np.asarray(values, np.float64)
    known = values[np.isfinite(values)]
    return Summary(
        value=float(known.mean()) if len(known) else None,
        n=len(known),
        undefined=len(values) - len(known),
        ci95=bootstrap_interval(known),
    )
