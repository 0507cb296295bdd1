"""How well two series agree: correlation, concordance, sign, and at which lag.

Frames that are not finite in either series are left out of every figure.
"""

from __future__ import annotations

import numpy as np

#: A series that varies by less than this is constant: it has no correlation.
_CONSTANT = 1e-9


def finite_pairs(shown: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two series as float64 ``[N]`` without the frames that either of them lacks.

    Raises:
        ValueError: they differ in length or are not one-dimensional.
    """
    shown, target = np.asarray(shown, np.float64), np.asarray(target, np.float64)
    if shown.shape != target.shape or shown.ndim != 1:
        raise ValueError(f"series of shapes {shown.shape} and {target.shape} cannot be compared")
    good = np.isfinite(shown) & np.isfinite(target)
    return shown[good], target[good]


def pearson(shown: np.ndarray, target: np.ndarray) -> float:
    """Pearson's correlation of two series ``[T]``, -1..1; NaN where either is constant.

    Raises:
        ValueError: the series do not match.

    >>> pearson([1, 2, 3, 4], [2, 4, 6, 8])
    1.0
    """
    a, b = finite_pairs(shown, target)
    if len(a) < 3 or np.ptp(a) <= _CONSTANT or np.ptp(b) <= _CONSTANT:
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1, 1))


def concordance(shown: np.ndarray, target: np.ndarray) -> float:
    """Concordance correlation coefficient (Lin 1989), -1..1, of two series ``[T]``.

    ``2 cov / (var₁ + var₂ + (mean₁ − mean₂)²)`` with the population's moments, as the Aff-Wild and
    REACT challenges compute it: 1 only for equal values. NaN where the target is constant: then
    there is nothing to follow. A constant answer to a target that varies has concordance 0.

    Raises:
        ValueError: the series do not match.

    >>> round(concordance([2.5, 0.0, 2, 8], [3, -0.5, 2, 7]), 4)
    0.9768
    """
    a, b = finite_pairs(shown, target)
    if len(b) < 2 or np.ptp(b) <= _CONSTANT:
        return float("nan")
    covariance = ((a - a.mean()) * (b - b.mean())).mean()
    return float(2 * covariance / (a.var() + b.var() + (a.mean() - b.mean()) ** 2))


def root_mean_square_error(shown: np.ndarray, target: np.ndarray) -> float:
    """``√mean((a − b)²)`` in the series' own unit; NaN of nothing.

    Raises:
        ValueError: the series do not match.

    >>> root_mean_square_error([1, 2, float("nan")], [1, 4, 0])
    1.4142135623730951
    """
    a, b = finite_pairs(shown, target)
    return float(np.sqrt(((a - b) ** 2).mean())) if len(a) else float("nan")


def sign_agreement(shown: np.ndarray, target: np.ndarray) -> float:
    """SAGR: share of frames in which both have the same sign, 0..1; NaN of nothing.

    Nicolaou, Gunes and Pantic 2011; zero agrees with zero alone, as in EmoNet's ``metrics.py``
    (Toisoul et al. 2021).

    Raises:
        ValueError: the series do not match.

    >>> sign_agreement([0.2, -0.1, 0.5, 0.0], [0.9, 0.1, 0.1, 0.0])
    0.75
    """
    a, b = finite_pairs(shown, target)
    return float((np.sign(a) == np.sign(b)).mean()) if len(a) else float("nan")


def lagged_correlation(
    made: np.ndarray, real: np.ndarray, max_lag: int
) -> tuple[float | None, float | None, int | None]:
    """Pearson's r at lag 0, the largest r within ``max_lag`` frames, and its lag.

    A positive lag means that ``made`` comes late. ``None`` where a series is constant: it has no
    correlation. Frames that are not finite are left out.

    Raises:
        ValueError: the series differ in length.

    >>> speech = np.sin(np.arange(100) / 3)
    >>> _, best, lag = lagged_correlation(np.roll(speech, 2), speech, max_lag=5)
    >>> lag, round(best, 6)
    (2, 1.0)
    """
    made, real = np.asarray(made, float), np.asarray(real, float)
    if made.shape != real.shape or made.ndim != 1:
        raise ValueError(f"series of shapes {made.shape} and {real.shape} cannot be correlated")
    by_lag: dict[int, float] = {}
    for lag in range(-max_lag, max_lag + 1):
        r = pearson(
            made[max(lag, 0) : len(made) + min(lag, 0)],
            real[max(-lag, 0) : len(real) + min(-lag, 0)],
        )
        if np.isfinite(r):
            by_lag[lag] = r
    if 0 not in by_lag:
        return None, None, None
    best = max(by_lag, key=by_lag.__getitem__)
    return by_lag[0], by_lag[best], best
