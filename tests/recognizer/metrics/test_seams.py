"""Seams in made motion against scikit-learn's area under the curve."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from recognizer.metrics.extras import UnavailableError, torchmetrics
from recognizer.metrics.seams import SeamDetectability, seam_detectability


@pytest.fixture(scope="module")
def smooth():
    rng = np.random.default_rng(0)
    phases = rng.uniform(0, 6.3, 4)
    return np.sin(np.arange(300)[:, None] / 9 * (1, 1.3, 0.7, 0.9) + phases)


def test_area_under_the_curve(smooth):
    walk = smooth + np.random.default_rng(1).normal(0, 0.01, smooth.shape)
    walk[100:] += 0.02
    jerk = np.abs(np.diff(walk / walk.std(0), n=3, axis=0)).mean(1)
    label = np.isin(np.arange(297), [97, 98, 99, 197, 198, 199])
    assert seam_detectability(walk, [100, 200]) == pytest.approx(roc_auc_score(label, jerk))


def test_a_jump_stands_out_and_chance_does_not(smooth):
    jumps = smooth.copy()
    jumps[100:] += 1
    jumps[200:] -= 1
    assert seam_detectability(jumps, [100, 200]) == 1
    noise = np.random.default_rng(2).normal(size=(4000, 3))
    assert seam_detectability(noise, range(100, 4000, 100)) == pytest.approx(0.5, abs=0.08)


def test_nothing_to_tell(smooth):
    assert np.isnan(seam_detectability(np.ones((20, 3)), [10]))
    assert np.isnan(seam_detectability(smooth, []))
    still = np.concatenate([smooth, np.ones((300, 2))], axis=1)
    assert seam_detectability(still, [100]) == seam_detectability(smooth, [100])
    with pytest.raises(ValueError, match="within 300 frames"):
        seam_detectability(smooth, [300])
    with pytest.raises(ValueError, match="missing frames"):
        seam_detectability(np.full((9, 1), np.nan), [4])


def test_class(smooth):
    try:
        torchmetrics()
    except UnavailableError as reason:
        pytest.skip(str(reason))
    metric = SeamDetectability()
    metric.update(smooth, [150])
    assert metric.compute()["value"] == pytest.approx(seam_detectability(smooth, [150]))
