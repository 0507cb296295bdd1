"""Make one voice sound like many: changes of the sound that leave its timing alone."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from scipy import signal

from recognizer.media import SAMPLE_RATE


def augment(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another voice in another room through another microphone, in the same rhythm.

    Args:
        waveform: float32 ``[N]``, 16 kHz.
        rng: decides what is done, and how much.

    Returns:
        float32 ``[N]`` in -1..1; sample ``i`` is still what was said at sample ``i``.
    """
    out = np.asarray(waveform, dtype=np.float32)
    if rng.random() < 0.8:
        out = shift_voice(out, float(np.exp(rng.uniform(np.log(0.8), np.log(1.3)))))
    if rng.random() < 0.7:
        out = color(out, rng.normal(0.0, 5.0, size=6))
    if rng.random() < 0.5:
        out = reverberate(out, rng.uniform(0.08, 0.5), rng.uniform(0.05, 0.5), rng)
    if rng.random() < 0.3:
        out = limit_band(out, rng.uniform(60, 300), rng.uniform(3000, 7000))
    if rng.random() < 0.6:
        out = add_noise(out, rng.uniform(8, 35), rng.uniform(-1.0, 0.0), rng)
    if rng.random() < 0.15:
        out = mu_law(out)
    peak = max(float(np.abs(out).max()), 1e-4)
    return np.clip(out * (rng.uniform(0.1, 1.0) / peak), -1, 1).astype(np.float32)


def shift_voice(waveform: np.ndarray, factor: float) -> np.ndarray:
    """Multiply pitch and formants by ``factor``, as a smaller (above 1) or larger head would."""
    import librosa

    ratio = Fraction(1.0 / factor).limit_denominator(60)
    shifted = signal.resample_poly(waveform, ratio.numerator, ratio.denominator)
    rate = len(shifted) / len(waveform)
    out = librosa.effects.time_stretch(shifted.astype(np.float32), rate=rate, n_fft=1024)
    return librosa.util.fix_length(out, size=len(waveform))


def color(waveform: np.ndarray, gains_db: np.ndarray) -> np.ndarray:
    """Equalise by gains in dB at points evenly spread on the mel scale, interpolated between."""
    spectrum = np.fft.rfft(waveform)
    mel = np.log1p(np.fft.rfftfreq(len(waveform), 1 / SAMPLE_RATE) / 700)
    gain = np.interp(mel, np.linspace(0, mel[-1], len(gains_db)), gains_db)
    return np.fft.irfft(spectrum * 10 ** (gain / 20), len(waveform)).astype(np.float32)


def reverberate(
    waveform: np.ndarray, seconds: float, wet: float, rng: np.random.Generator
) -> np.ndarray:
    """Add an exponentially decaying echo that falls by 60 dB in ``seconds``.

    The direct sound keeps its place, so that speech does not shift in time.
    """
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    echo = rng.standard_normal(len(time)) * 10 ** (-3 * time / seconds)
    echo *= wet / np.sqrt((echo**2).sum() + 1e-9)
    echo[0] = 1.0
    return signal.fftconvolve(waveform, echo)[: len(waveform)].astype(np.float32)


def limit_band(waveform: np.ndarray, low: float, high: float) -> np.ndarray:
    """Keep what lies between two frequencies in Hz, without delay."""
    sections = signal.butter(3, (low, high), "bandpass", fs=SAMPLE_RATE, output="sos")
    return signal.sosfiltfilt(sections, waveform).astype(np.float32)


def add_noise(
    waveform: np.ndarray, snr_db: float, slope: float, rng: np.random.Generator
) -> np.ndarray:
    """Add noise whose amplitude goes as frequency to the ``slope`` (0 white, -1 brown)."""
    frequency = np.fft.rfftfreq(len(waveform), 1 / SAMPLE_RATE)
    shape = np.maximum(frequency, 50.0) ** slope
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(len(waveform))) * shape, len(waveform))
    level = np.sqrt((waveform**2).mean()) * 10 ** (-snr_db / 20)
    return (waveform + noise * (level / (noise.std() + 1e-9))).astype(np.float32)


def mu_law(waveform: np.ndarray) -> np.ndarray:
    """Quantise as telephones do (ITU-T G.711, mu 255)."""
    peak = max(float(np.abs(waveform).max()), 1e-4)
    squeezed = np.sign(waveform) * np.log1p(255 * np.abs(waveform) / peak) / np.log(256)
    steps = np.round((squeezed + 1) / 2 * 255) / 255 * 2 - 1
    return (np.sign(steps) * (256 ** np.abs(steps) - 1) / 255 * peak).astype(np.float32)
