"""Time warping by brute force and REACT's measures by the challenge's own formulas."""

import functools

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from recognizer.metrics.agreement import concordance
from recognizer.metrics.extras import UnavailableError, torchmetrics
from recognizer.metrics.reaction import (
    ReactionMeasures,
    dynamic_time_warping,
    reaction_correlation,
    reaction_distance,
    reaction_diversity,
    reaction_synchrony,
    reaction_variance,
)

GROUPS = ((0, 2, 0.5), (2, 3, 1.0))


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def sets(rng):
    return rng.normal(size=(4, 30, 3)).cumsum(1), rng.normal(size=(3, 30, 3)).cumsum(1)


def brute_force(x, y):
    """Sakoe and Chiba's recursion as it is written."""

    @functools.cache
    def total(i, j):
        here = ((x[i] - y[j]) ** 2).sum()
        if (i, j) == (0, 0):
            return here
        steps = [(i - 1, j), (i, j - 1), (i - 1, j - 1)]
        return here + min(total(a, b) for a, b in steps if a >= 0 and b >= 0)

    return total(len(x) - 1, len(y) - 1) ** 0.5


@pytest.mark.parametrize("lengths", [(1, 1), (1, 7), (7, 1), (13, 13), (9, 20), (20, 9)])
def test_warping_by_brute_force(rng, lengths):
    x, y = (rng.normal(size=(n, 2)).cumsum(0) for n in lengths)
    assert dynamic_time_warping(x, y) == pytest.approx(brute_force(x, y))


def test_warping_forgives_tempo(rng):
    x = rng.normal(size=(20, 3)).cumsum(0)
    assert dynamic_time_warping(x, np.repeat(x, 3, axis=0)) == 0
    assert dynamic_time_warping(x, x + 1) <= np.sqrt(20 * 3)
    with pytest.raises(ValueError, match="cannot be aligned"):
        dynamic_time_warping(x, x[:, :2])
    with pytest.raises(ValueError, match="missing frames"):
        dynamic_time_warping(x, np.full((4, 3), np.nan))


def test_correlation_takes_the_best_of_the_appropriate(sets):
    samples, appropriate = sets
    best = [
        max(np.mean([concordance(x[:, d], y[:, d]) for d in range(3)]) for y in appropriate)
        for x in samples
    ]
    assert reaction_correlation(samples, appropriate) == pytest.approx(np.mean(best))
    assert reaction_correlation(appropriate[:1], appropriate) == pytest.approx(1)
    constant = appropriate.copy()
    constant[..., 2] = 0.3
    assert reaction_correlation(constant[:1], constant) == pytest.approx(1)
    assert np.isnan(reaction_correlation(samples, np.ones((1, 30, 3))))


def test_distance_takes_the_nearest(sets):
    samples, appropriate = sets
    nearest = [
        min(
            0.5 * brute_force(x[:, :2], y[:, :2]) + brute_force(x[:, 2:], y[:, 2:])
            for y in appropriate
        )
        for x in samples
    ]
    assert reaction_distance(samples, appropriate, GROUPS) == pytest.approx(np.mean(nearest))
    assert reaction_distance(appropriate[:1], appropriate, GROUPS) == 0
    with pytest.raises(ValueError, match="more columns"):
        reaction_distance(samples, appropriate)


def test_variance_and_diversity(sets):
    samples = sets[0]
    assert reaction_variance(samples) == pytest.approx(
        np.mean([np.var(x, axis=0, ddof=1) for x in samples])
    )
    pairs = pdist(samples.reshape(4, -1), "sqeuclidean") / 90
    assert reaction_diversity(samples) == pytest.approx(pairs.mean())
    assert reaction_diversity(samples[[0, 0]]) == 0 and np.isnan(reaction_diversity(samples[:1]))
    with pytest.raises(ValueError, match=r"\[S, T, D\]"):
        reaction_variance(samples[0])


def test_synchrony(rng):
    speaker = rng.normal(size=(120, 3))
    late = np.stack([np.roll(speaker, 6, axis=0), np.roll(speaker, -2, axis=0)])
    assert reaction_synchrony(late, speaker, 10) == 4
    still = np.concatenate([late, np.zeros((1, 120, 3))])
    assert reaction_synchrony(still, speaker, 10) == 4


def test_class(sets, rng):
    try:
        torchmetrics()
    except UnavailableError as reason:
        pytest.skip(str(reason))
    metric = ReactionMeasures(groups=GROUPS, max_lag=5)
    speaker = rng.normal(size=(30, 3))
    metric.update(*sets, speaker)
    metric.update(sets[1], sets[1], speaker)
    found = metric.compute()
    assert found["frdist"]["value"] == pytest.approx(reaction_distance(*sets, GROUPS) / 2)
    assert found["frcorr"]["n"] == 2
