"""Whisper's log-mel spectrogram.

Formulae: OpenAI, whisper/audio.py (MIT). The mel scale is Slaney's, as in librosa.filters.mel,
which is not used because its import takes seconds.
"""

from __future__ import annotations

import functools

import numpy as np
import torch

from recognizer.media import SAMPLE_RATE

N_FFT = 400
HOP = 160
#: log10 units between the loudest point of a window and its floor: 80 dB.
DYNAMIC_RANGE = 8.0


@functools.cache
def mel_filterbank(bands: int = 80) -> np.ndarray:
    """Triangular filters of equal area on Slaney's mel scale, float32 ``[bands, N_FFT // 2 + 1]``.

    The scale is linear below 1 kHz (200/3 Hz a mel) and logarithmic above (a factor of 6.4 in 27
    mels).
    """
    knee, step = 15.0, np.log(6.4) / 27.0

    def to_hertz(mel: np.ndarray) -> np.ndarray:
        return np.where(mel < knee, mel * 200 / 3, 1000.0 * np.exp(step * (mel - knee)))

    nyquist = SAMPLE_RATE / 2
    top = knee + np.log(nyquist / 1000.0) / step
    edges = to_hertz(np.linspace(0.0, top, bands + 2))
    bins = np.linspace(0.0, nyquist, N_FFT // 2 + 1)
    widths = np.diff(edges)
    rise = (bins - edges[:-2, None]) / widths[:-1, None]
    fall = (edges[2:, None] - bins) / widths[1:, None]
    area = 2.0 / (edges[2:] - edges[:-2])
    return (np.maximum(0.0, np.minimum(rise, fall)) * area[:, None]).astype(np.float32)


def log_mel(samples: torch.Tensor) -> torch.Tensor:
    """Log-mel spectrograms ``[..., 80, N // 160]`` of samples ``[..., N]`` at 16 kHz, N > 200.

    Column ``m`` is centred on sample ``160 m``. Values are ``(x + 4) / 4`` of the log10 power,
    floored :data:`DYNAMIC_RANGE` below the loudest point of each.
    """
    window = torch.hann_window(N_FFT, device=samples.device)
    spectrum = torch.stft(samples, N_FFT, HOP, window=window, return_complex=True)[..., :-1]
    filters = torch.from_numpy(mel_filterbank()).to(samples.device)
    logs = (filters @ spectrum.abs().square()).clamp(min=1e-10).log10()
    floor = logs.amax(dim=(-2, -1), keepdim=True) - DYNAMIC_RANGE
    return (torch.maximum(logs, floor) + 4.0) / 4.0
