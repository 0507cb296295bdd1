"""What lips do when nobody speaks: in silence, in noise and under music."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.signal import lfilter

from gen.audio.encoder import SAMPLE_RATE
from gen.bench.talker import Talker
from gen.style import Style
from recognizer.face_model import FaceModel
from recognizer.motion import MotionTrack

#: Lips nearer than this (face heights) look closed.
_CLOSED = 0.015
#: Root mean square of noise and music: that of speech.
_LEVEL = 0.1
#: Beats a minute, and the chords (MIDI notes) of two bars each.
_TEMPO = 112
_CHORDS = ((57, 60, 64), (53, 57, 60), (48, 52, 55), (55, 59, 62))


def sounds(seconds: float = 12.0, seed: int = 0) -> dict[str, np.ndarray]:
    """Sounds without speech, float32 ``[N]`` at 16 kHz.

    Returns:
        ``digital_silence``; ``quiet_room``: noise at -70 dB; ``white_noise``; ``music``: chords,
        bass, a tune and drums.
    """
    rng = np.random.default_rng(seed)
    samples = round(seconds * SAMPLE_RATE)
    noise = rng.standard_normal(samples)
    played = {
        "digital_silence": np.zeros(samples),
        "quiet_room": noise * 10 ** (-70 / 20),
        "white_noise": noise * _LEVEL,
        "music": _music(samples, rng),
    }
    return {name: sound.astype(np.float32) for name, sound in played.items()}


def _music(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Four chords over and over: plucked strings, a bass, a tune of their notes, and drums."""
    out, step = np.zeros(samples), round(SAMPLE_RATE * 60 / _TEMPO / 2)
    for eighth, start in enumerate(range(0, samples, step)):
        chord = _CHORDS[eighth // 16 % len(_CHORDS)]
        sounding = [_string(rng.choice(chord) + 12, 2 * step, rng)]
        if eighth % 4 == 0:
            sounding += [_string(note, 8 * step, rng) for note in chord]
            sounding.append(2 * _string(chord[0] - 24, 4 * step, rng))
        # The snare on the second and fourth beat, a hat on each eighth.
        drum = 0.8 if eighth % 4 == 2 else 0.15
        decay = np.exp(-np.arange(step) / (SAMPLE_RATE * 0.03))
        sounding.append(drum * rng.standard_normal(step) * decay)
        for sound in sounding:
            part = sound[: samples - start]
            out[start : start + len(part)] += part
    return out * _LEVEL / np.sqrt((out**2).mean())


def _string(note: float, samples: int, rng: np.random.Generator) -> np.ndarray:
    """A plucked string (Karplus and Strong, Computer Music Journal 7, 1983)."""
    period = round(SAMPLE_RATE / (440 * 2 ** ((note - 69) / 12)))
    pluck = np.zeros(samples)
    pluck[:period] = rng.uniform(-1, 1, period)[:samples]
    loop = np.zeros(period + 2)
    loop[0], loop[period:] = 1, -0.498
    return lfilter([1.0], loop, pluck)


def nonspeech_benchmark(talk: Talker, speech: Sequence[MotionTrack], seed: int = 0) -> dict:
    """How quiet the lips are, and whether the rest of the face lives on.

    Args:
        talk: the model.
        speech: what it makes of speech, to compare with.
        seed: of noise, music and motion.

    Returns:
        For ``speech`` and each of :func:`sounds`: ``closed`` (share of the frames with lips nearer
        than 1.5 % of face height), ``opening_std`` (face heights), ``of_speech`` (that relative to
        speech), ``head_std`` (pitch, yaw, roll in degrees), ``blinks_per_minute``.
    """
    report = {"speech": _quietness(speech)}
    for name, sound in sounds(seed=seed).items():
        report[name] = _quietness([talk(sound, seed)])
    for row in report.values():
        row["of_speech"] = row["opening_std"] / max(report["speech"]["opening_std"], 1e-9)
    return report


def _quietness(tracks: Sequence[MotionTrack]) -> dict:
    face = FaceModel.load()
    rest = face.lip_opening(np.zeros((1, 52)))[0]
    openings = [face.lip_opening(track.blendshapes) - rest for track in tracks]
    styles = [Style.measure(track) for track in tracks]
    return {
        "closed": float((np.concatenate(openings) < _CLOSED).mean()),
        "opening_std": float(np.mean([opening.std() for opening in openings])),
        "head_std": np.mean([style.head[:3] for style in styles], axis=0).tolist(),
        "blinks_per_minute": float(np.mean([style.blinks_per_minute for style in styles])),
    }
