"""What every speech encoder offers, and the encoders by their names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np


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
            ``"articulation+closures+silence"`` (two more: where they rest, where they part for a
            breath) or ``"mel"`` (80 log-mel bands at four times the frame rate, 320 features;
            needs no weights).
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
