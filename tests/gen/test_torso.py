"""Shoulders go along with the head's change of place a little, and end at rest at the borders."""

import cv2
import numpy as np
import pytest

from recognizer.face_model import FACE_BOTTOM


def shifted(before, after):
    """By how many pixels a textured piece of a picture has moved, sideways and down."""
    grey = [cv2.cvtColor(i, cv2.COLOR_RGB2GRAY).astype(np.float32) for i in (before, after)]
    window = cv2.createHanningWindow(grey[0].shape[::-1], cv2.CV_32F)
    return np.array(cv2.phaseCorrelate(*grey, window)[0])


@pytest.fixture(scope="module")
def chest(portrait):
    """The pullover below the chin, where nothing of the head is left."""
    x, y = portrait.landmarks[FACE_BOTTOM, :2].astype(int)
    unit = portrait.pose.scale
    return (slice(y + int(0.35 * unit), y + int(0.65 * unit)),
            slice(x - int(0.5 * unit), x + int(0.5 * unit)))  # fmt: skip


@pytest.mark.parametrize("sideways", [0.15, -0.15])
def test_the_collar_goes_along_a_little(renderer, portrait, chest, sideways):
    frame = renderer.render(portrait.expression, np.array([0, 0, 0, sideways, 0, 0]))
    moved = shifted(portrait.image[chest], frame[chest])[0] / (sideways * portrait.pose.scale)
    assert 0.08 < moved < 0.35


def test_turning_leaves_the_shoulders_alone(renderer, portrait, chest):
    frame = renderer.render(portrait.expression, np.array([5.0, 8.0, 0, 0, 0, 0]))
    assert np.abs(frame[chest].astype(int) - portrait.image[chest]).mean() < 0.5


def test_nothing_comes_in_from_beyond_the_borders(renderer, portrait):
    """Sideways nothing moves at the sides, upright nothing at the lower border."""
    for place, ends in [((0.15, 0), np.s_[:, [0, -1]]), ((0, -0.15), np.s_[-1])]:
        frame = renderer.render(portrait.expression, np.array([0, 0, 0, *place, 0]))
        assert np.abs(frame[ends].astype(int) - portrait.image[ends]).mean() < 0.1
