"""Figures of a classifier: confusion, accuracy, F1, calibration; agreement of measured values."""

from __future__ import annotations

import numpy as np


def confusion_matrix(truth: np.ndarray, guess: np.ndarray, classes: int) -> np.ndarray:
    """int64 ``[classes, classes]``: how often a truth (row) was taken for something (column).

    Args:
        truth, guess: ``[N]``, 0 to ``classes`` - 1.

    Raises:
        ValueError: lengths differ, or an index is out of range.

    >>> confusion_matrix([0, 0, 1], [0, 1, 1], 2)
    array([[1, 1],
           [0, 1]])
    """
    truth, guess = np.asarray(truth, int), np.asarray(guess, int)
    if truth.shape != guess.shape or truth.ndim != 1:
        raise ValueError(f"truth {truth.shape} and guess {guess.shape} must be of one length")
    if len(truth) and not (0 <= min(truth.min(), guess.min()) <= max(truth.max(), guess.max())):
        raise ValueError("classes count from 0")
    if len(truth) and max(truth.max(), guess.max()) >= classes:
        raise ValueError(f"there are {classes} classes, got index {max(truth.max(), guess.max())}")
    return np.bincount(truth * classes + guess, minlength=classes**2).reshape(classes, classes)


def accuracy(confusion: np.ndarray) -> float:
    """Share on the diagonal of a confusion matrix; NaN of nothing."""
    total = confusion.sum()
    return float(np.trace(confusion) / total) if total else float("nan")


def f1_scores(confusion: np.ndarray) -> np.ndarray:
    """``2 TP / (2 TP + FP + FN)`` of each class ``[C]``; NaN for classes that never occur in the
    truth."""
    hits = np.diag(confusion).astype(float)
    truth = confusion.sum(axis=1)
    scores = 2 * hits / np.maximum(truth + confusion.sum(axis=0), 1)
    return np.where(truth > 0, scores, np.nan)


def macro_f1(confusion: np.ndarray) -> float:
    """Mean F1 over the classes that occur in the truth; NaN of nothing.

    >>> macro_f1(confusion_matrix([0, 0, 1, 1], [0, 0, 1, 0], 2))
    0.7333333333333334
    """
    scores = f1_scores(confusion)
    return float(np.nanmean(scores)) if np.isfinite(scores).any() else float("nan")


def expected_calibration_error(
    probabilities: np.ndarray, truth: np.ndarray, bins: int = 15
) -> float:
    """Mean gap between the confidence and the accuracy of the guesses (Guo et al. 2017).

    ``Σ_b n_b / N |accuracy_b − confidence_b|`` over equal bins of the highest probability.

    Args:
        probabilities: ``[N, C]``.
        truth: ``[N]`` class indices.
    """
    confidence = probabilities.max(axis=1)
    hit = probabilities.argmax(axis=1) == truth
    bucket = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(bucket, hit - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(truth))


def icc(first: np.ndarray, second: np.ndarray) -> float:
    """Intraclass correlation ICC(3,1) of two raters of the same things, as FERA and DISFA use it.

    ``(BMS − EMS) / (BMS + EMS)``: mean square between things, and of the residual once raters'
    own means are taken off (Shrout and Fleiss 1979). NaN where nothing varies.

    Args:
        first, second: ``[N]``, N > 1.

    >>> icc([1, 2, 3, 4], [2, 3, 4, 5])  # who rates higher throughout still agrees
    1.0
    """
    ratings = np.stack([first, second], axis=1).astype(np.float64)
    ratings = ratings - ratings.mean(axis=0)
    between = 2 * (ratings.mean(axis=1) ** 2).sum() / (len(ratings) - 1)
    rest = ((ratings - ratings.mean(axis=1, keepdims=True)) ** 2).sum() / (len(ratings) - 1)
    return float((between - rest) / (between + rest)) if between + rest else float("nan")
