"""How far a recording is speech, and fit to be read: noise, bandwidth, likeness."""

from __future__ import annotations

import numpy as np

from recognizer.pitch import FRAME_RATE, voiced_runs
from recognizer.prosody import Prosody, functionals

#: SNR in dB that makes a recording worth a half, and the logistic width around it.
_ENOUGH_SNR, _SNR_WIDTH = 8.0, 2.5
#: In dB: the brightest tenth of wide-band speech is above; and what telephone speech is worth.
_BRILLIANT, _NARROW = -14.0, 0.5
#: Ranges that running speech keeps to: none of it below the first or above the last number, all of
#: it between the middle ones. Instruments glide less, hum and noise have no syllables.
_SPEECH = {
    "syllables a second": (1.0, 2.0, 8.0, 11.0),
    "voiced stretches a second": (0.7, 1.3, 8.0, 12.0),
    "glide in semitones a second": (2.0, 6.0, 60.0, 120.0),
    "harmonics over noise in dB": (1.0, 2.5, 20.0, 26.0),
}


def speech_quality(prosody: Prosody) -> float:
    """0..1: near 0 for silence, noise and instruments, about 0.9 for clean wide-band speech."""
    audible = float(1 / (1 + np.exp(-(prosody.snr - _ENOUGH_SNR) / _SNR_WIDTH)))
    return audible * (_NARROW if is_narrow(prosody) else 1.0) * _likeness(prosody)


def is_narrow(prosody: Prosody) -> bool:
    """Whether a telephone cut off what lies above 4 kHz: not even a hiss is brilliant."""
    brilliance = prosody.brilliance[prosody.speech]
    return len(brilliance) > 0 and float(np.percentile(brilliance, 90)) < _BRILLIANT


def _likeness(prosody: Prosody) -> float:
    """0..1: how much it keeps to the ranges of running speech."""
    summary = functionals(prosody)
    glides = [np.abs(np.diff(prosody.semitones[run])) for run in voiced_runs(prosody.pitch)]
    glide = np.concatenate(glides) * FRAME_RATE if glides else np.zeros(0)
    values = (
        summary["syllable_rate"], summary["voiced_rate"],
        np.median(glide) if len(glide) else np.nan, summary["hnr_mean"],
    )  # fmt: skip
    likeness = 1.0
    for value, limits in zip(values, _SPEECH.values(), strict=True):
        likeness *= float(np.interp(value, limits, (0, 1, 1, 0))) if np.isfinite(value) else 0.0
    return likeness
