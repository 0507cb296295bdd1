"""Liveliness and smoothness of motion whose derivatives are known in closed form."""

import numpy as np
import pytest

from recognizer.facs import ARKIT_NAMES, POSE_NAMES
from recognizer.metrics.dynamics import (
    MOTION_REGIONS,
    Liveliness,
    SmoothnessRatio,
    TimeLaggedCorrelation,
    liveliness,
    smoothness,
    smoothness_ratio,
    time_lagged_correlation,
)


@pytest.fixture(scope="module")
def walks():
    rng = np.random.default_rng(0)
    return [rng.normal(0, 0.1, (frames, 3)).cumsum(0) for frames in (80, 120, 60, 90)]


def test_regions_are_columns_of_a_track():
    names = (*ARKIT_NAMES, *POSE_NAMES)
    assert [names[i] for i in MOTION_REGIONS["head"]] == ["headPitch", "headYaw", "headRoll"]
    assert len(MOTION_REGIONS["brows"]) == 5 and len(MOTION_REGIONS["eyes"]) == 14
    assert names[MOTION_REGIONS["mouth"][0]] == "jawForward"


def test_scale_and_frozen(walks):
    found = liveliness([0.3 * w for w in walks], walks)
    assert found == {"vc_r": pytest.approx(0.09), "std_r": pytest.approx(0.3)}
    still = liveliness([np.ones((9, 3))], walks)
    assert still == {"vc_r": 0, "std_r": 0}
    assert all(np.isnan(v) for v in liveliness(walks, [np.ones((9, 3))]).values())


def test_where_a_head_is_held_is_no_motion(walks):
    moved = [w + 10 * i for i, w in enumerate(walks)]
    assert liveliness(moved, walks) == {"vc_r": pytest.approx(1), "std_r": pytest.approx(1)}


def test_trembling_shows_in_change_alone():
    """White noise of variance s: its change has variance 2 s; a slow wave has next to none."""
    rng = np.random.default_rng(1)
    wave = np.sin(np.arange(4000) / 40)
    noise = rng.normal(0, 0.2, 4000)
    found = liveliness([wave + noise], [wave])
    assert found["vc_r"] == pytest.approx(1 + 2 * 0.04 / (0.5 / 40**2), rel=0.05)
    assert found["std_r"] == pytest.approx(np.sqrt(1 + 0.04 / 0.5), rel=0.02)


def test_lost_frames(walks):
    lost = walks[0].copy()
    lost[40] = np.nan
    steps = np.delete(np.diff(walks[0], axis=0), [39, 40], axis=0)
    wanted = steps.var(0).mean() / np.diff(walks[1], axis=0).var(0).mean()
    assert liveliness([lost], [walks[1]])["vc_r"] == pytest.approx(wanted)
    with pytest.raises(ValueError, match="same columns"):
        liveliness([walks[0][:, :2]], walks)


def test_class_agrees_and_merges(walks, needs_torchmetrics):
    parts = [Liveliness(draws=200), Liveliness(draws=200)]
    for i, walk in enumerate(walks):
        parts[i % 2].update(0.5 * walk[:70], real=False)
        parts[(i + 1) % 2].update(walk, real=True)
    parts[0].merge_state(parts[1])
    found = parts[0].compute()
    for name, value in liveliness([0.5 * w[:70] for w in walks], walks).items():
        assert found[name]["value"] == pytest.approx(value)
        low, high = found[name]["ci95"]
        assert low < value < high
    assert found["vc_r"]["n"] == 4


def test_derivatives_of_a_cubic():
    """x = t³ at 10 frames a second: finite differences of a cubic are exact in the third."""
    t = np.arange(200) / 10
    found = smoothness(t**3, fps=10)
    assert found["jerk"] == pytest.approx(6)
    assert found["jitter"] == pytest.approx(np.mean(6 * t[1:-1]))
    assert found["speed"] == pytest.approx((t[-1] ** 3) / t[-1])


def test_points_move_by_their_distance():
    path = np.zeros((5, 2, 2))
    path[:, 0] = np.arange(5)[:, None] * (3, 4)  # one point moves by 5 a frame, the other rests
    assert smoothness(path, fps=2)["speed"] == pytest.approx(5 * 2 / 2)
    assert np.isnan(smoothness(path[:2])["jerk"])


def test_ratio(walks, needs_torchmetrics):
    ratio = smoothness_ratio(2 * walks[0], walks[0])
    assert ratio == {name: pytest.approx(2) for name in ("speed", "jitter", "jerk")}
    assert np.isnan(smoothness_ratio(walks[0], np.zeros((9, 3)))["speed"])
    metric = SmoothnessRatio(fps=30.0)
    metric.update(walks[0], walks[0])
    metric.update(3 * walks[1], walks[1])
    assert metric.compute()["jerk"]["value"] == pytest.approx(2)


def test_lag_in_columns(walks, needs_torchmetrics):
    walk = np.diff(walks[1], axis=0)
    found = time_lagged_correlation(walk[:-4], walk[4:], 6)
    assert found["lag"] == 4 and found["r_best"] == pytest.approx(1)
    assert found["r"] == pytest.approx(
        np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(walk[:-4].T, walk[4:].T, strict=True)])
    )
    constant = np.concatenate([walk, np.ones((len(walk), 1))], axis=1)
    assert time_lagged_correlation(constant, constant, 2)["r_best"] == pytest.approx(1)
    assert np.isnan(time_lagged_correlation(np.ones(9), np.ones(9), 2)["r"])
    with pytest.raises(ValueError, match="more than 6 frames"):
        time_lagged_correlation(walk[:5], walk[:5], 6)
    metric = TimeLaggedCorrelation(max_lag=3)
    metric.update(walk[:-2], walk[2:])
    assert metric.compute()["lag"]["value"] == 2
