"""Distances of clips that come one by one, with their controls, and histories of motion."""

import numpy as np
import pytest

from recognizer.face_model import LIPS, FaceModel
from recognizer.metrics.expression_distance import (
    ExpressionDeltaFrechetDistance,
    ExpressionFrechetDistance,
    ExpressionKernelDistance,
    LandmarkMotionDistance,
    TrajectoryFrechetDistance,
)
from recognizer.metrics.frechet import (
    delta_frechet_distance,
    expression_frechet_distance,
    expression_kernel_distance,
    trajectory_frechet_distance,
)
from recognizer.metrics.motion_history import motion_history


@pytest.fixture(scope="module")
def clips():
    rng = np.random.default_rng(0)
    return [rng.normal(0, 0.1, (40 + 5 * i, 3)).cumsum(0) for i in range(10)]


TWINS = [
    (ExpressionFrechetDistance, expression_frechet_distance),
    (ExpressionKernelDistance, expression_kernel_distance),
    (ExpressionDeltaFrechetDistance, delta_frechet_distance),
    (TrajectoryFrechetDistance, trajectory_frechet_distance),
]


@pytest.mark.parametrize(("kind", "twin"), TWINS)
def test_class_is_its_twin(kind, twin, clips, needs_torchmetrics):
    parts = [kind("made", draws=10, floor_draws=5), kind("made", draws=10, floor_draws=5)]
    for i, clip in enumerate(clips):
        parts[i // 5].update(0.7 * clip, real=False)
        parts[1 - i // 5].update(clip, real=True)
    parts[0].merge_state(parts[1])
    found = parts[0].compute()
    assert found["value"] == pytest.approx(twin([0.7 * c for c in clips], clips))
    assert (found["n"], found["n_real"], found["backend"]) == (10, 10, "made")
    assert found["frames"] == sum(len(c) for c in clips)
    assert found["ci95"][0] < found["ci95"][1] and found["floor"]["mean"] is not None
    sees_motion = kind in (ExpressionDeltaFrechetDistance, TrajectoryFrechetDistance)
    assert (found["shuffled"] > 1.5 * found["value"]) == sees_motion


def test_nothing_to_compare(clips, needs_torchmetrics):
    metric = ExpressionFrechetDistance("arkit52")
    metric.update(clips[0], real=False)
    assert metric.compute()["value"] is None
    with pytest.raises(ValueError, match="4 coefficients where others have 3"):
        metric.update(np.zeros((5, 4)), real=False)
    with pytest.raises(ValueError, match=r"\[T, D\]"):
        metric.update(np.zeros(5), real=False)
    with pytest.raises(ValueError, match="backend"):
        ExpressionFrechetDistance("")


@pytest.fixture(scope="module")
def face():
    return FaceModel.load().landmarks[:, :2].astype(np.float64)


def test_directions_of_motion(face):
    """Lips that go right by 3/256 of the face's height a frame, the rest still."""
    height = np.linalg.norm(face[10] - face[152])
    path = np.repeat(face[None], 16, axis=0)
    path[:, list(LIPS), 0] += np.arange(16)[:, None] * 3 * height / 256
    row = motion_history(path)[0].reshape(2, 4, 8)
    assert row[0, 0].max() == pytest.approx(2 / 8)  # log2(1 + 3) = 2 of 8 steps
    assert (row[0, 0] > 0).sum() == 1
    assert row[1].max() < 1e-9 and row[0, 2].sum() == 0
    turned = motion_history(path[..., ::-1])[0].reshape(2, 4, 8)
    assert turned[0, 0].argmax() != row[0, 0].argmax()
    assert motion_history(2 * path + 5) == pytest.approx(motion_history(path))


def test_windows_of_landmarks(face):
    path = np.repeat(face[None], 50, axis=0)
    assert motion_history(path, length=16).shape == (3, 64)
    assert motion_history(path, length=16, stride=4).shape == (9, 64)
    path[20] = np.nan
    assert motion_history(path, length=16).shape == (2, 64)
    with pytest.raises(ValueError, match="no window of 30"):
        motion_history(path, length=30)
    with pytest.raises(ValueError, match="are needed"):
        motion_history(face)


def test_trembling_landmarks_are_far_from_real(face, needs_torchmetrics):
    rng = np.random.default_rng(1)
    metric, same = (LandmarkMotionDistance("made", draws=0, floor_draws=0) for _ in range(2))
    for i in range(6):
        sway = 0.02 * np.sin(np.arange(64) / 8 + i)[:, None, None] * (1, 0.3)
        path = face + sway
        for m in (metric, same):
            m.update(path, real=True)
        metric.update(path + rng.normal(0, 0.01, path.shape), real=False)
        same.update(face + sway[::-1], real=False)
    assert metric.compute()["value"] > 3 * same.compute()["value"]
    assert metric.compute()["shuffled"] is None
