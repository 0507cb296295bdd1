"""What moves besides the lips while people speak: head, lids, brows and eyes, by rule and chance.

Filmed readers sit still and blink at their own rate; training data gets this motion instead.
Amplitudes follow what is reported of lively speakers: head angles with a standard deviation of
3.5-6.5 degrees, most of it below 1.5 Hz and coupled to loudness (Busso et al. 2007); 8-25 blinks a
minute with log-normal pauses and a closing twice as fast as the opening (Bentivoglio et al. 1997);
brows that rise with accents (Ekman 1979).
"""

from __future__ import annotations

import numpy as np

SAMPLE_RATE = 16_000
_ACCENT_GAP = 0.25  # seconds
#: From the point between the ears, about which a pose turns, to the base of the neck (face widths).
_NECK = np.array([0.0, 0.75, 0.15])


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
    liveliness: float = 1.0,
) -> np.ndarray:
    """Head pose ``[T, 6]`` as in :class:`recognizer.motion.MotionTrack`.

    Slow changes of posture, quicker ones while there is sound, and a nod on most accents.

    Args:
        waveform: float ``[N]`` at 16 kHz.
        frames: length of the result.
        rng: chance.
        fps: frames a second.
        liveliness: factor of all angles.
    """
    speaking = _smooth(loudness(waveform, frames, fps), 0.5 * fps)

    def sway(slow: float, quick: float) -> np.ndarray:
        drift = band_noise(frames, 0.08, 0.45, rng, fps)
        gesture = band_noise(frames, 0.45, 1.4, rng, fps)
        return slow * drift + quick * gesture * (0.25 + 0.75 * speaking)

    pitch = sway(2.2, 2.0) + _nods(waveform, frames, rng, fps)
    yaw = sway(3.6, 2.0)
    roll = sway(1.5, 0.9) - 0.22 * yaw
    angles = liveliness * np.stack([pitch, yaw, roll], axis=1)
    # A head turns on its neck, not between its ears.
    a = np.deg2rad(angles) * 0.5
    x = _NECK[1] * np.sin(a[:, 2]) - _NECK[2] * np.sin(a[:, 1])
    y = _NECK[2] * np.sin(a[:, 0]) + 0.01 * sway(1.0, 0.5)
    z = -_NECK[1] * np.sin(-a[:, 0]) * 0.5 + 0.02 * sway(1.0, 0.3)
    return np.concatenate([angles, np.stack([x, y, z], axis=1)], axis=1).astype(np.float32)


def _nods(waveform, frames, rng, fps) -> np.ndarray:
    """Downward strokes of 2-5 degrees on two accents in three."""
    out = np.zeros(frames)
    time = np.arange(frames)
    for at in accents(waveform, frames, fps):
        if rng.uniform() < 0.65:
            width = rng.uniform(0.10, 0.18) * fps
            stroke = -rng.uniform(1.5, 4.5) * np.exp(-(((time - at) / width) ** 2) / 2)
            recoil = 0.35 * np.exp(-(((time - at - 2.4 * width) / (1.3 * width)) ** 2) / 2)
            out += stroke - stroke.min() * recoil
    return out - out.mean()


def blinks(frames: int, rng: np.random.Generator, fps: float = 25.0) -> np.ndarray:
    """Closure of both lids ``[T]``, 0..1: some 17 blinks a minute, some of them incomplete."""
    out = np.zeros(frames)
    time = np.arange(frames) / fps
    at = rng.uniform(0.2, 3.0)
    while at < time[-1] + 0.2:
        shut, held, opened = rng.uniform((0.07, 0.02, 0.14), (0.10, 0.05, 0.22))
        depth = 1.0 if rng.uniform() < 0.85 else rng.uniform(0.5, 0.8)
        closing = _ease((time - at + shut) / shut)
        opening = _ease((time - at - held) / opened)
        out = np.maximum(out, depth * np.minimum(closing, 1 - opening))
        again = rng.uniform() < 0.06  # a double blink
        at += 0.4 if again else float(np.clip(rng.lognormal(np.log(3.1), 0.5), 0.9, 9.0))
    return out.astype(np.float32)


def brow_accents(
    waveform: np.ndarray, frames: int, rng: np.random.Generator, fps: float = 25.0
) -> np.ndarray:
    """How far both brows are raised ``[T]``, 0..1: flashes on some accents over a slow change."""
    out = 0.07 * band_noise(frames, 0.05, 0.4, rng, fps)
    time = np.arange(frames)
    for at in accents(waveform, frames, fps):
        if rng.uniform() < 0.45:
            early = at - rng.uniform(0.0, 0.12) * fps
            width = rng.uniform(0.14, 0.32) * fps
            out += rng.uniform(0.15, 0.5) * np.exp(-(((time - early) / width) ** 2) / 2)
    return np.clip(out + 0.04, 0, 1).astype(np.float32)


def gaze(
    frames: int, rng: np.random.Generator, head: np.ndarray | None = None, fps: float = 25.0
) -> np.ndarray:
    """Eye direction in the head ``[T, 2]``, degrees to the image's right and down.

    The eyes rest on the viewer (they turn against the head), jump a little every second or so and
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
        stop = start + max(4, int(rng.lognormal(np.log(0.9), 0.6) * fps))
        away = rng.uniform() < 0.12
        out[start:stop] = rng.normal(0, (7.0, 4.0) if away else (1.6, 1.0))
        start = stop
    kernel = np.array([0.25, 0.5, 0.25])
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


def _ease(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)
