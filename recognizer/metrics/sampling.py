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


class PairedSummary(TypedDict):
    """Two systems over the same clips.

    ``difference`` is the mean of first less second (None without pairs), ``ci95`` the bootstrap
    interval when pairs are drawn anew (None for fewer than two), ``n`` the pairs in which both are
    defined, ``superiority`` the share of pairs in which the first is better, ties counting half.
    """

    difference: float | None
    ci95: tuple[float, float] | None
    n: int
    superiority: float | None


def paired_difference(
    first: Sequence[float], second: Sequence[float], higher: bool = True
) -> PairedSummary:
    """The paired bootstrap (Efron and Tibshirani 1993; Koehn 2004), and the probability of
    superiority of dependent samples (Grissom and Kim 2012).

    Args:
        first, second: a value of each clip ``[N]``; NaN where it is undefined.
        higher: whether more is better.

    Raises:
        ValueError: the lengths differ.

    >>> round(paired_difference([1, 2, 3], [0, 2, 1])["superiority"], 4)
    0.8333
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"values of {first.shape} and {second.shape} clips are no pairs")
    away = first - second
    away = away[np.isfinite(away)]
    won = away if higher else -away
    some = len(away) > 0
    return PairedSummary(
        difference=float(away.mean()) if some else None,
        ci95=bootstrap_interval(away),
        n=len(away),
        superiority=float((won > 0).mean() + (won == 0).mean() / 2) if some else None,
    )
