"""Sounds in which nobody speaks, made for training: rooms, hums, music, breath, clicks, nothing.

All are float64 ``[N]`` at 16 kHz, of unit deviation where they sound at all.
"""

from __future__ import annotations

import numpy as np

from gen.data.augment import color, reverberate
from gen.data.instruments import Band
from recognizer.media import SAMPLE_RATE

#: Semitones above the key that tunes are made of.
_SCALES = ((0, 2, 4, 5, 7, 9, 11, 12, 14), (0, 2, 3, 5, 7, 8, 10, 12), (0, 3, 5, 7, 10, 12, 15))


def nonspeech(
    samples: int, rng: np.random.Generator, band: Band | None = None
) -> tuple[str, np.ndarray]:
    """A sound at some level from -90 dB up, and what it is called.

    One in three is joined by a second one, two in five are silent or faint for a while, one in two
    of the music is in a room.

    Args:
        samples: how long it is.
        rng: chance.
        band: plays most of the music; without it all music is electronic.

    Returns:
        Name (``"noise"``, ``"hum"``, ``"music"``, ``"breath"``, ``"clicks"`` or ``"nothing"``) and
        float32 ``[samples]``.
    """
    if rng.random() < 0.05:
        return "nothing", np.zeros(samples, np.float32)
    name, sound = _any(samples, rng, band)
    if rng.random() < 1 / 3:
        sound = sound + _any(samples, rng, band)[1] * 10 ** (-rng.uniform(5, 40) / 20)
    level = 10 ** (rng.uniform(-50 if name == "music" else -90, -10) / 20)
    if rng.random() < 0.4:
        first, last = np.sort(
            rng.integers(-samples // 2, samples * 3 // 2, size=2).clip(0, samples)
        )
        sound[first:last] *= rng.choice((0, 0, 0.01))
    return name, np.clip(sound * level, -1, 1).astype(np.float32)


def _any(samples: int, rng: np.random.Generator, band: Band | None) -> tuple[str, np.ndarray]:
    makers = {"noise": _noise, "hum": _hum, "breath": _breath, "clicks": _clicks}
    name = rng.choice([*makers, *["music"] * 4])
    if name != "music":
        return name, makers[name](samples, rng)
    if band is None or rng.random() < 0.25:
        sound = _electronic(samples, rng)
    else:
        sound = _unit(band.play(samples / SAMPLE_RATE, rng))
    if rng.random() < 0.5:
        sound = color(sound, rng.normal(0, 5, size=6))
        sound = _unit(reverberate(sound, rng.uniform(0.2, 1.5), rng.uniform(0.1, 1), rng))
    return name, sound


def _unit(sound: np.ndarray) -> np.ndarray:
    return sound / (sound.std() + 1e-9)


def _shaped(samples: int, rng: np.random.Generator, shape) -> np.ndarray:
    """White noise whose spectrum is multiplied by ``shape(frequencies in Hz)``."""
    frequencies = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    spectrum = np.fft.rfft(rng.standard_normal(samples)) * shape(frequencies)
    return _unit(np.fft.irfft(spectrum, samples))


def _swelling(samples: int, rng: np.random.Generator) -> np.ndarray:
    """A factor that comes and goes, as wind and traffic do."""
    time = np.arange(samples) / SAMPLE_RATE
    wave = np.sin(2 * np.pi * (rng.uniform(0.05, 6) * time + rng.random()))
    return 1 + rng.uniform(0, 0.95) * wave


def _noise(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Rooms, rain, fans: noise that falls with frequency, or of some band."""
    if rng.random() < 0.7:
        slope = rng.uniform(-1.2, 0.2)
        sound = _shaped(samples, rng, lambda f: np.maximum(f, 30.0) ** slope)
    else:
        middle, width = rng.uniform(100, 5000), rng.uniform(100, 1500)
        sound = _shaped(samples, rng, lambda f: np.exp(-(((f - middle) / width) ** 2)) + 1e-4)
    return _unit(sound * _swelling(samples, rng)) if rng.random() < 0.4 else sound


def _hum(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Mains and machines: a steady tone with overtones in some noise."""
    time, pitch = np.arange(samples) / SAMPLE_RATE, rng.uniform(45, 400)
    sound = sum(
        rng.random() / n * np.sin(2 * np.pi * (n * pitch * time + rng.random()))
        for n in range(1, 12)
    )
    return _unit(_unit(sound) + rng.uniform(0.02, 0.6) * _noise(samples, rng))


def _electronic(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Some voices of notes in one key and beat, with or without drums."""
    beat, key = rng.uniform(0.25, 0.75), rng.uniform(90, 300)
    scale = _SCALES[rng.integers(len(_SCALES))]
    out = np.zeros(samples)
    for _ in range(rng.integers(1, 5)):
        step, octave = beat * rng.choice((0.25, 0.5, 1, 2, 4)), 2.0 ** rng.integers(-1, 3)
        decay, brightness = rng.uniform(0.05, 0.8), rng.uniform(0.7, 2.2)
        plucked, vibrato = rng.random() < 0.6, rng.random() < 0.3
        for start in np.arange(0, samples / SAMPLE_RATE, step):
            at = slice(round(start * SAMPLE_RATE), round((start + step) * SAMPLE_RATE))
            time = np.arange(len(out[at])) / SAMPLE_RATE
            pitch = key * octave * 2 ** (rng.choice(scale) / 12)
            phase = pitch * time
            if vibrato:
                phase += pitch * 0.001 * np.sin(2 * np.pi * 5.5 * time)
            held = np.minimum(time / 0.02, 1) * np.clip((step - time) / 0.05, 0, 1)
            envelope = np.exp(-time / decay) if plucked else held
            overtones = [n for n in range(1, 9) if n * pitch < 7500]
            note = sum(np.sin(2 * np.pi * n * phase) / n**brightness for n in overtones)
            out[at] += rng.uniform(0.3, 1) * envelope * note
    if rng.random() < 0.7:
        out = _unit(out) + rng.uniform(0.1, 1.5) * _drums(samples, beat, rng)
    return _unit(out)


def _drums(samples: int, beat: float, rng: np.random.Generator) -> np.ndarray:
    out = np.zeros(samples)
    for count, start in enumerate(np.arange(0, samples / SAMPLE_RATE, beat / 2)):
        at = slice(round(start * SAMPLE_RATE), round((start + 0.3) * SAMPLE_RATE))
        time = np.arange(len(out[at])) / SAMPLE_RATE
        kick = np.exp(-time / 0.07) * np.sin(2 * np.pi * 55 * time)
        snare = np.exp(-time / 0.05) * rng.standard_normal(len(time))
        hat = 0.25 * np.exp(-time / 0.015) * rng.standard_normal(len(time))
        out[at] += (kick, hat, snare, hat)[count % 4]
    return _unit(out)


def _breath(samples: int, rng: np.random.Generator) -> np.ndarray:
    """In and out, some fifteen times a minute, over a faint hiss."""
    out, clock = 0.01 * rng.standard_normal(samples), rng.uniform(0, 1)
    inwards, outwards = (_band(samples, 900, 5500, rng), _band(samples, 300, 3000, rng))
    while clock < samples / SAMPLE_RATE:
        for air, length in ((inwards, rng.uniform(0.5, 1.3)), (outwards, rng.uniform(0.7, 1.6))):
            at = slice(round(clock * SAMPLE_RATE), round((clock + length) * SAMPLE_RATE))
            out[at] += np.hanning(len(out[at])) * air[at] * rng.uniform(0.4, 1)
            clock += length + rng.uniform(0.05, 0.4)
        clock += rng.uniform(0.3, 2)
    return _unit(out)


def _band(samples: int, low: float, high: float, rng: np.random.Generator) -> np.ndarray:
    return _shaped(samples, rng, lambda f: (f > low) * (f < high) + 0.02)


def _clicks(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Keys, steps, dishes: short strokes that ring or do not, over noise."""
    out = rng.uniform(0.002, 0.1) * _noise(samples, rng)
    rate = rng.uniform(0.5, 8)
    clock = rng.exponential(1 / rate)
    while clock < samples / SAMPLE_RATE:
        at = slice(round(clock * SAMPLE_RATE), round((clock + 0.4) * SAMPLE_RATE))
        time = np.arange(len(out[at])) / SAMPLE_RATE
        ringing = np.sin(2 * np.pi * rng.uniform(150, 4000) * time)
        stroke = rng.standard_normal(len(time)) if rng.random() < 0.6 else ringing
        out[at] += rng.uniform(0.3, 1) * np.exp(-time / rng.uniform(0.003, 0.06)) * stroke
        clock += rng.exponential(1 / rate)
    return _unit(out)
