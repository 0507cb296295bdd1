"""How something is said: pitch, level, spectral tilt, voice quality and rate, and their summary.

The summary holds the functionals of the eGeMAPS set (F. Eyben and others, "The Geneva Minimalistic
Acoustic Parameter Set (GeMAPS) for Voice Research and Affective Computing", IEEE Transactions on
Affective Computing 7 (2016)), but for the amplitudes of single harmonics. Nothing in it depends on
the gain of a recording: loudness enters by its spread alone.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from recognizer.formants import formant_spacing, track_formants
from recognizer.media import SAMPLE_RATE
from recognizer.pitch import (
    FRAME_RATE,
    Pitch,
    checked_waveform,
    chunks,
    frames_of,
    jitter_and_shimmer,
    track_pitch,
    voiced_runs,
)  # fmt: skip

#: 0 semitones, as in eGeMAPS.
SEMITONE_ZERO = 27.5
_WINDOW, _FFT = 320, 512
_MEL_BANDS, _MFCCS = 26, 4
_NOISE_FRAMES = 1000
#: Silence is this many dB below the recording's highest sample.
_SILENT_DB = -80.0
#: Frames this far below the loudest tenth are not speech, whatever their pitch.
_SPEECH_RANGE_DB = 30.0
#: Consonants and closures belong to the voiced frames that are this near, in seconds.
_AROUND_VOICE = 0.15
#: A syllable's nucleus stands out by this much (de Jong and Wempe 2009).
_NUCLEUS_DB = 2.0
_LEVEL_SECONDS = 0.06


@dataclass(frozen=True)
class Prosody:
    """Descriptors of speech, :data:`recognizer.pitch.FRAME_RATE` frames a second.

    Attributes:
        pitch: F0 and harmonics-to-noise ratio.
        level: float32 ``[T]``: RMS level in dB re full scale.
        alpha: float32 ``[T]``: energy of 1-5 kHz over that of 50 Hz-1 kHz in dB; higher is flatter.
        balance: float32 ``[T]``: the same of 1-3.4 kHz over 300 Hz-1 kHz, which a telephone lets
            through.
        brilliance: float32 ``[T]``: energy of 4.2-6 kHz, which it does not, over that of 1-3.4 kHz
            in dB.
        hammarberg: float32 ``[T]``: highest peak of 0-2 kHz over that of 2-5 kHz in dB; lower is
            flatter.
        slope_low: float32 ``[T]``: slope of the spectrum of 0-500 Hz in dB a kHz.
        slope_mid: float32 ``[T]``: that of 500-1500 Hz.
        flux: float32 ``[T]``: how much the normalised spectrum changes from frame to frame, 0..2.
        mfcc: float32 ``[T, 4]``: mel-frequency cepstral coefficients 1-4.
        formants: float32 ``[T, 4]``: Hz, NaN but in the louder voiced frames.
        speech: bool ``[T]``: voiced frames and the consonants around them.
        nuclei: int ``[S]``: frames of syllable nuclei.
        snr: level of the voiced frames over that of the quietest tenth of all, in dB.
        jitter: see :func:`recognizer.pitch.jitter_and_shimmer`.
        shimmer: see there.
    """

    pitch: Pitch
    level: np.ndarray
    alpha: np.ndarray
    balance: np.ndarray
    brilliance: np.ndarray
    hammarberg: np.ndarray
    slope_low: np.ndarray
    slope_mid: np.ndarray
    flux: np.ndarray
    mfcc: np.ndarray
    formants: np.ndarray
    speech: np.ndarray
    nuclei: np.ndarray
    snr: float
    jitter: float
    shimmer: float

    def __len__(self) -> int:
        return len(self.level)

    def __getitem__(self, part: slice) -> Prosody:
        """The descriptors of some of the frames; SNR, jitter and shimmer stay the recording's."""
        start, stop, _ = part.indices(len(self))
        series = (
            "level", "alpha", "balance", "brilliance", "hammarberg", "slope_low", "slope_mid",
            "flux", "mfcc", "formants", "speech",
        )  # fmt: skip
        inside = (self.nuclei >= start) & (self.nuclei < stop)
        return replace(
            self,
            pitch=Pitch(self.pitch.f0[start:stop], self.pitch.hnr[start:stop]),
            nuclei=self.nuclei[inside] - start,
            **{name: getattr(self, name)[start:stop] for name in series},
        )

    @property
    def semitones(self) -> np.ndarray:
        """float32 ``[T]``: F0 in semitones above 27.5 Hz, NaN where unvoiced."""
        return 12 * np.log2(self.pitch.f0 / SEMITONE_ZERO)

    @property
    def voiced(self) -> np.ndarray:
        """bool ``[T]``: voiced frames of speech."""
        return self.pitch.voiced & self.speech


def measure_prosody(waveform: np.ndarray) -> Prosody:
    """All descriptors of a recording.

    Args:
        waveform: float ``[N]`` at 16 kHz.

    Raises:
        ValueError: not one channel of finite samples.
    """
    waveform = checked_waveform(waveform)
    # At full scale whatever the gain, so that no floor depends on it.
    peak = float(np.abs(waveform).max(initial=0.0)) or 1.0
    waveform = waveform / peak
    pitch = track_pitch(waveform)
    level = _level(waveform)
    speech = _speech(pitch.voiced, level)
    voiced = pitch.voiced & speech
    return Prosody(
        pitch=pitch,
        level=level + np.float32(20 * np.log10(peak)),
        **_spectral(waveform, level),
        formants=track_formants(waveform, _louder(voiced, level)),
        speech=speech,
        nuclei=_nuclei(level, voiced),
        snr=_snr(level, voiced),
        **dict(zip(("jitter", "shimmer"), jitter_and_shimmer(waveform, pitch), strict=True)),
    )


def functionals(prosody: Prosody) -> dict[str, float]:
    """The summary of a stretch of speech, by name; NaN where nothing could be measured.

    Means and standard deviations over voiced frames unless the name says otherwise; percentiles of
    F0 in semitones above 27.5 Hz; rates a second; lengths in seconds.
    """
    voiced, speech = prosody.voiced, prosody.speech
    unvoiced = speech & ~voiced
    seconds = speech.sum() / FRAME_RATE
    pitch = prosody.semitones[voiced]
    low, middle, high = _percentiles(pitch)
    quiet, _, loud = _percentiles(prosody.level[speech])
    runs = [run for run in voiced_runs(prosody.pitch) if speech[run].any()]
    lengths = np.array([(run.stop - run.start) / FRAME_RATE for run in runs])
    gaps = np.array([(b.start - a.stop) / FRAME_RATE for a, b in pairwise(runs)])
    out = {
        "f0_mean": _mean(pitch), "f0_std": _std(pitch), "f0_p20": low, "f0_p50": middle,
        "f0_p80": high, "f0_range": high - low, **_slopes(prosody, runs),
        "hnr_mean": _mean(prosody.pitch.hnr[voiced]), "hnr_std": _std(prosody.pitch.hnr[voiced]),
        "jitter": prosody.jitter, "shimmer": prosody.shimmer,
        "level_std": _std(prosody.level[speech]), "level_range": loud - quiet,
        "flux_voiced": _mean(prosody.flux[voiced]), "flux_unvoiced": _mean(prosody.flux[unvoiced]),
    }  # fmt: skip
    for name in ("alpha", "hammarberg", "slope_low", "slope_mid"):
        values = getattr(prosody, name)
        out[f"{name}_mean"], out[f"{name}_std"] = _mean(values[voiced]), _std(values[voiced])
        out[f"{name}_unvoiced"] = _mean(values[unvoiced])
    seen = prosody.formants[np.isfinite(prosody.formants).all(axis=1)]
    for i in range(3):
        out[f"f{i + 1}_mean"], out[f"f{i + 1}_std"] = _mean(seen[:, i]), _std(seen[:, i])
    for i in range(_MFCCS):
        out[f"mfcc{i + 1}_mean"] = _mean(prosody.mfcc[voiced, i])
        out[f"mfcc{i + 1}_std"] = _std(prosody.mfcc[voiced, i])
    return out | {
        "formant_spacing": formant_spacing(prosody.formants),
        "syllable_rate": len(prosody.nuclei) / seconds if seconds else float("nan"),
        "voiced_rate": len(runs) / seconds if seconds else float("nan"),
        "voiced_length_mean": _mean(lengths), "voiced_length_std": _std(lengths),
        "gap_mean": _mean(gaps), "gap_std": _std(gaps),
        "speech_share": float(speech.mean()) if len(speech) else float("nan"),
    }  # fmt: skip


def _spectra(frames: np.ndarray) -> np.ndarray:
    """Power spectra ``[T, 257]`` of 20 ms frames."""
    import scipy.fft

    spectrum = scipy.fft.rfft(frames * np.hamming(_WINDOW).astype(np.float32), _FFT, axis=1)
    return spectrum.real**2 + spectrum.imag**2


def _level(waveform: np.ndarray) -> np.ndarray:
    window = np.hanning(round(_LEVEL_SECONDS * SAMPLE_RATE)).astype(np.float32)
    window /= window.sum()
    power = np.concatenate([f**2 @ window for f in chunks(frames_of(waveform, len(window)))])
    return (10 * np.log10(np.maximum(power, 10 ** (_SILENT_DB / 10)))).astype(np.float32)


def _spectral(waveform: np.ndarray, level: np.ndarray) -> dict[str, np.ndarray]:
    """Tilt, flux and cepstrum, in constant memory.

    For the tilt the mean spectrum of the quietest tenth is taken off, down to a twentieth (Boll
    1979): noise is flat and would pass for effort.
    """
    all_frames = frames_of(waveform, _WINDOW)
    quiet = np.flatnonzero(level <= np.percentile(level, 10))
    quiet = quiet[:: 1 + len(quiet) // _NOISE_FRAMES]
    noise = _spectra(all_frames[quiet]).mean(axis=0)
    parts, last = [], None
    for frames in chunks(all_frames):
        power = _spectra(frames)
        before = power[:1] if last is None else last
        parts.append(
            {
                **_tilt(np.maximum(power - noise, 0.05 * power)),
                "flux": _flux(np.concatenate([before, power])),
                "mfcc": _mfcc(power),
            }
        )
        last = power[-1:]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _tilt(power: np.ndarray) -> dict[str, np.ndarray]:
    hz = np.arange(power.shape[1]) * SAMPLE_RATE / _FFT
    safe = power + 1e-12

    def band(low: float, high: float) -> np.ndarray:
        return safe[:, (hz >= low) & (hz < high)]

    def slope(low: float, high: float) -> np.ndarray:
        x = hz[(hz >= low) & (hz < high)] / 1000
        x = x - x.mean()
        return 10 * np.log10(band(low, high)) @ x / (x @ x)

    values = {
        "alpha": 10 * np.log10(band(1000, 5000).sum(1) / band(50, 1000).sum(1)),
        "balance": 10 * np.log10(band(1000, 3400).sum(1) / band(300, 1000).sum(1)),
        "brilliance": 10 * np.log10(band(4200, 6000).sum(1) / band(1000, 3400).sum(1)),
        "hammarberg": 10 * np.log10(band(0, 2000).max(1) / band(2000, 5000).max(1)),
        "slope_low": slope(0, 500),
        "slope_mid": slope(500, 1500),
    }
    return {name: value.astype(np.float32) for name, value in values.items()}


def _flux(power: np.ndarray) -> np.ndarray:
    size = np.sqrt(power)
    size = size / np.maximum(np.linalg.norm(size, axis=1, keepdims=True), 1e-6)
    return ((size[1:] - size[:-1]) ** 2).sum(axis=1).astype(np.float32)


def _mfcc(power: np.ndarray) -> np.ndarray:
    from scipy.fft import dct

    mel = 10 * np.log10(power @ _mel_filters() + 1e-10)
    return dct(mel, norm="ortho", axis=1)[:, 1 : _MFCCS + 1].astype(np.float32)


@functools.cache
def _mel_filters() -> np.ndarray:
    from librosa.filters import mel

    return mel(sr=SAMPLE_RATE, n_fft=_FFT, n_mels=_MEL_BANDS, fmin=20.0, htk=True).T


def _speech(voiced: np.ndarray, level: np.ndarray) -> np.ndarray:
    if not voiced.any():
        return np.zeros(len(voiced), bool)
    loud = level >= np.percentile(level[voiced], 90) - _SPEECH_RANGE_DB
    reach = round(_AROUND_VOICE * FRAME_RATE)
    return np.convolve(voiced & loud, np.ones(2 * reach + 1), "full")[reach:-reach] > 0


def _louder(voiced: np.ndarray, level: np.ndarray) -> np.ndarray:
    """The louder two thirds of the voiced frames."""
    return voiced & (level > np.percentile(level[voiced], 33)) if voiced.any() else voiced


def _nuclei(level: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    """Voiced peaks of the level between dips (N. de Jong and T. Wempe, "Praat script to detect
    syllable nuclei and measure speech rate automatically", Behavior Research Methods 41 (2009))."""
    from scipy.signal import find_peaks

    peaks, _ = find_peaks(level, prominence=_NUCLEUS_DB)
    return peaks[voiced[peaks]]


def _snr(level: np.ndarray, voiced: np.ndarray) -> float:
    if not voiced.any():
        return 0.0
    power = 10 ** (level / 10)
    noise = power[level <= np.percentile(level, 10)].mean()
    return float(10 * np.log10(max(power[voiced].mean() / noise, 1.0)))


def _slopes(prosody: Prosody, runs: list[slice]) -> dict[str, float]:
    """Mean rise and fall of F0 inside voiced stretches, in semitones a second."""
    steps = [np.diff(prosody.semitones[run]) * FRAME_RATE for run in runs]
    steps = np.concatenate(steps) if steps else np.zeros(0)
    return {"f0_rise": _mean(steps[steps > 0]), "f0_fall": _mean(steps[steps < 0])}


def _percentiles(values: np.ndarray) -> list[float]:
    return np.percentile(values, [20, 50, 80]).tolist() if len(values) else [float("nan")] * 3


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _std(values: np.ndarray) -> float:
    return float(values.std()) if len(values) else float("nan")
