"""Made talkers: faces whose lips follow a made sound, for controls whose outcome is known."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from recognizer.affect import AffectTrack
from recognizer.evaluation.measures import ClipMeasures
from recognizer.evaluation.reading import measure_face
from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX, ARKIT_NAMES, AU_MAX, AU_NAMES, AU_TO_ARKIT, EMOTIONS, sides
from recognizer.media import SAMPLE_RATE
from recognizer.metrics.theval import frame_volume
from recognizer.motion import MotionTrack
from recognizer.prosody import measure_prosody

FPS = 25.0
_PIXELS, _SIDE = 220.0, 512
_VOICE = 140.0


def made_talker(
    seed: int, emotion: str = "neutral", seconds: float = 6.0, frozen: bool = False
) -> tuple[ClipMeasures, np.ndarray]:
    """A face that talks, shows an emotion, blinks not, and moves its head a little.

    Args:
        seed: of everything.
        emotion: the one that is read from it in most frames.
        seconds: length.
        frozen: the first frame repeated, under the same sound.

    Returns:
        Its measures, and the sound ``[N]`` at 16 kHz that its lips follow.
    """
    random = np.random.default_rng(seed)
    frames = round(seconds * FPS)
    waveform = _voice(random, round(seconds * SAMPLE_RATE))
    loudness = frame_volume(waveform, SAMPLE_RATE, frames, FPS)

    def wander(columns: int, width: float) -> np.ndarray:
        rows = gaussian_filter1d(random.normal(size=(frames, columns)), width * FPS, axis=0)
        return rows / rows.std(axis=0)

    shapes = np.clip(0.08 + 0.03 * wander(len(ARKIT_NAMES), 0.15), 0, 1)
    shapes[:, ARKIT_INDEX["jawOpen"]] = 0.05 + 0.5 * loudness / loudness.max()
    pose = np.concatenate([3.0 * wander(3, 0.4), 0.02 * wander(3, 0.4)], axis=1)
    belief = np.full((frames, len(EMOTIONS)), 0.05)
    belief[:, EMOTIONS.index(emotion)] = 0.5 + 0.1 * random.random(frames)
    if frozen:
        shapes, pose, belief = (np.repeat(rows[:1], frames, axis=0) for rows in
                                (shapes, pose, belief))  # fmt: skip
    motion = MotionTrack(shapes, pose, FPS)
    affect = AffectTrack(
        aus=shapes @ _units(),
        valence_arousal=np.zeros((frames, 2)),
        emotion=belief / belief.sum(axis=1, keepdims=True),
        success=np.ones(frames, bool),
        confidence=np.ones(frames),
        fps=FPS,
        motion=motion,
    )
    prosody = measure_prosody(waveform)
    measures = measure_face(_landmarks(motion), affect, (_SIDE, _SIDE), waveform, prosody)
    return measures, waveform


def _voice(random: np.random.Generator, samples: int) -> np.ndarray:
    """Syllables of uneven length and strength, with pauses: a hummed sentence."""
    envelope, at = np.zeros(samples), int(0.4 * SAMPLE_RATE)
    while at < samples - SAMPLE_RATE // 2:
        length = int(random.uniform(0.12, 0.3) * SAMPLE_RATE)
        envelope[at : at + length] = random.uniform(0.3, 1.0) * np.hanning(length)
        at += length + int((random.random() < 0.15) * random.uniform(0.4, 0.7) * SAMPLE_RATE)
    time = np.arange(samples) / SAMPLE_RATE
    tone = sum(np.sin(2 * np.pi * _VOICE * k * time) / k for k in range(1, 12))
    return (0.2 * envelope * tone).astype(np.float32)


def _landmarks(motion: MotionTrack) -> np.ndarray:
    """Landmarks ``[T, 478, 3]`` in pixels; the head turns by its yaw alone."""
    model = FaceModel.load()
    points = model.landmarks + np.tensordot(motion.blendshapes, model.landmark_blendshapes, 1)
    yaw = np.deg2rad(motion.pose[:, 1])[:, None]
    turned = points.copy()
    turned[..., 0] = np.cos(yaw) * points[..., 0] + np.sin(yaw) * points[..., 2]
    turned += motion.pose[:, None, 3:]
    return turned * _PIXELS + np.array([_SIDE / 2, _SIDE / 2, 0])


def _units() -> np.ndarray:
    """``[52, 24]``: intensities of action units from coefficients, roughly."""
    matrix = np.zeros((len(ARKIT_NAMES), len(AU_NAMES)))
    for column, unit in enumerate(AU_NAMES):
        names = [name for stem in AU_TO_ARKIT[unit] for name in sides(stem)]
        for name in names:
            matrix[ARKIT_INDEX[name], column] = AU_MAX / len(names)
    return matrix
