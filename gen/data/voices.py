"""Voices of the synthetic corpus, and what they say: sound with the times of its phones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import resample_poly

from recognizer.media import SAMPLE_RATE

LANGUAGES = ("en", "de", "fr", "es", "cmn", "ja")


class BackendUnavailable(RuntimeError):
    """A synthesiser is not installed; the message says how to get it."""


@dataclass(frozen=True)
class Phone:
    """One phone: its IPA symbol (``""`` is silence), start and end in seconds."""

    ipa: str
    start: float
    end: float


@dataclass
class Speech:
    """float32 waveform ``[N]`` in -1..1 at 16 kHz, and its phones, adjoining and in order."""

    waveform: np.ndarray
    phones: list[Phone]


@dataclass(frozen=True)
class Voice:
    """A voice of a corpus.

    Attributes:
        backend: ``espeak``, ``flite`` or ``piper``.
        code: the back end's own name for it.
        language: one of :data:`LANGUAGES`.
        weight: share of the corpus, relative to the other voices.
        pitch: espeak's pitch setting, 0-99 (the other back ends speak at their own).
    """

    backend: str
    code: str
    language: str
    weight: float = 1.0
    pitch: int = 50

    @property
    def name(self) -> str:
        """Unique name, used as the speaker of a record."""
        return f"{self.backend}-{self.code}".replace("+", "-")


#: Recorded voices (piper, flite) speak most of the English; espeak's formants add languages.
VOICES: tuple[Voice, ...] = (
    Voice("piper", "joe", "en", 15),
    Voice("flite", "slt", "en", 11),
    Voice("flite", "rms", "en", 11),
    Voice("flite", "awb", "en", 11),
    Voice("flite", "kal16", "en", 5),
    Voice("espeak", "en-us+f3", "en", 2, 55),
    Voice("espeak", "en-us+m3", "en", 2, 40),
    Voice("espeak", "en-gb-x-rp+m7", "en", 2, 45),
    Voice("espeak", "en-gb-scotland+f5", "en", 2, 60),
    Voice("espeak", "de+m1", "de", 2, 35),
    Voice("espeak", "de+f2", "de", 2, 55),
    Voice("espeak", "de+f4", "de", 2, 50),
    Voice("espeak", "de+m6", "de", 2, 50),
    Voice("espeak", "fr+f1", "fr", 2, 50),
    Voice("espeak", "fr+m2", "fr", 2, 45),
    Voice("espeak", "fr+f4", "fr", 2, 60),
    Voice("espeak", "fr+m5", "fr", 2, 40),
    Voice("espeak", "es+m4", "es", 2, 45),
    Voice("espeak", "es+f5", "es", 2, 55),
    Voice("espeak", "es+m1", "es", 2, 35),
    Voice("espeak", "es+f2", "es", 2, 60),
    Voice("espeak", "cmn+f1", "cmn", 2, 55),
    Voice("espeak", "cmn+m2", "cmn", 2, 45),
    Voice("espeak", "cmn+f3", "cmn", 2, 60),
    Voice("espeak", "ja+f2", "ja", 2, 55),
    Voice("espeak", "ja+m3", "ja", 2, 40),
    Voice("espeak", "ja+m7", "ja", 2, 50),
)


def tidy(phones: list[Phone], end: float) -> list[Phone]:
    """Adjoining phones from 0 to ``end``: no empty ones, no gaps, silences joined."""
    out: list[Phone] = []
    clock = 0.0
    for i, phone in enumerate(phones):
        stop = min(max(phone.end, clock), end)
        if stop - clock < 1e-3:
            continue
        if not phone.ipa and stop - clock < 0.04 and i + 1 < len(phones):
            continue  # too short for a pause: the next sound's beginning
        if out and not out[-1].ipa and not phone.ipa:
            out[-1] = Phone("", out[-1].start, stop)
        else:
            out.append(Phone(phone.ipa, clock, stop))
        clock = stop
    if end - clock > 1e-3:
        out.append(Phone("", clock, end))
    return out


def to_16k(samples: np.ndarray, rate: int) -> np.ndarray:
    """A sound ``[N]`` of another rate at 16 kHz, float32, cut at -1 and 1."""
    common = np.gcd(rate, SAMPLE_RATE)
    out = resample_poly(samples, SAMPLE_RATE // common, rate // common)
    return np.clip(out, -1, 1).astype(np.float32)
