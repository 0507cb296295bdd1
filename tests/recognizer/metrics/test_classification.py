"""Figures of a classifier against values worked out by hand and against scipy."""

import numpy as np
import pytest

from recognizer.metrics.classification import (
    accuracy,
    confusion_matrix,
    expected_calibration_error,
    f1_scores,
    icc,
    macro_f1,
)


def test_by_hand():
    """Three classes, a fourth that never occurs but is guessed once.

    Class 0: 2 of 3 found, none wrong: 2*2/(3+2) = 4/5. Class 1: 1 of 2 found, one wrong:
    2*1/(2+2) = 1/2. Class 2: none of one found, one wrong: 0.
    """
    truth = [0, 0, 0, 1, 1, 2]
    guess = [0, 0, 1, 1, 2, 3]
    matrix = confusion_matrix(truth, guess, 4)
    assert matrix.tolist() == [[2, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    assert accuracy(matrix) == pytest.approx(3 / 6)
    np.testing.assert_allclose(f1_scores(matrix), [0.8, 0.5, 0, np.nan])
    assert macro_f1(matrix) == pytest.approx(1.3 / 3)


def test_nothing_has_no_figure():
    empty = confusion_matrix([], [], 3)
    assert np.isnan(accuracy(empty)) and np.isnan(macro_f1(empty))


def test_bad_labels():
    with pytest.raises(ValueError, match="of one length"):
        confusion_matrix([0, 1], [0], 2)
    with pytest.raises(ValueError, match="there are 2 classes, got index 2"):
        confusion_matrix([0, 1], [0, 2], 2)
    with pytest.raises(ValueError, match="count from 0"):
        confusion_matrix([0, -1], [0, 1], 2)


def test_calibration_by_hand():
    """Two guesses at 0.9, one right: off by 0.4; two at 0.6, both right: off by 0.4."""
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    assert expected_calibration_error(p, np.array([0, 1, 1, 1])) == pytest.approx(0.4)


def test_shrout_and_fleiss_example():
    """The published example of four judges and six things; judges 1 and 2 alone, from the mean
    squares of a two-way analysis of variance done in full."""
    first, second = np.array([9.0, 6, 8, 7, 10, 6]), np.array([2.0, 1, 4, 1, 5, 2])
    table = np.stack([first, second], 1)
    n, k = table.shape
    grand = table.mean()
    rows = k * ((table.mean(1) - grand) ** 2).sum() / (n - 1)
    columns = n * ((table.mean(0) - grand) ** 2).sum()
    total = ((table - grand) ** 2).sum()
    error = (total - rows * (n - 1) - columns) / ((n - 1) * (k - 1))
    assert icc(first, second) == pytest.approx((rows - error) / (rows + (k - 1) * error))


def test_agreement_does_not_mind_an_offset_but_a_scale():
    values = np.random.default_rng(0).normal(size=200)
    assert icc(values, values + 3) == pytest.approx(1)
    assert icc(values, -values) == pytest.approx(-1)
    assert icc(values, values * 0.2) < 0.5
    assert np.isnan(icc(np.ones(5), np.ones(5)))
