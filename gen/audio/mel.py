"""Log-mel bands as speech features: no weights, and the floor that a learned encoder must beat."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gen.audio.timing import checked_waveform, frame_count, resample_features
from recognizer.media import SAMPLE_RATE

_N_FFT = 400
_HOP = 160
_SLICES = 4


class MelEncoder:
    """Four consecutive log-mel spectra a frame.

    Args:
        bands: mel bands between 0 and 8 kHz, usually 80 or 128.
    """

    name = "mel"

    def __init__(self, bands: int = 80):
        if bands < 1:
            raise ValueError(f"bands must be at least 1, got {bands}")
        self.bands = bands
        self.dim = _SLICES * bands

    def encode(self, waveform: np.ndarray, fps: float = 25.0) -> np.ndarray:
        """Features float32 ``[T, 4 * bands]`` of a waveform float32 ``[N]`` at 16 kHz.

        The four spectra of a frame are those around 1/8, 3/8, 5/8 and 7/8 of it; values are log10
        power, plus 4, over 4 (whisper's scale, without its floor: that depends on the loudest
        point). See :class:`gen.audio.encoder.AudioEncoder`.
        """
        import librosa

        waveform = checked_waveform(waveform)
        frames = frame_count(len(waveform), fps)
        waveform = np.pad(waveform, (0, max(0, _N_FFT - len(waveform))))
        power = librosa.feature.melspectrogram(
            y=waveform, sr=SAMPLE_RATE, n_fft=_N_FFT, hop_length=_HOP, n_mels=self.bands,
            pad_mode="constant",
        )  # fmt: skip
        logs = (np.log10(np.maximum(power, 1e-10)).T + 4.0) / 4.0
        fine = fps * _SLICES
        centres = (np.arange(frames * _SLICES) + 0.5) / fine
        slices = resample_features(logs, SAMPLE_RATE / _HOP, centres, fine)
        return slices.reshape(frames, self.dim)

    def stream(self, waveform: np.ndarray, fps: float = 25.0) -> Iterator[np.ndarray]:
        """The rows of :meth:`encode` in one block."""
        yield self.encode(waveform, fps)
