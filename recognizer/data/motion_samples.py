"""What a face tracker read from faces whose expression is known."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from recognizer.data.faces import SPLITS
from recognizer.facs import AU_NAMES, EMOTION_TO_VA, EMOTIONS
from recognizer.files import arrays_of

#: Roles of a frame within its take: the person at rest, at rest with shut eyes, anything else.
REST, SHUT, SHOWN = range(3)
_OPTIONAL = "crops", "brows"
VALENCE_AROUSAL = np.array([EMOTION_TO_VA[name] for name in EMOTIONS], np.float32)


@dataclass
class MotionSamples:
    """Tracked frames and what their faces showed. A row of NaN is not labelled.

    Attributes:
        motion: float32 ``[N, 58]``: coefficients and pose as of ``MotionTrack.to_vectors``.
        activation: float32 ``[N, 24]``: see :mod:`recognizer.data.activation`. Shut eyes are AU43
            here: whether they blink is a matter of time.
        emotion: float32 ``[N, 8]``: probabilities.
        person: int32 ``[N]``.
        take: int32 ``[N]``: frames of one take show one person, whose shape was solved once.
        role: uint8 ``[N]``: ``REST``, ``SHUT`` or ``SHOWN``.
        alone: bool ``[N]``: the person's shape was solved from this one picture, not from a film.
        split: uint8 ``[N]``, an index into ``SPLITS``; persons are in one split alone.
        crops: uint8 ``[N, S, S]`` pictures as of :func:`recognizer.crop.face_crop`, or ``None``.
        brows: float32 ``[N, 20, 2]`` places as of :func:`recognizer.brow_reader.brow_places`, or
            ``None``.

    Raises:
        ValueError: shapes disagree.
    """

    motion: np.ndarray
    activation: np.ndarray
    emotion: np.ndarray
    person: np.ndarray
    take: np.ndarray
    role: np.ndarray
    alone: np.ndarray
    split: np.ndarray
    crops: np.ndarray | None = None
    brows: np.ndarray | None = None

    def __post_init__(self) -> None:
        widths = {"motion": 58, "activation": len(AU_NAMES), "emotion": len(EMOTIONS)}
        for name, width in widths.items():
            values = np.asarray(getattr(self, name), np.float32)
            if values.shape != (len(self), width):
                raise ValueError(f"{name} must be [{len(self)}, {width}], got {values.shape}")
            setattr(self, name, values)
        for name in ("person", "take", "role", "alone", "split"):
            if getattr(self, name).shape != (len(self),):
                raise ValueError(f"{name} must be [{len(self)}]")
        if self.crops is not None and (self.crops.ndim != 3 or len(self.crops) != len(self)):
            raise ValueError(f"crops must be [{len(self)}, S, S], got {self.crops.shape}")
        if self.brows is not None and self.brows.shape != (len(self), 20, 2):
            raise ValueError(f"brows must be [{len(self)}, 20, 2], got {self.brows.shape}")

    def __len__(self) -> int:
        return len(self.motion)

    def __getitem__(self, rows) -> MotionSamples:
        """Some of the frames: a slice, an array of indices or a mask."""
        return MotionSamples(**{name: values[rows] for name, values in self._arrays().items()})

    def _arrays(self) -> dict[str, np.ndarray]:
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: values for name, values in arrays.items() if values is not None}

    @property
    def valence_arousal(self) -> np.ndarray:
        """float32 ``[N, 2]``: the mean of ``EMOTION_TO_VA`` under ``emotion``."""
        return self.emotion @ VALENCE_AROUSAL

    def of(self, split: str) -> MotionSamples:
        """The frames of ``train``, ``valid`` or ``test``."""
        return self[self.split == SPLITS.index(split)]

    def save(self, path: str | os.PathLike) -> None:
        """Write an npz; values keep three digits, places of brows all."""
        arrays = self._arrays()
        halves = {k: v.astype(np.float16) for k, v in arrays.items()
                  if v.dtype == np.float32 and k != "brows"}  # fmt: skip
        np.savez_compressed(path, **arrays | halves)

    @classmethod
    def load(cls, path: str | os.PathLike) -> MotionSamples:
        """Read what :meth:`save` wrote.

        Raises:
            FileNotFoundError: no such file.
            ValueError: it holds something else.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"{path}: no such file")
        names = [f.name for f in fields(cls) if f.name not in _OPTIONAL]
        with arrays_of(path, "holds no tracked faces") as file:
            if not set(names) <= set(file):
                raise ValueError(f"expected {', '.join(names)}")
            kept = [*names, *(name for name in _OPTIONAL if name in file)]
            return cls(**{name: file[name] for name in kept})


def concatenate(parts: Sequence[MotionSamples]) -> MotionSamples:
    """All frames of the parts; persons and takes are renumbered so that none are mixed up. Crops
    and brows are kept if all parts have them.

    Raises:
        ValueError: no parts.
    """
    if not parts:
        raise ValueError("there are no tracked faces")
    names = set.intersection(*(set(part._arrays()) for part in parts))
    arrays = {name: [getattr(part, name) for part in parts] for name in names}
    for name in ("person", "take"):
        start = 0
        for i, values in enumerate(arrays[name]):
            arrays[name][i] = values + start
            start += int(values.max(initial=-1)) + 1
    return MotionSamples(**{name: np.concatenate(values) for name, values in arrays.items()})
