"""The voice's fundamental frequency, how harmonic it is, and how regular its periods are.

F0 and the harmonics-to-noise ratio come from the autocorrelation method of P. Boersma, "Accurate
short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled
sound", IFA Proceedings 17 (1993), with the constants that Praat ships. Jitter and shimmer are
Praat's "local" ones, over periods found by following the highest peaks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recognizer.media import SAMPLE_RATE

#: Samples a second, and analysis frames a second.
FRAME_RATE = 100
#: Human voices from a low male to a shouting female one, in Hz.
FLOOR, CEILING = 60.0, 600.0
_CANDIDATES = 6
_SILENCE, _VOICING = 0.03, 0.45
_OCTAVE_COST, _JUMP_COST, _SWITCH_COST = 0.01, 0.35, 0.14
#: Lags between samples, by band-limited interpolation of the autocorrelation.
_FINER = 4
_CHUNK = 1000
#: Two neighbouring periods that differ by more than this factor are no neighbours.
_LONGEST_STEP = 1.3
#: Periods are marked below this frequency in Hz.
_PERIOD_BAND = 600.0


@dataclass(frozen=True)
class Pitch:
    """Pitch, :data:`FRAME_RATE` frames a second; frame ``i`` is centred at ``i / FRAME_RATE``.

    Attributes:
        f0: float32 ``[T]``: Hz, NaN where the voice is not heard.
        hnr: float32 ``[T]``: harmonics-to-noise ratio in dB, NaN there too.
    """

    f0: np.ndarray
    hnr: np.ndarray

    @property
    def voiced(self) -> np.ndarray:
        """bool ``[T]``."""
        return np.isfinite(self.f0)


def track_pitch(waveform: np.ndarray) -> Pitch:
    """Follow the fundamental frequency.

    Args:
        waveform: float ``[N]`` at 16 kHz; the gain does not matter.

    Returns:
        ``1 + floor(N / 160)`` frames.

    Raises:
        ValueError: not one channel of finite samples.
    """
    waveform = checked_waveform(waveform)
    length = round(3 / FLOOR * SAMPLE_RATE)
    window = np.hanning(length + 2)[1:-1].astype(np.float32)
    size = 1 << int(np.ceil(np.log2(1.5 * length)))
    of_window = _autocorrelation(window[None], size)
    lags = slice(int(_FINER * SAMPLE_RATE / CEILING), int(_FINER * SAMPLE_RATE / FLOOR) + 2)
    loudest = float(np.abs(waveform).max(initial=0.0))
    frequency, strength = [], []
    for frames in chunks(frames_of(waveform, length)):
        frames = frames - frames.mean(axis=1, keepdims=True)
        own = _autocorrelation(frames * window, size)
        with np.errstate(invalid="ignore", divide="ignore"):
            own = np.nan_to_num(own / own[:, :1]) / (of_window / of_window[:, :1])
        lag, height = _peaks(own[:, lags], lags.start)
        hz = _FINER * SAMPLE_RATE / lag
        peak = np.abs(frames).max(axis=1) / max(loudest, 1e-9)
        unvoiced = _VOICING + np.maximum(0, 2 - peak * (1 + _VOICING) / _SILENCE)
        frequency.append(np.column_stack([np.zeros(len(hz)), hz]))
        strength.append(np.column_stack([unvoiced, height]))
    frequency, strength = np.concatenate(frequency), np.concatenate(strength)
    chosen = _best_path(frequency, strength)
    rows = np.arange(len(chosen))
    voiced = chosen > 0
    height = np.clip(strength[rows, chosen], 1e-4, 1 - 1e-6)
    return Pitch(
        np.where(voiced, frequency[rows, chosen], np.nan).astype(np.float32),
        np.where(voiced, 10 * np.log10(height / (1 - height)), np.nan).astype(np.float32),
    )


def checked_waveform(waveform: np.ndarray) -> np.ndarray:
    """float32 ``[N]``.

    Raises:
        ValueError: not one channel of finite samples.
    """
    waveform = np.asarray(waveform, np.float32)
    if waveform.ndim != 1:
        raise ValueError(f"expected one channel of sound [N], got {list(waveform.shape)}")
    if not np.isfinite(waveform).all():
        raise ValueError("the sound has samples that are no numbers")
    return waveform


def frames_of(waveform: np.ndarray, length: int) -> np.ndarray:
    """A view ``[T, length]``: row ``i`` lies around ``i / FRAME_RATE`` seconds.

    Beyond both ends there is silence.
    """
    hop = SAMPLE_RATE // FRAME_RATE
    padded = np.pad(waveform, (length // 2, length))
    windows = np.lib.stride_tricks.sliding_window_view(padded, length)[::hop]
    return windows[: 1 + len(waveform) // hop]


def chunks(frames: np.ndarray) -> Iterator[np.ndarray]:
    """At most 1000 frames at a time, so that memory stays constant."""
    for first in range(0, len(frames), _CHUNK):
        yield frames[first : first + _CHUNK]


def jitter_and_shimmer(waveform: np.ndarray, pitch: Pitch) -> tuple[float, float]:
    """How much neighbouring periods differ in length and in height.

    Mean absolute difference of neighbours over the mean of all: Praat's "jitter (local)" and
    "shimmer (local)", 0 for a machine, about 0.005 and 0.03 for a healthy sustained vowel, several
    times that in running speech.

    Returns:
        Jitter and shimmer, NaN where fewer than three periods follow each other.
    """
    from scipy.signal import butter, sosfiltfilt

    lengths, heights = [], []
    if pitch.voiced.any():
        # Noise and upper formants would move the peaks from period to period.
        waveform = sosfiltfilt(butter(2, _PERIOD_BAND, fs=SAMPLE_RATE, output="sos"), waveform)
    for run in voiced_runs(pitch):
        places, peaks = _periods(waveform, pitch, run)
        period = np.diff(places)
        if len(period) < 3:
            continue
        near = np.abs(np.log(period[1:] / period[:-1])) < np.log(_LONGEST_STEP)
        lengths.append(np.stack([period[:-1], period[1:]], axis=1)[near])
        heights.append(np.stack([peaks[1:-1], peaks[2:]], axis=1)[near])

    def local(parts: list[np.ndarray]) -> float:
        pairs = np.concatenate(parts) if parts else np.zeros((0, 2))
        return float(np.abs(np.diff(pairs)).mean() / pairs.mean()) if len(pairs) else float("nan")

    return local(lengths), local(heights)


def voiced_runs(pitch: Pitch) -> list[slice]:
    """Stretches of voiced frames."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], pitch.voiced, [0]])))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _autocorrelation(frames: np.ndarray, size: int) -> np.ndarray:
    """``[T, _FINER * size / 2]``: non-negative lags, ``_FINER`` to a sample."""
    import scipy.fft

    spectrum = scipy.fft.rfft(frames, size, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    # More zeros above the band than there were: band-limited interpolation.
    return scipy.fft.irfft(power, _FINER * size, axis=1)[:, : _FINER * size // 2]


def _peaks(curves: np.ndarray, start: int) -> tuple[np.ndarray, np.ndarray]:
    """The highest local maxima of each row: lags and heights ``[T, _CANDIDATES]``.

    Longer lags pay a little (the octave cost), so that a period is not taken for two. Rows with
    fewer maxima are filled with candidates of height -1.
    """
    inner = curves[:, 1:-1]
    cost = _OCTAVE_COST * np.log2(np.arange(start + 1, start + 1 + inner.shape[1]))
    top = (inner > curves[:, :-2]) & (inner >= curves[:, 2:]) & (inner > 0)
    score = np.where(top, inner - cost, -9.0)
    places = np.argpartition(-score, _CANDIDATES, axis=1)[:, :_CANDIDATES]
    rows = np.arange(len(curves))[:, None]
    left, here, right = (curves[rows, places + i] for i in range(3))
    bend = np.minimum(left - 2 * here + right, -1e-12)
    shift = np.clip(0.5 * (left - right) / bend, -0.5, 0.5)
    height = here - 0.25 * (left - right) * shift
    # Heights above 1 are an artefact of the window's division.
    height = np.where(height > 1, 1 / np.maximum(height, 1e-9), height)
    return start + 1 + places + shift, np.where(top[rows, places], height, -1.0)


def _best_path(frequency: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Which candidate ``[T]``: strong ones, few jumps, few switches (Viterbi). 0 is unvoiced."""
    voiced = frequency > 0
    octave = np.log2(np.where(voiced, frequency, FLOOR) / FLOOR)
    score = strength + _OCTAVE_COST * octave
    scale = 0.01 * FRAME_RATE
    back = np.zeros(frequency.shape, np.int16)
    total = score[0]
    for t in range(1, len(score)):
        jump = np.abs(octave[t][:, None] - octave[t - 1][None])
        step = np.where(voiced[t][:, None] == voiced[t - 1][None], _JUMP_COST * jump, _SWITCH_COST)
        paths = total[None] - scale * step
        back[t] = paths.argmax(axis=1)
        total = paths.max(axis=1) + score[t]
    chosen = np.zeros(len(score), int)
    chosen[-1] = int(total.argmax())
    for t in range(len(score) - 1, 0, -1):
        chosen[t - 1] = back[t, chosen[t]]
    return chosen


def _periods(waveform: np.ndarray, pitch: Pitch, run: slice) -> tuple[np.ndarray, np.ndarray]:
    """Places in samples and heights of the highest peak of each period of a voiced stretch."""
    step = SAMPLE_RATE // FRAME_RATE
    part = waveform[run.start * step : run.stop * step]
    if len(part) < SAMPLE_RATE / FLOOR:
        return np.zeros(0), np.zeros(0)
    if -part.min() > part.max():
        part = -part
    f0 = pitch.f0[run]

    def walk(place: float, sign: int) -> list[tuple[float, float]]:
        found = []
        while True:
            frame = min(max(int(place * FRAME_RATE / SAMPLE_RATE), 0), len(f0) - 1)
            period = SAMPLE_RATE / f0[frame]
            low = place + sign * period - 0.2 * period
            high = place + sign * period + 0.2 * period
            if low < 1 or high >= len(part) - 1:
                return found
            at = int(low) + int(part[int(low) : int(high) + 1].argmax())
            left, here, right = part[at - 1 : at + 2].astype(float)
            bend = left - 2 * here + right
            shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
            shift = float(np.clip(shift, -0.5, 0.5))
            place = at + shift
            found.append((place, here - 0.25 * (left - right) * shift))

    middle = len(part) // 2
    reach = int(SAMPLE_RATE / f0[len(f0) // 2] / 2) + 1
    start = max(1, middle - reach)
    seed = float(start + part[start : middle + reach].argmax())
    marks = np.array([*walk(seed, -1)[::-1], *walk(seed, 1)])
    return (marks[:, 0], marks[:, 1]) if len(marks) else (np.zeros(0), np.zeros(0))
