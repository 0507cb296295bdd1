"""REACT's measures of a listener's face, and dynamic time warping.

Song et al., *REACT 2023: the first Multi-modal Multiple Appropriate Facial Reaction Generation
Challenge*, and its code (github.com/reactmultimodalchallenge, folder ``metric``). To one behaviour
of a speaker belong several *samples*, reactions ``[S, T, D]`` that a model generated for it, and a
set of *appropriate* real ones ``[A, T, D]``; there D is 25: 15 action units, valence and arousal,
8 emotions. For a clip with one target, each set holds one. Figures here are of one speaker, or of
a list of them where the measure compares speakers; the challenge averages over speakers, and sums
over the ten samples where this takes the mean (FRCorr, FRDist: theirs is ten times ours).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import cdist

from recognizer.metrics.agreement import concordance
from recognizer.metrics.dynamics import time_lagged_correlation
from recognizer.metrics.metric import ClipMetric

#: Column ranges and their weights in FRDist: action units, valence and arousal, emotions.
REACT_GROUPS: tuple[tuple[int, int, float], ...] = ((0, 15, 1 / 15), (15, 17, 1.0), (17, 25, 1 / 8))


def dynamic_time_warping(first: np.ndarray, second: np.ndarray) -> float:
    """Distance of two series of any lengths when time may stretch (Sakoe and Chiba 1978).

    ``√min Σ ‖x[i] − y[j]‖²`` over monotone paths from the first pair of frames to the last, with
    steps of one frame in either or both: tslearn's ``dtw``. 0 for a series and itself played at
    another speed.

    Args:
        first: ``[T]`` or ``[T, D]``.
        second: ``[S]`` or ``[S, D]``.

    Raises:
        ValueError: a series is empty or not finite, or columns differ.

    >>> dynamic_time_warping([1, 2, 3], [1, 2, 2, 2, 3])
    0.0
    """
    x, y = (np.asarray(s, np.float64) for s in (first, second))
    x, y = (s[:, None] if s.ndim == 1 else s for s in (x, y))
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or 0 in (len(x), len(y)):
        raise ValueError(f"series of shapes {list(x.shape)} and {list(y.shape)} cannot be aligned")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("series with missing frames cannot be aligned")
    cost = cdist(x, y, "sqeuclidean")
    rows, columns = cost.shape
    # Cells (i, k - i) of one antidiagonal depend on those of the two before it alone.
    before = np.full(rows, np.inf)
    last = np.full(rows, np.inf)
    last[0] = cost[0, 0]
    for k in range(1, rows + columns - 1):
        i = np.arange(max(0, k - columns + 1), min(rows, k + 1))
        up = np.where(i > 0, last[i - 1], np.inf)
        diagonal = np.where(i > 0, before[i - 1], np.inf)
        now = np.full(rows, np.inf)
        now[i] = cost[i, k - i] + np.minimum(np.minimum(up, last[i]), diagonal)
        before, last = last, now
    return float(np.sqrt(last[rows - 1]))


def _set(reactions: np.ndarray) -> np.ndarray:
    reactions = np.asarray(reactions, np.float64)
    if reactions.ndim != 3 or 0 in reactions.shape:
        raise ValueError(f"reactions must be [S, T, D], got {list(reactions.shape)}")
    return reactions


def reaction_correlation(samples: np.ndarray, appropriate: np.ndarray) -> float:
    """FRCorr: mean over samples of the best concordance with an appropriate reaction, -1..1.

    ``mean_s max_a mean_d CCC(samples[s, :, d], appropriate[a, :, d])``. A column in which the real
    one never changes has no concordance and is left out (their code counts it as 0).

    Args:
        samples: ``[S, T, D]``.
        appropriate: ``[A, T, D]``.

    Returns:
        NaN where no column of any appropriate reaction varies.

    Raises:
        ValueError: the shapes do not match.
    """
    samples, appropriate = _set(samples), _set(appropriate)
    if samples.shape[1:] != appropriate.shape[1:]:
        raise ValueError(
            f"reactions of {list(samples.shape[1:])} and {list(appropriate.shape[1:])} are compared"
        )
    table = np.array(
        [
            [[concordance(s, a) for s, a in zip(x.T, y.T, strict=True)] for y in appropriate]
            for x in samples
        ]
    )
    defined = np.isfinite(table)
    means = np.where(defined, table, 0).sum(-1) / np.maximum(defined.sum(-1), 1)
    means[~defined.any(axis=-1)] = -np.inf
    best = means.max(axis=1)
    return float(best.mean()) if np.isfinite(best).all() else float("nan")


def reaction_distance(
    samples: np.ndarray,
    appropriate: np.ndarray,
    groups: Sequence[tuple[int, int, float]] = REACT_GROUPS,
) -> float:
    """FRDist: mean over samples of the smallest warped distance to an appropriate reaction.

    ``mean_s min_a Σ_g w_g DTW(samples[s, :, g], appropriate[a, :, g])``; lower is better.

    Args:
        samples: ``[S, T, D]``.
        appropriate: ``[A, T', D]``.
        groups: first column, last column + 1, weight.

    Raises:
        ValueError: columns differ or a group lies outside them.
    """
    samples, appropriate = _set(samples), _set(appropriate)
    if max(end for _, end, _ in groups) > samples.shape[2]:
        raise ValueError(f"the groups need more columns than the {samples.shape[2]} there are")
    distances = [
        min(
            sum(w * dynamic_time_warping(x[:, a:b], y[:, a:b]) for a, b, w in groups)
            for y in appropriate
        )
        for x in samples
    ]
    return float(np.mean(distances))


def reaction_variance(samples: np.ndarray) -> float:
    """FRVar: how much reactions change over time: mean over samples and columns of the variance
    over frames (divided by T - 1). 0 is a frozen listener.

    Raises:
        ValueError: the samples are not ``[S, T, D]``.
    """
    samples = _set(samples)
    return float(samples.var(axis=1, ddof=1).mean()) if samples.shape[1] > 1 else float("nan")


def reaction_diversity(samples: np.ndarray) -> float:
    """FRDiv: how much samples for one speaker differ: mean squared difference of two of them.

    ``Σ_{s≠s'} ‖x_s − x_s'‖² / (S (S − 1) T D)``: the challenge's S-MSE. NaN for a single sample.
    The same of samples for different speakers is its FRDvs.

    Raises:
        ValueError: the samples are not ``[S, T, D]``.
    """
    samples = _set(samples)
    if len(samples) < 2:
        return float("nan")
    # The mean squared difference of all pairs is twice the unbiased variance.
    return float(2 * samples.var(axis=0, ddof=1).mean())


def reaction_synchrony(samples: np.ndarray, speaker: np.ndarray, max_lag: int = 49) -> float:
    """FRSyn: how late or early listeners react: mean over samples of the absolute lag, in frames,
    at which they correlate best with the speaker.

    The lag of :func:`recognizer.metrics.dynamics.time_lagged_correlation`; the challenge looks
    within two seconds at 25 fps. Samples that never vary have no lag and are left out.

    Args:
        samples: ``[S, T, D]``.
        speaker: ``[T, D]``.
        max_lag: frames.

    Returns:
        NaN where no sample has a lag.

    Raises:
        ValueError: the shapes do not match.
    """
    lags = [time_lagged_correlation(sample, speaker, max_lag)["lag"] for sample in _set(samples)]
    known = np.abs(np.array(lags)[np.isfinite(lags)])
    return float(known.mean()) if len(known) else float("nan")


def reaction_measures(
    samples: np.ndarray,
    appropriate: np.ndarray,
    speaker: np.ndarray,
    groups: Sequence[tuple[int, int, float]] = REACT_GROUPS,
    max_lag: int = 49,
) -> dict[str, float]:
    """All five of one speaker, by their names: ``frcorr, frdist, frdiv, frvar, frsyn``.

    Arguments are those of the single functions.
    """
    return {
        "frcorr": reaction_correlation(samples, appropriate),
        "frdist": reaction_distance(samples, appropriate, groups),
        "frdiv": reaction_diversity(samples),
        "frvar": reaction_variance(samples),
        "frsyn": reaction_synchrony(samples, speaker, max_lag),
    }


class ReactionMeasures(ClipMetric):
    """:func:`reaction_measures` averaged over speakers.

    Args:
        groups, max_lag: of the function.

    Raises:
        UnavailableError: torchmetrics is not installed.
    """

    measure = staticmethod(reaction_measures)
    names = ("frcorr", "frdist", "frdiv", "frvar", "frsyn")
