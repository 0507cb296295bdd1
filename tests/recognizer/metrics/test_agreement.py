"""Agreement of series against SciPy, torchmetrics and values worked out by hand."""

import numpy as np
import pytest
from scipy import stats

from recognizer.metrics.agreement import (
    concordance,
    lagged_correlation,
    pearson,
    root_mean_square_error,
    sign_agreement,
)
from recognizer.metrics.extras import UnavailableError, torchmetrics


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(0)
    target = rng.normal(0.2, 1, 80)
    return 0.6 * target + rng.normal(0, 0.5, 80) + 0.1, target


def test_pearson_is_scipys(pair):
    assert pearson(*pair) == pytest.approx(stats.pearsonr(*pair).statistic)
    assert np.isnan(pearson(np.ones(9), np.arange(9)))
    assert np.isnan(pearson(np.arange(9), np.ones(9)))


def test_concordance_by_its_other_formula(pair):
    """Lin's C_b: r times how far the line is from 45 degrees through the origin."""
    a, b = pair
    scale, shift = a.std() / b.std(), (a.mean() - b.mean()) / np.sqrt(a.std() * b.std())
    bias = 2 / (scale + 1 / scale + shift**2)
    assert concordance(a, b) == pytest.approx(stats.pearsonr(a, b).statistic * bias)
    assert concordance(b, b) == pytest.approx(1)
    assert concordance(-b, b - 2 * b.mean()) == pytest.approx(-1)


def test_concordance_is_torchmetrics(pair):
    try:
        torchmetrics()
    except UnavailableError as reason:
        pytest.skip(str(reason))
    import torch
    from torchmetrics.functional.regression import concordance_corrcoef

    # Theirs divides by N - 1: the same but for the mean's share.
    theirs = concordance_corrcoef(*(torch.tensor(x) for x in pair))
    assert concordance(*pair) == pytest.approx(float(theirs), rel=0.02)


def test_constants_have_no_target_to_follow():
    assert np.isnan(concordance(np.arange(5), np.ones(5)))
    assert concordance(np.ones(5), np.arange(5)) == 0


def test_unread_frames_are_left_out(pair):
    a, b = (x.copy() for x in pair)
    a[3], b[7] = np.nan, np.nan
    keep = np.isfinite(a) & np.isfinite(b)
    for figure in (pearson, concordance, root_mean_square_error, sign_agreement):
        assert figure(a, b) == figure(a[keep], b[keep])
        assert np.isnan(figure(np.full(4, np.nan), np.arange(4)))
        with pytest.raises(ValueError, match="cannot be compared"):
            figure(a, b[:5])


def test_errors_by_hand():
    assert root_mean_square_error([1, 2], [4, 6]) == pytest.approx(np.sqrt(12.5))
    assert sign_agreement([-1, 1, 1, 0], [-2, -1, 3, 0.1]) == 0.5


def test_lag_of_a_shifted_series():
    rng = np.random.default_rng(1)
    real = rng.normal(size=60)
    assert lagged_correlation(np.roll(real, 3), real, 5)[1:] == (pytest.approx(1), 3)
    assert lagged_correlation(np.roll(real, -2), real, 5)[2] == -2
    assert lagged_correlation(np.zeros(60), real, 5) == (None, None, None)
