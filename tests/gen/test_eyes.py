"""The lamps that an eye reflects stay behind as it turns."""

import numpy as np
import pytest

from gen.renderers.eyes import _complete

SIZE, RADIUS = 61, 16.0


@pytest.fixture
def eye():
    """An eye with a brown iris and a lamp in it, seen without lids."""
    ys, xs = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    distance = np.hypot(xs - 30, ys - 30)
    patch = np.where(distance[..., None] < RADIUS, [90, 60, 40], [220, 215, 210]).astype(np.uint8)
    lamp = np.hypot(xs - 25, ys - 25) < 3
    patch[lamp] = 250
    return patch, distance, lamp


def test_a_lamp_is_no_part_of_the_iris(eye):
    patch, distance, lamp = eye
    iris, glint = _complete(patch, np.full((SIZE, SIZE), 50.0), distance, RADIUS)
    assert glint[lamp].min() > 100
    assert glint[~lamp].max() == 0
    assert iris[lamp, 0].max() < 130
    # Laid together they are what the camera saw.
    inside = distance < RADIUS - 2
    assert np.abs(iris[inside, :3].astype(int) + glint[inside] - patch[inside]).max() <= 1


def test_an_even_iris_reflects_nothing(eye):
    patch, distance, lamp = eye
    patch[lamp] = (90, 60, 40)
    _, glint = _complete(patch, np.full((SIZE, SIZE), 50.0), distance, RADIUS)
    assert glint.max() == 0
