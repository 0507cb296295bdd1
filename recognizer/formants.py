"""Resonances of the vocal tract by linear prediction, and how long the tract is.

J. Markel and A. Gray, *Linear Prediction of Speech* (1976). The mean spacing of the formants tells
the length of the vocal tract, a tube closed at one end (D. Reby and K. McComb, "Anatomical
constraints generate honesty: acoustic cues to age and weight in the roars of red deer stags",
Animal Behaviour 65 (2003)), which hardly changes with what a person feels.
"""

from __future__ import annotations

import numpy as np

from recognizer.media import SAMPLE_RATE
from recognizer.pitch import FRAME_RATE

FORMANTS = 4
_BAND_RATE, _ORDER, _FFT = 11000, 12, 1024
_WINDOW = round(0.03 * _BAND_RATE)
_PREEMPHASIS = 0.95
_WIDEST = 600.0
_EDGE = 150.0


def track_formants(waveform: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The first four formants.

    Args:
        waveform: float ``[N]`` at 16 kHz.
        where: bool ``[T]``, frames at 100 Hz to look at.

    Returns:
        float32 ``[T, 4]`` in Hz; NaN elsewhere, and where fewer resonances show.
    """
    import scipy.fft
    from scipy.signal import resample_poly

    found = np.full((len(where), FORMANTS), np.nan, np.float32)
    rows = np.flatnonzero(where)
    if len(rows) == 0:
        return found
    band = resample_poly(waveform, _BAND_RATE // 1000, SAMPLE_RATE // 1000)
    band = np.append(band[:1], band[1:] - _PREEMPHASIS * band[:-1])
    padded = np.pad(band, (_WINDOW // 2, _WINDOW))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)
    for part in np.array_split(rows, 1 + len(rows) // 1000):
        frames = windows[part * _BAND_RATE // FRAME_RATE] * np.hamming(_WINDOW)
        spectrum = scipy.fft.rfft(frames, _FFT, axis=1)
        lags = scipy.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, : _ORDER + 1]
        # A little white noise keeps the recursion stable; no frame is all zeros.
        lags[:, 0] = lags[:, 0] * 1.0001 + 1e-12
        found[part] = _resonances(_predictors(lags))
    return found


def formant_spacing(formants: np.ndarray) -> float:
    """Mean spacing in Hz: ``2 * spacing`` is the speed of sound over the tract's length.

    The least-squares slope of a uniform tube's ``F_i = (i - 1/2) * spacing``, its median over
    frames ``[T, 4]``; about 1030 for men and 1150 for women; NaN without formants.
    """
    seen = formants[np.isfinite(formants).all(axis=1)]
    if len(seen) == 0:
        return float("nan")
    multiples = np.arange(FORMANTS) + 0.5
    return float(np.median(seen @ multiples) / (multiples @ multiples))


def _predictors(lags: np.ndarray) -> np.ndarray:
    """Levinson-Durbin recursion: ``[T, P + 1]`` to ``[T, P + 1]``, the first 1."""
    predictor = np.zeros_like(lags)
    predictor[:, 0] = 1
    error = lags[:, 0].copy()
    for i in range(1, lags.shape[1]):
        reflection = -(predictor[:, :i] * lags[:, i:0:-1]).sum(axis=1) / error
        last = predictor[:, : i + 1].copy()
        predictor[:, : i + 1] = last + reflection[:, None] * last[:, ::-1]
        error *= 1 - reflection**2
    return predictor


def _resonances(predictors: np.ndarray) -> np.ndarray:
    """``[T, 4]``: narrow poles, from low to high."""
    order = predictors.shape[1] - 1
    companion = np.zeros((len(predictors), order, order))
    companion[:, 0] = -predictors[:, 1:]
    companion[:, np.arange(1, order), np.arange(order - 1)] = 1
    poles = np.linalg.eigvals(companion)
    hz = np.angle(poles) * _BAND_RATE / (2 * np.pi)
    width = -np.log(np.maximum(np.abs(poles), 1e-9)) * _BAND_RATE / np.pi
    narrow = (hz > _EDGE) & (hz < _BAND_RATE / 2 - _EDGE) & (width < _WIDEST)
    hz = np.sort(np.where(narrow, hz, np.inf), axis=1)[:, :FORMANTS]
    return np.where(np.isfinite(hz), hz, np.nan)
