"""Flicker: what alternates counts, what moves steadily does not."""

import numpy as np
import pytest

from recognizer.metrics.temporal import Flicker, flicker


def test_alternation_by_a_gives_a():
    frames = np.full((7, 4, 5, 3), 100, np.uint8)
    frames[::2] += 6  # 100 ± 3 about their mean
    assert flicker(frames) == pytest.approx(3)


def test_a_steady_change_has_none():
    frames = np.arange(0, 250, 10, dtype=np.uint8)[:, None, None, None] * np.ones(
        (1, 4, 4, 3), np.uint8
    )
    assert flicker(frames) == 0


def test_mask_chooses_pixels():
    frames = np.zeros((5, 4, 4, 3), np.uint8)
    frames[::2, 0] = 8
    mask = np.zeros((4, 4), bool)
    mask[1:] = True
    assert flicker(frames, mask) == 0
    assert flicker(frames, ~mask) == pytest.approx(4)


def test_too_little_to_say():
    metric = Flicker()
    metric.update(np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(ValueError, match="three frames"):
        metric.compute()
    with pytest.raises(ValueError, match="no pixel"):
        flicker(np.zeros((3, 2, 2, 3), np.uint8), np.zeros((2, 2), bool))
