"""Speech is told from a smile and from a still face."""

import numpy as np
import pytest

from recognizer.facs import ARKIT_INDEX
from recognizer.motion import MotionTrack
from recognizer.talking import talking

FPS = 25.0


def track(frames=200, **curves):
    vectors = np.zeros((frames, 58), np.float32)
    for name, curve in curves.items():
        vectors[:, ARKIT_INDEX[name]] = curve
    return MotionTrack.from_vectors(vectors, FPS)


def test_syllables_are_talk():
    t = np.arange(200) / FPS
    syllables = 0.25 + 0.25 * np.sin(2 * np.pi * 4 * t)
    said = talking(track(jawOpen=syllables, mouthFunnel=0.5 * syllables))
    assert said[20:-20].min() == 1
    # The same at 50 frames a second.
    fine = MotionTrack.from_vectors(
        np.repeat(track(jawOpen=syllables, mouthFunnel=0.5 * syllables).to_vectors(), 2, 0), 50.0
    )
    assert talking(fine).mean() == pytest.approx(said.mean(), abs=0.1)


def test_a_smile_and_an_open_mouth_are_none():
    smile = np.clip((np.arange(200) - 50) / 25, 0, 1)
    assert talking(track(mouthSmileLeft=smile, mouthSmileRight=smile)).max() == 0
    assert talking(track(jawOpen=0.6)).max() == 0
    rng = np.random.default_rng(0)
    assert talking(track(jawOpen=0.1 + rng.normal(0, 0.01, 200))).max() < 0.2


def test_a_pause_between_sentences_is_silent():
    t = np.arange(300) / FPS
    jaw = np.where((t > 4) & (t < 8), 0.0, 0.25 + 0.25 * np.sin(2 * np.pi * 4 * t))
    said = talking(track(300, jawOpen=jaw, mouthPucker=jaw))
    assert said[50] > 0.9 and said[150] == 0 and said[-40] > 0.9


def test_one_picture_does_not_talk():
    assert talking(track(1, jawOpen=0.5)).tolist() == [0.0]
