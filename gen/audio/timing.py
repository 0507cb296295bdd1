"""Sound at 16 kHz, and features of it at the video's frame rate."""

from __future__ import annotations

import numpy as np

from recognizer.media import SAMPLE_RATE


def checked_waveform(waveform: np.ndarray) -> np.ndarray:
    """The waveform as float32 ``[N]``.

    Raises:
        ValueError: it is not one non-empty row of finite numbers.
    """
    waveform = np.asarray(waveform)
    if waveform.ndim != 1 or not np.issubdtype(waveform.dtype, np.floating):
        shape = list(waveform.shape)
        raise ValueError(f"a waveform is a float array [N], got {waveform.dtype} {shape}")
    if len(waveform) == 0:
        raise ValueError("the waveform is empty")
    if not np.isfinite(waveform).all():
        raise ValueError("the waveform holds NaN or infinite samples")
    return waveform.astype(np.float32, copy=False)


def frame_count(samples: int, fps: float) -> int:
    """Video frames that ``samples`` samples at 16 kHz last.

    Raises:
        ValueError: ``fps`` is not 1 to 1000.
    """
    if not 1 <= fps <= 1000:
        raise ValueError(f"fps must be 1 to 1000, got {fps}")
    return max(1, round(samples / SAMPLE_RATE * fps))


def resample_features(
    features: np.ndarray, rate: float, centres: np.ndarray, fps: float
) -> np.ndarray:
    """Features ``[N, dim]`` at the times ``n / rate`` seen from the times ``centres`` ``[T]``.

    A triangle as wide as two steps of the slower of both rates: linear interpolation upwards,
    averaging downwards. Beyond the ends the last row stands.

    Args:
        features: float32 ``[N, dim]``.
        rate: rows a second.
        centres: seconds, relative to row 0.
        fps: rate of the result.

    Returns:
        float32 ``[T, dim]``.
    """
    times = np.arange(len(features)) / rate
    centres = np.clip(centres, times[0], times[-1])
    reach = 1.0 / min(rate, fps)
    weights = np.maximum(0.0, 1.0 - np.abs(centres[:, None] - times[None]) / reach)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights.astype(np.float32) @ features
