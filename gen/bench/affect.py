"""Asked against shown: emotions rendered on portraits that speak, read back by the recognizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gen.bench.motion import lagged_correlation, lip_opening
from gen.conditioning import Affect
from gen.expression import add_expression
from gen.pipeline import ProgressHook, prepare_portrait
from recognizer.affect import AffectTrack
from recognizer.facs import EMOTION_TO_AU, EMOTIONS
from recognizer.motion import MotionTrack
from recognizer.recognizer import Recognizer
from recognizer.tracker import FaceTracker

INTENSITIES = (1 / 3, 2 / 3, 1.0)
#: Action units that some emotion's prototype asks for: those whose agreement is reported.
ASKED_UNITS = sorted({name[:4] for aus in EMOTION_TO_AU.values() for name in aus})
_FPS = 25.0


@dataclass(frozen=True)
class Shown:
    """One clip: what was asked, and what the recognizer read, means over its frames.

    Attributes:
        portrait, sentence, emotion: names.
        intensity: 0..1.
        asked_units, units: ``[24]`` intensities 0-5.
        asked_place, place: ``[2]`` valence and arousal.
        probabilities: ``[8]``.
        sync: Pearson's r of the lips' opening, read back, with that of the speech without
            expression.
    """

    portrait: str
    sentence: str
    emotion: str
    intensity: float
    asked_units: np.ndarray
    units: np.ndarray
    asked_place: np.ndarray
    place: np.ndarray
    probabilities: np.ndarray
    sync: float | None


def clips(
    portraits: Mapping[str, np.ndarray],
    speech: Mapping[str, MotionTrack],
    recognizer: Recognizer,
    intensities: Sequence[float] = INTENSITIES,
    size: int = 512,
    progress: ProgressHook | None = None,
) -> list[Shown]:
    """Every emotion at every intensity, said in every sentence by every portrait, and neutral.

    Args:
        portraits: name → uint8 ``[H, W, 3]``.
        speech: sentence → its motion at 25 fps, without expression.
        recognizer: reads the rendered frames.
        intensities: 0..1 each.
        size: of the frames in pixels.
        progress: called for each clip.
    """
    wanted = [("neutral", 0.0)] + [(e, i) for e in EMOTIONS[1:] for i in intensities]
    rows: list[Shown] = []
    total = len(portraits) * len(speech) * len(wanted)
    for portrait, image in portraits.items():
        renderer, _ = prepare_portrait(image, size, square=True)
        for sentence, said in speech.items():
            for emotion, intensity in wanted:
                moved = _with(said, emotion, intensity)
                with FaceTracker(crops=True) as tracker:
                    frames = (
                        renderer.render(b, p)
                        for b, p in zip(moved.blendshapes, moved.pose, strict=True)
                    )
                    seen = tracker.video(frames, _FPS)
                if seen:
                    track = recognizer.read_face(seen[0])
                    rows.append(_shown(portrait, sentence, emotion, intensity, track, said))
                if progress:
                    progress("clips", len(rows), total)
    return rows


def _with(said: MotionTrack, emotion: str, intensity: float) -> MotionTrack:
    wanted = Affect.emotion(emotion, intensity).curves((np.arange(len(said)) + 0.5) / _FPS)
    vectors = said.to_vectors().copy()
    vectors[:, :52] = add_expression(vectors[:, :52], wanted.blendshapes())
    return MotionTrack.from_vectors(vectors, _FPS)


def _shown(
    portrait: str, sentence: str, emotion: str, intensity: float, track: AffectTrack,
    said: MotionTrack,
) -> Shown:  # fmt: skip
    asked = Affect.emotion(emotion, intensity).curves(np.zeros(1))
    lips = lip_opening(track.motion)
    frames = min(len(lips), len(said))
    sync, _, _ = lagged_correlation(lips[:frames], lip_opening(said)[:frames], 0)
    return Shown(
        portrait=portrait, sentence=sentence, emotion=emotion, intensity=intensity,
        asked_units=asked.aus[0].max(axis=1), units=np.nanmean(track.aus, axis=0),
        asked_place=asked.valence_arousal[0], place=np.nanmean(track.valence_arousal, axis=0),
        probabilities=np.nanmean(track.emotion, axis=0), sync=sync,
    )  # fmt: skip
