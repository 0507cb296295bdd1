"""What every speech encoder offers, and how its features reach the video's frame rate."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np

SAMPLE_RATE = 16000


@runtime_checkable
class AudioEncoder(Protocol):
    """Speech to one feature vector a video frame.

    Attributes:
        name: identifier, kept in the configuration of models trained on these features.
        dim: length of a feature vector.
    """

    name: str
    dim: int

    def encode(self, waveform: np.ndarray, fps: float = 25.0) -> np.ndarray:
        """Features float32 ``[T, dim]`` of a waveform float32 ``[N]`` at 16 kHz.

        ``T = max(1, round(N / 16000 * fps))``; row ``i`` describes the sound around
        ``(i + 0.5) / fps`` seconds.

        Raises:
            ValueError: the waveform is not one non-empty row of finite numbers, or ``fps`` is not 1
                to 1000.
        """
        ...

    def stream(self, waveform: np.ndarray, fps: float = 25.0) -> Iterator[np.ndarray]:
        """The rows of :meth:`encode` in blocks ``[n, dim]``: work can start on the first."""
        ...


def load_encoder(name: str = "whisper", weights: str | os.PathLike | None = None) -> AudioEncoder:
    """The speech encoder called ``name``.

    Args:
        name: ``"whisper"`` (the lower half of whisper-tiny.en's encoder, 384 features),
            ``"articulation"`` (lip movements and loudness heard in them, 13 features),
            ``"articulation+closures"`` (one more: where lips meet),
            ``"articulation+closures+silence"`` (one more: where they rest) or ``"mel"``
            (80 log-mel bands at four times the frame rate, 320 features; needs no weights).
        weights: for ``"whisper"``, see :func:`gen.audio.weights.load_whisper_weights`; for
            ``"articulation"``, the folder of the map.

    Raises:
        ValueError: no encoder has this name.
        FileNotFoundError: the weights are not to be found.
    """
    if name == "whisper":
        from gen.audio.whisper import WhisperEncoder

        return WhisperEncoder.from_pretrained(weights)
    if name in ("articulation", "articulation+closures", "articulation+closures+silence"):
        from gen.audio.articulation import ArticulationEncoder

        _, *beside = name.split("+")
        return ArticulationEncoder.from_pretrained(
            weights, closures="closures" in beside, silence="silence" in beside
        )
    if name == "mel":
        from gen.audio.mel import MelEncoder

        if weights is not None:
            raise ValueError("the encoder 'mel' takes no weights")
        return MelEncoder()
    raise ValueError(
        f"there is no audio encoder {name!r}: choose 'whisper', 'articulation' or 'mel'"
    )


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
