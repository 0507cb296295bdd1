"""Speech made by a source and a filter: its pitch, rate, tilt and vocal tract are known."""

import numpy as np
from scipy.signal import lfilter

RATE = 16000
#: First and second formant of some vowels over the spacing of the formants.
VOWELS = ((0.72, 1.10), (0.30, 2.05), (0.32, 0.85), (0.50, 1.70), (0.48, 0.90))

SWAYS = (0.4, 1.1, 1.9)


def speak(seconds=4.0, hz=120.0, sway=3.0, rate=4.0, spacing=1030.0, flat=0.0, noise=1e-4, seed=0):
    """float32 ``[N]`` at 16 kHz.

    Args:
        hz: pitch in the middle.
        sway: how far pitch goes up and down, in semitones.
        rate: syllables a second, each a vowel and a short noise.
        spacing: of the formants in Hz.
        flat: dB by which the spectrum above 1 kHz is raised.
        noise: deviation of the background.
    """
    rng = np.random.default_rng(seed)
    samples = int(seconds * RATE)
    time = np.arange(samples) / RATE
    turns = rng.uniform(0, 6, 3)
    curve = sum(np.sin(2 * np.pi * f * time + p) for f, p in zip(SWAYS, turns, strict=True)) / 1.5
    phase = np.cumsum(hz * 2 ** (sway * curve / 12) / RATE)
    pulses = np.diff(np.floor(phase), prepend=0.0)
    source = lfilter([1.0], [1.0, -0.97], pulses)
    out = np.zeros(samples)
    length = int(RATE / rate)
    for i, start in enumerate(range(0, samples - length, length)):
        voiced = int(0.65 * length)
        first, second = VOWELS[rng.integers(len(VOWELS))]
        vowel = source[start : start + voiced]
        for place, width in ((first, 80), (second, 100), (2.5, 140), (3.5, 180), (4.5, 220)):
            vowel = resonate(vowel, place * spacing, width)
        out[start : start + voiced] = vowel * np.hanning(voiced) ** 0.3 * (0.6 if i % 3 else 1.0)
        hiss = np.diff(rng.normal(size=length - voiced + 1))
        out[start + voiced : start + length] = 0.02 * np.abs(vowel).max() * hiss
        if i % 8 == 7:
            out[start : start + length] = 0
    spectrum = np.fft.rfft(out / np.abs(out).max())
    above = np.fft.rfftfreq(samples, 1 / RATE) / 1000
    spectrum *= 10 ** (flat / 20 * above**4 / (1 + above**4))
    return (0.3 * np.fft.irfft(spectrum, samples) + noise * rng.normal(size=samples)).astype("f4")


def resonate(sound, hz, width):
    """A resonance of ``width`` Hz."""
    radius = np.exp(-np.pi * width / RATE)
    poles = [1.0, -2 * radius * np.cos(2 * np.pi * hz / RATE), radius**2]
    return lfilter([sum(poles)], poles, sound)
