"""The benchmark's plumbing: features belong to the sound that they were made from."""

from __future__ import annotations

import numpy as np

from gen.bench.speech import _remembering, seen_opening


def test_remembered_features_belong_to_their_sound():
    calls = []
    encode = _remembering(lambda w: calls.append(1) or np.full((1, 1), w.sum()))
    # Arrays that die hand their address to the next one.
    for value in range(200):
        assert encode(np.full(1000, float(value)))[0, 0] == 1000 * value
    assert encode(np.full(1000, 7.0))[0, 0] == 7000
    assert len(calls) == 200


def test_seen_opening_is_relative_to_the_face():
    points = np.zeros((2, 478, 3))
    points[:, 152, 1] = 200.0
    points[:, [87, 14, 317], 1] = 10.0
    points[1] *= 3
    np.testing.assert_allclose(seen_opening(points), [0.05, 0.05])
