"""Micro-expressions put into made motion: found, told apart, and not found where there are none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognizer.affect import AffectTrack
from recognizer.facs import ARKIT_INDEX, EMOTIONS, sides
from recognizer.micro_expressions import spot
from recognizer.motion import MotionTrack

SHAPES = {
    "positive": {"mouthSmile": 1.0, "cheekSquint": 0.3},
    "negative": {"browDown": 1.0, "mouthFrown": 0.5},
    "surprise": {"browInnerUp": 0.8, "browOuterUp": 1.0, "eyeWide": 0.5},
}


def bump(time, at, duration):
    inside = np.abs(time - at) < duration / 2
    return np.where(inside, 0.5 + 0.5 * np.cos(2 * np.pi * (time - at) / duration), 0.0)


def made(seconds=10.0, fps=25.0, seed=0, talks=False, nods=False, blinks=(), noise=0.004):
    """A face at rest, with the tracker's noise; a talker's corners of the mouth follow the jaw, a
    nod and a blink leak into the brows."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * fps)) / fps
    shapes, pose = np.zeros((len(time), 52)), np.zeros((len(time), 6))

    def add(stem, curve):
        for name in sides(stem):
            shapes[:, ARKIT_INDEX[name]] += curve

    if talks:
        syllables = np.cumsum(rng.uniform(0.18, 0.3, int(seconds / 0.18)))
        for at in syllables[syllables < seconds]:
            if rng.random() < 0.8:
                size = rng.uniform(0.1, 0.4)
                curve = size * bump(time, at, rng.uniform(0.2, 0.35))
                add(rng.choice(["jawOpen", "mouthPucker", "mouthLowerDown"]), curve)
                for stem in ("mouthStretch", "mouthUpperUp", "mouthSmile"):
                    add(stem, rng.uniform(0, 0.25) * curve)
    if nods:
        pose[:, 0] = 6 * np.sin(2 * np.pi * 0.9 * time) + 4 * np.sin(2 * np.pi * 0.37 * time)
        add("browDown", 0.012 * np.abs(pose[:, 0]))
    for at in blinks:
        add("eyeBlink", 0.8 * bump(time, at, 0.25))
        add("eyeSquint", 0.3 * bump(time, at, 0.25))
        add("browDown", 0.08 * bump(time, at, 0.25))
    shapes += noise * rng.normal(size=shapes.shape)
    pose += 0.05 * rng.normal(size=pose.shape)
    return MotionTrack(shapes.clip(0, 1), pose, fps)


def with_expression(track, kind, at, duration=0.3, size=0.3, only="LeftRight"):
    vectors = track.to_vectors().astype(float)
    time = np.arange(len(track)) / track.fps
    for stem, share in SHAPES[kind].items():
        for name in sides(stem):
            if name.endswith("Left") and only == "Right":
                continue
            vectors[:, ARKIT_INDEX[name]] += size * share * bump(time, at, duration)
    vectors[:, :52] = vectors[:, :52].clip(0, 1)
    return MotionTrack.from_vectors(vectors, track.fps)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("fps", [25.0, 30.0, 60.0])
def test_found_and_told_apart(kind, fps):
    (found,) = spot(with_expression(made(fps=fps), kind, at=4.2))
    assert found.kind == kind
    assert found.apex == pytest.approx(4.2, abs=1.5 / fps)
    assert found.onset == pytest.approx(4.05, abs=0.08)
    assert found.offset == pytest.approx(4.35, abs=0.08)
    assert found.region == {"positive": "mouth", "negative": "brows", "surprise": "brows"}[kind]
    leader = next(iter(SHAPES[kind]))
    assert found.rises[leader] == pytest.approx(0.3 * SHAPES[kind][leader], abs=0.06)


@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from(sorted(SHAPES)),
    at=st.floats(1.0, 9.0),
    duration=st.floats(0.16, 0.4),
    size=st.floats(0.2, 0.6),
    seed=st.integers(0, 5),
)
def test_found_wherever_and_whatever(kind, at, duration, size, seed):
    """At rest nothing else is found; it lies inside the track and lasts under half a second."""
    track = with_expression(made(seed=seed), kind, at, duration, size)
    (found,) = spot(track)
    assert found.kind == kind and abs(found.apex - at) < 0.06
    assert 0 <= found.onset < found.apex < found.offset <= track.duration
    assert found.duration <= 0.56


def test_several_and_one_sided():
    track = with_expression(made(), "positive", 2.0, only="Right")
    track = with_expression(with_expression(track, "negative", 5.0), "surprise", 8.0)
    assert [found.kind for found in spot(track)] == ["positive", "negative", "surprise"]


def test_what_lasts_is_none():
    """An expression of two seconds, and one that stays."""
    time = np.arange(250) / 25
    for curve in (np.clip(4 * bump(time, 5.0, 2.5), 0, 1), 1 / (1 + np.exp(-40 * (time - 5)))):
        track = made()
        for name in sides("mouthSmile"):
            track.blendshapes[:, ARKIT_INDEX[name]] += 0.5 * curve
        assert spot(track) == []


def test_false_alarms_of_noise_speech_nods_and_blinks():
    """None at rest; at most two a minute where all comes together."""
    minutes, alarms = 0.0, 0
    for seed in range(6):
        assert spot(made(20.0, seed=seed)) == []
        blinks = np.random.default_rng(seed).uniform(0.5, 19.5, 6)
        track = made(20.0, seed=seed, talks=True, nods=True, blinks=blinks)
        alarms += len(spot(track))
        minutes += track.duration / 60
    assert alarms / minutes <= 2


def test_blinks_alone_are_none():
    for seed in range(5):
        assert spot(made(seed=seed, blinks=(1.0, 3.1, 4.6, 8.2))) == []
        assert spot(made(seed=seed, blinks=(5.0,))) == []


def test_hit_rate_in_speech():
    hits = 0
    for seed in range(10):
        for kind in SHAPES:
            track = made(12.0, seed=seed, talks=True, nods=True, blinks=(2.0, 7.5))
            found = spot(with_expression(track, kind, 4.0 + 0.3 * seed, size=0.35))
            hits += any(f.kind == kind and f.onset < 4.0 + 0.3 * seed < f.offset for f in found)
    assert hits >= 27


def test_the_louder_the_recording_the_more_it_takes():
    still = with_expression(made(), "positive", 5.0, size=0.2)
    lively = with_expression(made(talks=True), "positive", 5.0, size=0.2)
    (alone,) = spot(still)
    assert all(found.strength < alone.strength for found in spot(lively))


def test_a_habit_is_none():
    """Brows that go up with every other word."""
    track = made(20.0)
    for at in np.arange(1.0, 19.0, 1.1):
        track = with_expression(track, "surprise", at)
    assert len(spot(track)) == 0


def test_gaps_and_short_tracks():
    track = with_expression(made(20.0), "surprise", 12.0)
    track.blendshapes[200:230] = np.nan
    track.pose[200:230] = np.nan
    (found,) = spot(track)
    assert found.apex == pytest.approx(12.0, abs=0.06)
    assert spot(made(1.0)) == [] and spot(MotionTrack.zeros(0)) == []
    assert spot(MotionTrack.zeros(500)) == []


def test_long_tracks_are_looked_at_in_stretches():
    track = with_expression(made(100.0), "negative", 71.3)
    (found,) = spot(track)
    assert found.apex == pytest.approx(71.3, abs=0.06)


def test_refusals():
    with pytest.raises(ValueError, match="15 frames a second or more, got 10"):
        spot(made(fps=10.0))
    with pytest.raises(ValueError, match="threshold must be positive"):
        spot(made(), threshold=0)


def test_from_an_affect_track():
    motion = with_expression(made(), "positive", 4.2)
    frames = len(motion)
    emotion = np.full((frames, len(EMOTIONS)), 1 / len(EMOTIONS))
    track = AffectTrack(
        np.zeros((frames, 24)), np.zeros((frames, 2)), emotion, np.ones(frames, bool),
        np.ones(frames), motion=motion,
    )  # fmt: skip
    assert [found.kind for found in track.micro_expressions()] == ["positive"]
    assert track.smoothed(0.3).micro_expressions() == track.micro_expressions()
    track.motion = None
    with pytest.raises(ValueError, match="seen in motion"):
        track.micro_expressions()
