"""Keypoint distance: known displacements come out in % of the face's height."""

import numpy as np
import pytest

from recognizer.face_model import FACE_BOTTOM, FACE_TOP, LIPS, FaceModel
from recognizer.metrics.keypoints import (
    KEYPOINT_GROUPS,
    STEADY,
    KeypointDistance,
    aligned,
    keypoint_distance,
)


@pytest.fixture(scope="module")
def face():
    """The mean face, 200 pixels high."""
    points = FaceModel.load().landmarks.astype(np.float64)
    height = np.linalg.norm((points[FACE_TOP] - points[FACE_BOTTOM])[:2])
    return points * 200 / height + 300


def test_a_shift_of_one_group(face):
    moved = face.copy()
    moved[list(LIPS), :2] += (3, -4)
    away = keypoint_distance(moved[None], face[None])
    assert away["lips"] == pytest.approx(100 * 5 / 200)
    assert away["brows"] == pytest.approx(0)
    assert away["lids"] == pytest.approx(0)


def test_depth_and_size_do_not_matter(face):
    moved = face + np.random.default_rng(0).normal(0, 2, face.shape)
    away = keypoint_distance(moved[None], face[None])
    deeper = moved.copy()
    deeper[:, 2] += 50
    assert keypoint_distance(deeper[None], face[None])["lips"] == pytest.approx(away["lips"])
    for name, value in keypoint_distance(3 * moved[None], 3 * face[None]).items():
        assert value == pytest.approx(away[name])


def test_groups_are_parts_of_a_face(face):
    middle = {name: face[list(index), 1].mean() for name, index in KEYPOINT_GROUPS.items()}
    assert middle["brows"] < middle["lids"] < middle["lips"]
    assert all(len(set(index)) == len(index) for index in KEYPOINT_GROUPS.values())


def test_alignment_leaves_the_expression(face):
    open_mouth = face.copy()
    expressive = np.setdiff1d(np.arange(478), STEADY)
    open_mouth[expressive, :2] += np.random.default_rng(0).normal(0, 3, (len(expressive), 2))
    angle = np.deg2rad(25)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = 1.3 * open_mouth[:, :2] @ turn.T + (40, -70)
    assert aligned(moved, face) == pytest.approx(open_mouth[:, :2])
    before = keypoint_distance(open_mouth[None], face[None])["lips"]
    after = keypoint_distance(aligned(moved, face)[None], face[None, :, :2])["lips"]
    assert after == pytest.approx(before)


def test_running_mean_counts_the_lost(face):
    metric = KeypointDistance()
    assert metric.compute()["lips"] is None
    for step in (2.0, 4.0):
        metric.update(face + np.array([step, 0, 0]), face)
    metric.update(None, face)
    assert metric.compute() == pytest.approx(dict.fromkeys(KEYPOINT_GROUPS, 1.5))
    assert (metric.frames, metric.lost) == (2, 1)
    metric.reset()
    assert (metric.frames, metric.lost) == (0, 0)


def test_frames_without_a_face_stay_nan(face):
    points = np.stack([face, np.full_like(face, np.nan)])
    assert np.isnan(keypoint_distance(points, np.stack([face] * 2))["lids"]).tolist() == [
        False,
        True,
    ]
    with pytest.raises(ValueError, match="differ"):
        keypoint_distance(points, points[:1])
