"""What moves besides the lips while people speak: head, lids, brows and eyes, by rule and chance.

Filmed readers sit still and blink at their own rate; training data gets this motion instead.
Amplitudes follow what is reported of lively speakers: head angles with a standard deviation of
3.5-6.5 degrees, most of it below 1.5 Hz and coupled to loudness (Busso et al. 2007); 8-25 blinks a
minute with log-normal pauses and a closing twice as fast as the opening (Bentivoglio et al. 1997);
brows that rise with accents (Ekman 1979).
"""

from __future__ import annotations

import numpy as np

from recognizer.easing import smoothstep
from recognizer.media import SAMPLE_RATE

_ACCENT_GAP = 0.25  # seconds
#: From the point between the ears, about which a pose turns, to the base of the neck (face widths),
#: and to the hips, about which a sitting body leans.
_NECK, _HIPS = np.array([0.0, 0.75, 0.15]), 4.0


def loudness(waveform: np.ndarray, frames: int, fps: float = 25.0) -> np.ndarray:
    """Loudness of each frame ``[T]``: 0 at 40 dB below the loud parts of the sound, 1 at those."""
    edges = np.round(np.arange(frames + 1) * SAMPLE_RATE / fps).astype(int)
    squares = np.concatenate([[0.0], np.cumsum(np.square(waveform, dtype=np.float64))])
    edges = np.minimum(edges, len(waveform))
    power = np.diff(squares[edges]) / np.maximum(np.diff(edges), 1)
    level = 10 * np.log10(power + 1e-9)
    top = max(float(np.quantile(level, 0.95)), -50.0)
    return np.clip((level - top + 40) / 40, 0, 1)


def accents(waveform: np.ndarray, frames: int, fps: float = 25.0) -> np.ndarray:
    """Frames of accented syllables: peaks of the loudness that stand out of its last second."""
    level = _smooth(loudness(waveform, frames, fps), 0.05 * fps)
    background = _smooth(level, 0.6 * fps)
    rise = level - background
    found: list[int] = []
    for i in range(1, frames - 1):
        peak = rise[i] >= rise[i - 1] and rise[i] > rise[i + 1] and rise[i] > 0.08
        if peak and (not found or i - found[-1] > _ACCENT_GAP * fps):
            found.append(i)
    return np.array(found, int)


def head_motion(
    waveform: np.ndarray,
    frames: int,
    rng: np.random.Generator,
    fps: float = 25.0,
    liveliness: float | np.ndarray = 1.0,
) -> np.ndarray:
    """Head pose ``[T, 6]`` as in :class:`recognizer.motion.MotionTrack`.

    The body leans slowly; the head changes posture, quicker while there is sound, and nods on most
    accents.

    Args:
        waveform: float ``[N]`` at 16 kHz.
        frames: length of the result.
        rng: chance.
        fps: frames a second.
        liveliness: factor of all angles, or one for each.
    """
    speaking = _smooth(loudness(waveform, frames, fps), 0.5 * fps)

    def sway(slow: float, quick: float) -> np.ndarray:
        drift = band_noise(frames, 0.08, 0.45, rng, fps)
        gesture = band_noise(frames, 0.45, 1.4, rng, fps)
        return slow * drift + quick * gesture * (0.25 + 0.75 * speaking)

    lean, bow = (0.8 * band_noise(frames, 0.06, 0.4, rng, fps) for _ in range(2))
    lean, bow = np.mean(liveliness) * lean, np.mean(liveliness) * bow
    pitch = sway(2.9, 2.3) + _nods(waveform, frames, rng, fps)
    yaw = sway(4.2, 2.3)
    roll = sway(2.9, 1.8) - 0.22 * yaw
    angles = liveliness * np.stack([pitch, yaw, roll], axis=1)
    # A head turns on its neck, not between its ears, and goes where the body leans.
    a = np.deg2rad(angles) * 0.5
    x = _NECK[1] * np.sin(a[:, 2]) - _NECK[2] * np.sin(a[:, 1]) + _HIPS * np.sin(np.deg2rad(lean))
    y = _NECK[2] * np.sin(a[:, 0]) + 0.02 * sway(1.0, 0.5)
    z = -_NECK[1] * np.sin(-a[:, 0]) * 0.5 + _HIPS * np.sin(np.deg2rad(bow))
    angles[:, 2] += lean
    return np.concatenate([angles, np.stack([x, y, z], axis=1)], axis=1).astype(np.float32)


def _nods(waveform, frames, rng, fps) -> np.ndarray:
    """Downward strokes of 2-5 degrees on two accents in three."""
    out = np.zeros(frames)
    time = np.arange(frames)
    for at in accents(waveform, frames, fps):
        if rng.uniform() < 0.65:
            width = rng.uniform(0.10, 0.18) * fps
            stroke = -rng.uniform(1.8, 5.0) * np.exp(-(((time - at) / width) ** 2) / 2)
            recoil = 0.35 * np.exp(-(((time - at - 2.4 * width) / (1.3 * width)) ** 2) / 2)
            out += stroke - stroke.min() * recoil
    return out - out.mean()


def blinks(
    frames: int, rng: np.random.Generator, fps: float = 25.0, pace: float = 1.0
) -> np.ndarray:
    """Closure of both lids ``[T]``, 0..1: some 17 blinks a minute, some of them incomplete.

    Args:
        frames: length.
        rng: chance.
        fps: frames a second.
        pace: factor of how often.
    """
    out = np.zeros(frames)
    time = np.arange(frames) / fps
    at = rng.uniform(0.2, 3.0)
    while at < time[-1] + 0.2:
        shut, held, opened = rng.uniform((0.08, 0.02, 0.17), (0.12, 0.06, 0.28))
        depth = 1.0 if rng.uniform() < 0.85 else rng.uniform(0.5, 0.8)
        closing = smoothstep((time - at + shut) / shut)
        opening = smoothstep((time - at - held) / opened)
        out = np.maximum(out, depth * np.minimum(closing, 1 - opening))
        again = rng.uniform() < 0.06  # a double blink
        pause = rng.lognormal(np.log(3.1), 0.5) / pace
        at += 0.4 if again else float(np.clip(pause, 0.9, 15.0))
    return out.astype(np.float32)


def brow_motion(
    waveform: np.ndarray, frames: int, rng: np.random.Generator, fps: float = 25.0
) -> tuple[np.ndarray, np.ndarray]:
    """How far each brow is raised and how far both are drawn down, ``[T, 2]`` and ``[T]``, 0..1.

    Accents raise the brows in a flash, more rarely they knit them; between accents both wander a
    little. The two sides differ by some percent of each flash.
    """
    speaking = _smooth(loudness(waveform, frames, fps), 0.5 * fps)

    def wander(slow: float, quick: float) -> np.ndarray:
        drift = band_noise(frames, 0.05, 0.4, rng, fps)
        return slow * drift + quick * speaking * band_noise(frames, 0.6, 3.0, rng, fps)

    sides = np.stack([wander(0.02, 0.02) for _ in range(2)], axis=1)
    raised = 0.05 + wander(0.06, 0.05)[:, None] + sides
    knitted = wander(0.05, 0.04)
    time = np.arange(frames)
    for at in accents(waveform, frames, fps):
        kind = rng.uniform()
        early = at - rng.uniform(0.0, 0.12) * fps
        rise, fall = rng.uniform((0.05, 0.10), (0.10, 0.22)) * fps
        flash = np.exp(-(((time - early) / np.where(time < early, rise, fall)) ** 2) / 2)
        if kind < 0.5:
            raised += flash[:, None] * rng.uniform(0.15, 0.6) * rng.uniform(0.8, 1.2, 2)
        elif kind < 0.7:
            knitted += flash * rng.uniform(0.1, 0.4)
    return (
        np.clip(raised, 0, 1).astype(np.float32),
        np.clip(knitted, 0, 1).astype(np.float32),
    )


def gaze(
    frames: int, rng: np.random.Generator, head: np.ndarray | None = None, fps: float = 25.0
) -> np.ndarray:
    """Eye direction in the head ``[T, 2]``, degrees to the image's right and down.

    The eyes rest on the viewer (they turn against the head), jump a little every second or less and
    now and then look away.

    Args:
        frames: length.
        rng: chance.
        head: ``[T, 6]`` pose to compensate.
        fps: frames a second.
    """
    out = np.zeros((frames, 2))
    start = 0
    while start < frames:
        stop = start + max(4, int(rng.lognormal(np.log(0.7), 0.6) * fps))
        away = rng.uniform() < 0.2
        out[start:stop] = rng.normal(0, (9.0, 5.0) if away else (2.5, 1.5))
        start = stop
    kernel = np.array([0.1, 0.8, 0.1])
    out = np.stack([np.convolve(np.pad(c, 1, mode="edge"), kernel, "valid") for c in out.T], axis=1)
    if head is not None:
        out[:, 0] -= 0.8 * head[:, 1]
        out[:, 1] += 0.8 * head[:, 0]
    return out.astype(np.float32)


def band_noise(
    frames: int, low: float, high: float, rng: np.random.Generator, fps: float = 25.0
) -> np.ndarray:
    """Gaussian noise ``[T]`` of unit variance between two frequencies in hertz."""
    # Longer than asked for: its ends would otherwise meet.
    length = 2 * frames + int(4 * fps / low)
    spectrum = np.fft.rfft(rng.normal(size=length))
    frequency = np.fft.rfftfreq(length, 1 / fps)
    shape = np.exp(-((np.maximum(0, low - frequency) / (0.3 * low)) ** 2))
    shape *= np.exp(-((np.maximum(0, frequency - high) / (0.3 * high)) ** 2))
    noise = np.fft.irfft(spectrum * shape, length)
    return (noise / noise.std())[length // 4 : length // 4 + frames]


def _smooth(values: np.ndarray, deviation: float) -> np.ndarray:
    reach = int(3 * deviation) + 1
    kernel = np.exp(-((np.arange(-reach, reach + 1) / deviation) ** 2) / 2)
    return np.convolve(np.pad(values, reach, mode="edge"), kernel / kernel.sum(), "valid")
