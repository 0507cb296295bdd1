"""The fit against faces made from the model, and its parts against scipy."""

import numpy as np
import pytest
from scipy.optimize import lsq_linear
from scipy.spatial.transform import Rotation

from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX, ARKIT_NAMES
from recognizer.fitting import FaceFitter, Pose, _box_least_squares, similarity
from recognizer.motion import euler_angles, rotation_matrix

NOISE = 0.002  # face widths: half a pixel on a face of 250


def pixels(shape, angles, scale=250.0, shift=(320.0, 240.0, 0.0), seed=0):
    rng = np.random.default_rng(seed)
    noisy = shape + rng.normal(0, NOISE, shape.shape)
    return Pose(scale, rotation_matrix(np.array(angles)), np.array(shift)).project(noisy)


def posed(model, coefficients):
    return model.landmarks + np.tensordot(coefficients, model.landmark_blendshapes, 1)


@pytest.fixture(scope="module")
def model():
    return FaceModel.load()


EXPRESSIONS = [
    {},
    {"jawOpen": 0.6},
    {"mouthSmile": 0.8, "jawOpen": 0.2},
    {"mouthPucker": 0.7},
    {"browInnerUp": 0.8, "mouthFrown": 0.5},
    {"eyeBlink": 0.9, "browDown": 0.6},
    {"mouthFunnel": 0.6, "jawOpen": 0.4},
]


@pytest.mark.parametrize("wanted", EXPRESSIONS, ids=str)
@pytest.mark.parametrize("angles", [(0, 0, 0), (12, -25, 8), (-15, 20, -20)], ids=str)
def test_pose_and_coefficients_are_recovered(model, coefficients, wanted, angles):
    truth = coefficients(**wanted)
    # MediaPipe's scores are blunt: they know what moves, but not how far.
    blunt = 0.7 * truth
    pose, found = FaceFitter(model).fit_frame(pixels(posed(model, truth), angles), blunt)
    assert euler_angles(pose.rotation) == pytest.approx(np.array(angles), abs=1)
    assert pose.scale == pytest.approx(250, rel=0.01)
    assert pose.shift[:2] == pytest.approx([320, 240], abs=2)
    for name, value in zip(ARKIT_NAMES, truth, strict=True):
        if value > 0:
            # Brows and lids move few points by little, so the scores hold them back more.
            near = 0.1 if name.startswith(("jaw", "mouth")) else 0.16
            assert found[ARKIT_INDEX[name]] == pytest.approx(value, abs=near), name
            assert abs(found[ARKIT_INDEX[name]] - value) < 0.7 * 0.3 * value, name
    assert ((found >= 0) & (found <= 1)).all()
    assert found[truth == 0].max() < 0.2


def test_the_landmarks_say_more_than_the_scores(model, coefficients):
    truth = coefficients(jawOpen=0.6, mouthSmile=0.5)
    _, found = FaceFitter(model).fit_frame(pixels(posed(model, truth), (0, 0, 0)), np.zeros(52))
    assert (found[truth > 0] > 0.6 * truth[truth > 0]).all()


def test_one_side_stays_on_its_side(model):
    truth = np.zeros(52)
    truth[ARKIT_INDEX["mouthSmileLeft"]] = 0.8
    _, found = FaceFitter(model).fit_frame(pixels(posed(model, truth), (0, 10, 0)), 0.7 * truth)
    assert found[ARKIT_INDEX["mouthSmileLeft"]] > 0.65
    assert found[ARKIT_INDEX["mouthSmileRight"]] < 0.15


@pytest.mark.parametrize("seed", [0, 1])
def test_a_person_is_solved_from_several_frames(model, seed):
    rng = np.random.default_rng(seed)
    identity = rng.normal(0, 0.7, len(model.identity))
    person = model.landmarks + np.tensordot(identity, model.landmark_identity, 1)
    jaw, smile = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthSmileLeft"]
    points, scores, angles = [], [], []
    for i in range(12):
        truth = np.zeros(52)
        truth[jaw], truth[smile] = rng.uniform(0, 0.7, 2)
        angles.append(rng.uniform(-15, 15, 3))
        shape = person + np.tensordot(truth, model.landmark_blendshapes, 1)
        points.append(pixels(shape, angles[-1], seed=i))
        scores.append(truth)
    points, scores = np.array(points), np.array(scores)
    fitter = FaceFitter(model)
    before = np.linalg.norm(fitter.shape - person, axis=1)[:468].mean()
    fitter.fit_identity(points, 0.8 * scores)
    unit = np.linalg.norm(fitter.shape[454] - fitter.shape[234])
    place = similarity(fitter.shape, person, np.ones(478))
    after = np.linalg.norm(place.project(fitter.shape) - person, axis=1)[:468].mean() / unit
    assert after < 0.4 * before
    fits = [fitter.fit_frame(p, 0.8 * s) for p, s in zip(points, scores, strict=True)]
    found = np.array([euler_angles(pose.rotation) for pose, _ in fits])
    # A constant offset is the person's, not the head's movement.
    error = found - angles
    assert np.abs(error - error.mean(0)).max() < 1
    assert np.abs(error.mean(0)).max() < 3
    moved = np.array([c for _, c in fits])[:, [jaw, smile]]
    assert np.abs(moved - scores[:, [jaw, smile]]).max() < 0.15


def test_calibrate_makes_frames_neutral(model, coefficients):
    resting = coefficients(mouthRollLower=0.4, browInnerUp=0.3, mouthFrown=0.3)
    frames = np.array([pixels(posed(model, resting), (0, i, 0), seed=i) for i in range(5)])
    scores = np.tile(resting, (5, 1))
    fitter = FaceFitter(model)
    assert fitter.fit_frame(frames[0], scores[0])[1].max() > 0.25
    assert fitter.calibrate(frames, scores) is fitter
    for frame, score in zip(frames, scores, strict=True):
        assert fitter.fit_frame(frame, score)[1].max() < 0.05
    smiling = np.maximum(resting, coefficients(mouthSmile=0.7))
    _, found = fitter.fit_frame(pixels(posed(model, smiling), (0, 0, 0)), smiling)
    assert found[ARKIT_INDEX["mouthSmileLeft"]] == pytest.approx(0.7, abs=0.12)


@pytest.mark.parametrize("seed", range(8))
def test_box_least_squares_against_scipy(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(60, 12)), rng.normal(size=60) * 3
    expected = lsq_linear(a, b, bounds=(0, 1), tol=1e-12).x
    assert ((expected < 1e-6) | (expected > 1 - 1e-6)).any()  # the box matters
    found = _box_least_squares(a.T @ a, a.T @ b, np.full(12, 0.5), 1000)
    assert found == pytest.approx(expected, abs=1e-3)


def test_similarity_recovers_what_was_applied():
    rng = np.random.default_rng(0)
    source = rng.normal(size=(20, 3))
    rotation = Rotation.from_euler("xyz", [30, -50, 80], degrees=True).as_matrix()
    pose = similarity(source, 3.5 * source @ rotation.T + [1, 2, 3], rng.uniform(0.1, 1, 20))
    assert pose.scale == pytest.approx(3.5)
    assert pose.rotation == pytest.approx(rotation)
    assert pose.shift == pytest.approx([1, 2, 3])


def test_similarity_against_scipy():
    rng = np.random.default_rng(1)
    source, weights = rng.normal(size=(30, 3)), rng.uniform(0, 1, 30)
    target = 2 * source[:, [1, 2, 0]] + rng.normal(0, 0.3, (30, 3))
    pose = similarity(source, target, weights)
    a = source - np.average(source, axis=0, weights=weights)
    b = target - np.average(target, axis=0, weights=weights)
    kabsch, _ = Rotation.align_vectors(b, a, weights=weights)
    assert pose.rotation == pytest.approx(kabsch.as_matrix(), abs=1e-6)
    turned = kabsch.apply(a)
    scale = (weights[:, None] * turned * b).sum() / (weights[:, None] * turned**2).sum()
    assert pose.scale == pytest.approx(scale)


def test_similarity_never_mirrors():
    source = np.random.default_rng(2).normal(size=(20, 3))
    pose = similarity(source, source * [-1, 1, 1], np.ones(20))
    assert np.linalg.det(pose.rotation) == pytest.approx(1)


def test_project_and_unproject_are_inverse():
    pose = Pose(123.0, rotation_matrix(np.array([10, 20, 30])), np.array([5.0, 6, 7]))
    points = np.random.default_rng(0).normal(size=(4, 9, 3))
    assert pose.unproject(pose.project(points)) == pytest.approx(points)
