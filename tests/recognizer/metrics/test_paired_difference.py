"""The paired bootstrap against SciPy's, the closed form, and a count by hand."""

import numpy as np
import pytest
from scipy import stats

from recognizer.metrics.sampling import paired_difference


@pytest.fixture
def scores():
    rng = np.random.default_rng(3)
    clip = rng.normal(size=60)  # some clips are harder for everybody
    return clip + rng.normal(0.3, 0.4, 60), clip + rng.normal(0, 0.4, 60)


def test_interval_is_scipys(scores):
    found = paired_difference(*scores)

    def statistic(a, b, axis):
        return (a - b).mean(axis=axis)

    theirs = stats.bootstrap(
        scores, statistic, paired=True, vectorized=True, method="percentile", n_resamples=9999,
        rng=1,
    ).confidence_interval  # fmt: skip
    width = theirs.high - theirs.low
    assert found["ci95"] == pytest.approx((theirs.low, theirs.high), abs=0.06 * width)
    assert found["difference"] == pytest.approx(np.mean(scores[0]) - np.mean(scores[1]))


def test_interval_is_the_normal_one(scores):
    away = scores[0] - scores[1]
    half = 1.96 * away.std() / np.sqrt(len(away))
    low, high = paired_difference(*scores)["ci95"]
    assert high - low == pytest.approx(2 * half, rel=0.06)
    # What the clips have in common is gone: apart, their means differ by far less surely.
    apart = stats.ttest_ind(*scores).confidence_interval()
    assert apart.high - apart.low > 2 * (high - low)


def test_superiority_counts_pairs():
    nan = float("nan")
    found = paired_difference([1, 2, 3, nan, 5], [0, 2, 4, 1, nan])
    assert found == {"difference": 0.0, "ci95": found["ci95"], "n": 3, "superiority": 0.5}
    lower = paired_difference([1, 1, 1], [2, 2, 0], higher=False)
    assert lower["superiority"] == pytest.approx(2 / 3)
    assert paired_difference([nan], [1]) == {
        "difference": None, "ci95": None, "n": 0, "superiority": None,
    }  # fmt: skip
    assert paired_difference([1.0], [0.0])["ci95"] is None
    with pytest.raises(ValueError, match="no pairs"):
        paired_difference([1, 2], [1])
