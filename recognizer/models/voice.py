"""A classifier of emotional speech: multinomial logistic regression on a summary of prosody.

A linear model on eGeMAPS functionals is the field's baseline, and with the few thousand sentences
and few dozen actors of the public corpora it carries over to new speakers about as well as larger
ones. Speech features of a network (any callable) can be added.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recognizer.facs import EMOTIONS
from recognizer.media import SAMPLE_RATE
from recognizer.pitch import FRAME_RATE
from recognizer.prosody import Prosody, functionals

#: Waveform ``[N]`` at 16 kHz → features ``[T, D]`` of any rate.
Encode = Callable[[np.ndarray], np.ndarray]

_FORMAT = "facewright voice classifier 1"


@dataclass(frozen=True)
class VoiceClassifier:
    """Standardised features times a matrix.

    Attributes:
        names: what the functionals are called, in the order of the features; after them come the
            means of the encoder's features.
        mean: float32 ``[D]`` of the training speech.
        std: float32 ``[D]``, above 0.
        weight: float32 ``[D, 8]``.
        bias: float32 ``[8]``; minus infinity for an emotion that was not trained.
    """

    names: tuple[str, ...]
    mean: np.ndarray
    std: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    @property
    def encoded(self) -> int:
        """How many features come from the encoder; 0: none is needed."""
        return len(self.mean) - len(self.names)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Probabilities ``[N, 8]`` of features ``[N, D]``; NaN counts as the mean.

        Raises:
            ValueError: the features have another length.
        """
        if features.ndim != 2 or features.shape[1] != len(self.mean):
            raise ValueError(
                f"this voice classifier takes features [N, {len(self.mean)}], "
                f"got {list(features.shape)}"
            )
        scores = np.nan_to_num((features - self.mean) / self.std) @ self.weight + self.bias
        mass = np.exp(scores - scores.max(axis=1, keepdims=True))
        return mass / mass.sum(axis=1, keepdims=True)

    def describe(
        self, waveform: np.ndarray, prosody: Prosody, part: slice, encode: Encode | None
    ) -> np.ndarray:
        """Features ``[D]`` of a part of a recording, given in frames of prosody.

        Raises:
            ValueError: the encoder is missing or is not the one of the training.
        """
        if self.encoded and encode is None:
            raise ValueError("this voice classifier needs the speech features it was trained with")
        step = SAMPLE_RATE // FRAME_RATE
        sound = waveform[part.start * step : part.stop * step]
        features = voice_features(sound, prosody[part], encode if self.encoded else None)
        if len(features) != len(self.mean):
            raise ValueError("these are not the speech features that it was trained with")
        return features

    def save(self, path: str | os.PathLike) -> None:
        """Write one safetensors file."""
        from safetensors.numpy import save_file

        about = {"format": _FORMAT, "names": json.dumps(self.names), "emotions": ",".join(EMOTIONS)}
        arrays = {k: np.asarray(getattr(self, k), np.float32) for k in _ARRAYS}
        save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, path, about)

    @classmethod
    def load(cls, path: str | os.PathLike) -> VoiceClassifier:
        """Read what :meth:`save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is no such file.
        """
        from safetensors import SafetensorError, safe_open

        if not Path(path).is_file():
            raise FileNotFoundError(f"there is no file {path}")
        try:
            with safe_open(path, framework="np") as file:
                about = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise ValueError(f"{Path(path).name} is no safetensors file: {error}") from error
        if about.get("format") != _FORMAT or set(arrays) != set(_ARRAYS):
            raise ValueError(f"{Path(path).name} is no voice classifier")
        return cls(names=tuple(json.loads(about["names"])), **arrays)


_ARRAYS = ("mean", "std", "weight", "bias")


def voice_features(
    waveform: np.ndarray, prosody: Prosody, encode: Encode | None = None
) -> np.ndarray:
    """float32 ``[D]``: functionals, then the mean of what ``encode`` hears; NaN: not measured."""
    features = np.array(list(functionals(prosody).values()), np.float32)
    if encode is None:
        return features
    return np.concatenate([features, np.asarray(encode(waveform), np.float32).mean(axis=0)])
