"""What a face does when nobody speaks: in silence, noise and music, and in the pauses of speech."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.signal import lfilter

from gen.bench.clips import Clip
from gen.bench.dynamics import speech_frames
from gen.bench.talker import Talker
from gen.style import Style
from recognizer.face_model import FaceModel
from recognizer.media import SAMPLE_RATE
from recognizer.metrics.agreement import pearson
from recognizer.metrics.sampling import summarize
from recognizer.motion import MotionTrack

#: Lips nearer than this (face heights) look closed.
_CLOSED = 0.015
#: Root mean square of noise and music: that of speech.
_LEVEL = 0.1
#: Music under speech, and speech from far off: decibels below speech as it comes.
_UNDER, _FAR = 5, 40
#: Frames of a pause in which lips may still close, those in which they may open already, and the
#: fewest that remain.
_AFTER, _BEFORE, _REMAIN = 15, 6, 5
#: Beats a minute, and the chords (MIDI notes) of two bars each.
_TEMPO = 112
_CHORDS = ((57, 60, 64), (53, 57, 60), (48, 52, 55), (55, 59, 62))


def sounds(seconds: float = 30.0, seed: int = 0) -> dict[str, np.ndarray]:
    """Sounds without speech, float32 ``[N]`` at 16 kHz.

    Returns:
        ``digital_silence``; ``quiet_room``: noise at -70 dB; ``white_noise``; ``pink_noise``;
        ``music``: chords, bass, a tune and drums; ``starting``: sounds between stretches of
        digital silence.
    """
    rng = np.random.default_rng(seed)
    samples = round(seconds * SAMPLE_RATE)
    noise = rng.standard_normal(samples)
    played = {
        "digital_silence": np.zeros(samples),
        "quiet_room": noise * 10 ** (-70 / 20),
        "white_noise": noise * _LEVEL,
        "music": _music(samples, rng),
        "pink_noise": _pink(noise) * _LEVEL,
        "starting": _starting(samples, rng),
    }
    return {name: sound.astype(np.float32) for name, sound in played.items()}


def _pink(noise: np.ndarray) -> np.ndarray:
    """White noise made to fall by 3 dB an octave above 20 Hz."""
    frequency = np.fft.rfftfreq(len(noise), 1 / SAMPLE_RATE)
    out = np.fft.irfft(np.fft.rfft(noise) / np.sqrt(np.maximum(frequency, 20)), len(noise))
    return out / out.std()


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


def _starting(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Digital silence of 1.5 s, then 2.5 s of a sound, over and over: what begins may startle."""
    quiet, long = round(1.5 * SAMPLE_RATE), round(2.5 * SAMPLE_RATE)
    time = np.arange(long) / SAMPLE_RATE
    swell = np.minimum(time / 2, 1) ** 2
    hum = swell * sum(np.sin(2 * np.pi * 150 * n * time) / n for n in (1, 2, 3, 5, 7))
    vibrato = 2 * np.pi * 220 * time + 0.1 * np.sin(2 * np.pi * 5.5 * time)
    stroke = np.clip(np.minimum(time % 0.5 / 0.12, (0.5 - time % 0.5) / 0.1), 0, 1)
    bowed = stroke * sum(np.sin(n * vibrato) / n for n in range(1, 15))
    begun = [
        _notes(time, rng, lambda t: np.minimum(t / 0.02, 1), (0.5, 1, 2, 3, 4)),  # an organ
        _notes(time, rng, lambda t: np.exp(-2 * t), (1, 2.76, 5.4)),  # bells (Rayleigh 1890)
        _notes(time, rng, lambda t: np.exp(-t / 0.4), range(1, 9)),  # strings that are struck
        bowed,
        hum,
        _pink(rng.standard_normal(long)),
        swell * rng.standard_normal(long),
    ]
    parts = [
        np.pad(sound / sound.std(), (quiet, 0)) * _LEVEL * rng.choice((1, 0.3, 0.1))
        for sound in [*begun, *begun]
    ]
    return np.resize(np.concatenate(parts), samples)


def _notes(time: np.ndarray, rng: np.random.Generator, envelope, partials) -> np.ndarray:
    """Three notes of each chord, two chords a second."""
    out = np.zeros(len(time))
    for beat, start in enumerate(np.arange(0, time[-1], 0.5)):
        since = time[time >= start] - start
        for note in _CHORDS[beat % len(_CHORDS)]:
            hertz, phase = 440 * 2 ** ((note - 69) / 12), 2 * np.pi * rng.random()
            tone = sum(np.sin(2 * np.pi * hertz * n * since + phase) / n for n in partials)
            out[time >= start] += tone * envelope(since) * (since < 0.5)
    return out


def nonspeech_benchmark(talk: Talker, speech: Sequence[np.ndarray], seed: int = 0) -> dict:
    """How quiet the lips are, whether the rest of the face lives on, and what keeps talking.

    Args:
        talk: the model.
        speech: sounds of speech ``[N]``, to compare with.
        seed: of noise, music and motion.

    Returns:
        For ``speech`` and each of :func:`sounds`: ``closed`` (share of the frames with lips nearer
        than 1.5 % of face height), ``opening_std`` (face heights), ``of_speech`` (that relative to
        speech), ``head_std`` (pitch, yaw, roll in degrees), ``blinks_per_minute``. For
        ``over_music`` (5 dB below the speech) and ``far_off`` (speech 40 dB down): ``r``, of lip
        opening with that for the same speech alone, and ``of_speech``.
    """
    tracks = [talk(waveform, seed) for waveform in speech]
    report = {"speech": _quietness(tracks)}
    for name, sound in sounds(seed=seed).items():
        report[name] = _quietness([talk(sound, seed)])
    for row in report.values():
        row["of_speech"] = row["opening_std"] / max(report["speech"]["opening_std"], 1e-9)
    changed = {
        "over_music": lambda x: x + x.std() * 10 ** (-_UNDER / 20) * _played(len(x), seed),
        "far_off": lambda x: x * 10 ** (-_FAR / 20),
    }
    for name, change in changed.items():
        heard = [talk(change(waveform).astype(np.float32), seed) for waveform in speech]
        report[name] = _still_talking(heard, tracks)
    return report


def _played(samples: int, seed: int) -> np.ndarray:
    return _music(samples, np.random.default_rng(seed)) / _LEVEL


def _still_talking(heard: Sequence[MotionTrack], alone: Sequence[MotionTrack]) -> dict:
    pairs = [(_opening(a), _opening(b)) for a, b in zip(heard, alone, strict=True)]
    return {
        "r": summarize([pearson(a, b) for a, b in pairs]),
        "of_speech": float(np.mean([a.std() / max(b.std(), 1e-9) for a, b in pairs])),
    }


def pause_benchmark(made: Sequence[MotionTrack], clips: Sequence[Clip]) -> dict | None:
    """Lips in the pauses of speech, of the model and of the people themselves.

    Pauses by voice and level, without their first 0.6 s, in which lips may still close, and their
    last quarter of a second, in which they may open already.

    Returns:
        ``seconds``; ``made`` and ``real``: ``closed`` and ``opening_std`` as above. None where
        nobody pauses for a second.
    """
    openings: dict[str, list[np.ndarray]] = {"made": [], "real": []}
    for track, clip in zip(made, clips, strict=True):
        frames = min(len(track), len(clip.motion))
        for pause in pauses(speech_frames(clip.waveform, frames)):
            openings["made"].append(_opening(track)[pause])
            openings["real"].append(_opening(clip.motion.filled())[pause])
    if not openings["made"]:
        return None
    rows = {
        side: {
            "closed": float((np.concatenate(parts) < _CLOSED).mean()),
            "opening_std": float(np.mean([part.std() for part in parts])),
        }
        for side, parts in openings.items()
    }
    return {"seconds": sum(map(len, openings["made"])) / 25} | rows


def pauses(speaks: np.ndarray) -> list[slice]:
    """The inner part of each pause, from whether somebody speaks, bool ``[T]``."""
    turns = np.flatnonzero(np.diff(np.concatenate([[True], speaks, [True]]).astype(int)))
    inner = [slice(a + _AFTER, b - _BEFORE) for a, b in zip(turns[::2], turns[1::2], strict=True)]
    return [part for part in inner if part.stop - part.start >= _REMAIN]


def _opening(track: MotionTrack) -> np.ndarray:
    """Distance of the inner lips ``[T]`` beyond that at rest, in face heights."""
    face = FaceModel.load()
    return face.lip_opening(track.blendshapes) - face.lip_opening(np.zeros((1, 52)))[0]


def _quietness(tracks: Sequence[MotionTrack]) -> dict:
    openings = [_opening(track) for track in tracks]
    styles = [Style.measure(track) for track in tracks]
    return {
        "closed": float((np.concatenate(openings) < _CLOSED).mean()),
        "opening_std": float(np.mean([opening.std() for opening in openings])),
        "head_std": np.mean([style.head[:3] for style in styles], axis=0).tolist(),
        "blinks_per_minute": float(np.mean([style.blinks_per_minute for style in styles])),
    }
