"""THEval's measures against its formulas written out with loops, on made faces and sounds."""

import itertools
import statistics

import librosa
import numpy as np
import pytest

from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX
from recognizer.metrics.extras import UnavailableError, torchmetrics
from recognizer.metrics.theval import (
    GROUND_TRUTH,
    THEval,
    eyebrow_dynamics,
    face_centres,
    frame_volume,
    head_motion,
    lip_dynamics,
    lip_volume_distance,
    silent_lip_stability,
    theval_scores,
)

SIZE, FPS, FRAMES = (640, 480), 25.0, 60
#: THEval's own lists, as printed in its code.
LEFT_BROW = [276, 283, 282, 295, 285, 300, 293, 334, 296, 336]
RIGHT_BROW = [46, 53, 52, 65, 55, 70, 63, 105, 66, 107]
LEFT_EYE = [263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398]
RIGHT_EYE = [33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173]
UPPER = [191, 80, 81, 82, 13, 312, 311, 310]
LOWER = [95, 88, 178, 87, 14, 317, 402, 318]
OUTER_LIPS = [
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
]  # fmt: skip
INNER_LIPS = [
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
]  # fmt: skip


@pytest.fixture(scope="module")
def curves():
    """Jaw and brow of a face that talks, 0..1; silent from frame 40 on."""
    rng = np.random.default_rng(0)
    jaw = 0.3 + 0.3 * np.sin(np.arange(FRAMES) / 2) + rng.normal(0, 0.02, FRAMES)
    jaw[40:] = 0.05 + rng.normal(0, 0.01, 20)
    return jaw, 0.5 + 0.4 * np.sin(np.arange(FRAMES) / 9)


@pytest.fixture(scope="module")
def points(curves):
    model = FaceModel.load()
    shapes = np.zeros((FRAMES, 52))
    shapes[:, ARKIT_INDEX["jawOpen"]], shapes[:, ARKIT_INDEX["browInnerUp"]] = curves
    faces = model.landmarks + np.einsum("tk,kpd->tpd", shapes, model.landmark_blendshapes)
    drift = np.random.default_rng(1).normal(0, 1, (FRAMES, 1, 2)).cumsum(0)
    return faces[..., :2] * 150 + (320, 240) + drift


@pytest.fixture(scope="module")
def speech():
    return np.arange(FRAMES) < 40


def norm(a, b):
    return float(np.hypot(*(np.asarray(a) - np.asarray(b))))


def test_eyebrows(points):
    lifts = []
    for face in points:
        eyes = [face[i].mean(0) for i in (LEFT_EYE, RIGHT_EYE)]
        brows = [face[i].mean(0) for i in (LEFT_BROW, RIGHT_BROW)]
        lifts.append([norm(b, e) / norm(*eyes) for b, e in zip(brows, eyes, strict=True)])
    steps = [abs(b[side] - a[side]) for a, b in itertools.pairwise(lifts) for side in (0, 1)]
    assert eyebrow_dynamics(points) == pytest.approx(np.mean(steps))
    assert eyebrow_dynamics(2 * points + 7) == pytest.approx(np.mean(steps))
    assert eyebrow_dynamics(points[:1].repeat(5, 0)) == 0


def test_lips(points):
    """Forty points of 640x480 pixels, squeezed into 256x256."""
    names = OUTER_LIPS + INNER_LIPS
    distances = [
        [norm(face[a] * (0.4, 256 / 480), face[b] * (0.4, 256 / 480))
         for a, b in itertools.combinations(names, 2)]
        for face in points[::10]
    ]  # fmt: skip
    assert len(distances[0]) == 780
    wanted = np.mean([statistics.pstdev(column) for column in zip(*distances, strict=True)])
    assert lip_dynamics(points[::10], SIZE) == pytest.approx(wanted)
    still = points[:1] + np.arange(6)[:, None, None]
    assert lip_dynamics(still, SIZE) == pytest.approx(0, abs=1e-9)
    assert lip_dynamics(3 * points, SIZE, relative=True) == pytest.approx(
        lip_dynamics(points, SIZE, relative=True)
    )


def test_head():
    rng = np.random.default_rng(2)
    angles, centres = rng.normal(0, 3, (50, 3)), rng.normal(200, 9, (50, 2))
    turn = np.mean([statistics.pstdev(a) for a in angles.T])
    steps = np.mean([statistics.pvariance(np.diff(a)) for a in angles.T])
    shift = np.mean([statistics.pvariance(c) for c in centres.T])
    assert head_motion(angles, centres) == pytest.approx((turn * steps + shift) ** 0.5)
    assert head_motion(np.zeros((5, 3)), np.zeros((5, 2))) == 0
    with pytest.raises(ValueError, match="angles"):
        head_motion(angles[:, :2], centres)


def test_silence(points, speech):
    openings = []
    for face in points[40:]:
        x, y = face[:, 0] * 256 / 640, face[:, 1] * 256 / 480
        eyes = norm((x[33], y[33]), (x[263], y[263]))
        openings.append(
            np.mean([abs(y[u] - y[l]) / eyes for u, l in zip(UPPER, LOWER, strict=True)])
        )
    middle = statistics.fmean(openings)
    wanted = statistics.median(abs(o - middle) for o in openings)
    assert silent_lip_stability(points, speech, SIZE, FPS) == pytest.approx(wanted)
    blips = speech.copy()
    blips[10:17] = False  # 7 frames at 25 a second: less than 0.3 s
    assert silent_lip_stability(points, blips, SIZE, FPS) == pytest.approx(wanted)
    assert np.isnan(silent_lip_stability(points, np.ones(FRAMES, bool), SIZE, FPS))


def test_volume_follows_lips(points, speech, curves):
    """The volume is the jaw's own curve: only the squeezed picture's drift is left."""
    jaw = curves[0]
    steady = points - points.mean(1, keepdims=True)
    assert lip_volume_distance(steady, 5 * jaw + 1, speech, SIZE) < 0.02
    apart = lip_volume_distance(steady, -jaw, speech, SIZE)
    opening = (jaw[:40] - jaw[:40].min()) / np.ptp(jaw[:40])
    assert apart == pytest.approx(np.abs(2 * opening - 1).mean(), abs=0.02)
    assert np.isnan(lip_volume_distance(steady, jaw, np.arange(FRAMES) < 5, SIZE))
    with pytest.raises(ValueError, match="volume"):
        lip_volume_distance(steady, jaw[:9], speech, SIZE)


@pytest.mark.parametrize("rate", [16000, 44100])
def test_volume_is_librosas(rate):
    sound = np.random.default_rng(3).normal(0, 0.1, int(1.7 * rate)).astype(np.float32)
    step = int(rate * 0.05)
    theirs = librosa.feature.rms(y=sound, frame_length=step, hop_length=step)[0]
    times = librosa.frames_to_time(np.arange(len(theirs)), sr=rate, hop_length=step)
    wanted = np.interp(np.arange(40) / FPS, times, theirs)
    assert frame_volume(sound, rate, 40, FPS) == pytest.approx(wanted, abs=1e-6)


def test_lost_frames_are_left_out(points, speech, curves):
    lost = points.copy()
    lost[[5, 20, 50]] = np.nan
    kept = np.isfinite(lost[:, 0, 0])
    assert eyebrow_dynamics(lost) == eyebrow_dynamics(points[kept])
    assert lip_dynamics(lost, SIZE) == lip_dynamics(points[kept], SIZE)
    assert np.isnan(face_centres(lost)[5]).all()
    nothing = np.full_like(points, np.nan)
    assert np.isnan(eyebrow_dynamics(nothing)) and np.isnan(lip_dynamics(nothing, SIZE))
    assert np.isnan(lip_volume_distance(nothing, curves[0], speech, SIZE))


def test_scores_of_real_clips_are_one():
    scores = theval_scores(GROUND_TRUTH)
    assert scores["score"] == scores["naturalness"] == scores["synchronization"] == 1
    half = theval_scores({**GROUND_TRUTH, "lip_dynamics": 0.0, "head_motion": None})
    assert half["head_motion"] is None and half["lip_dynamics"] == 0
    assert half["naturalness"] == pytest.approx(0.5)
    assert half["score"] == pytest.approx(3 / 4)
    with pytest.raises(ValueError, match="beauty"):
        theval_scores({"beauty": 1.0})


def test_class_averages_clips_before_scoring(points, speech, curves):
    try:
        torchmetrics()
    except UnavailableError as reason:
        pytest.skip(str(reason))
    metric = THEval(size=SIZE, fps=FPS)
    angles = np.random.default_rng(4).normal(0, 3, (FRAMES, 3))
    for scale in (1.0, 0.5):
        metric.update(scale * points, angles, curves[0], speech)
    found = metric.compute()
    wanted = (lip_dynamics(points, SIZE) + lip_dynamics(0.5 * points, SIZE)) / 2
    assert found["measures"]["lip_dynamics"]["value"] == pytest.approx(wanted)
    assert found["scores"]["lip_dynamics"] == pytest.approx(1 - abs(wanted / 1.717 - 1))
