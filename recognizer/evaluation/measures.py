"""What one film yields, and how it is kept in a cache."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from recognizer.files import arrays_of, write_whole
from recognizer.motion import MotionTrack

_META = "meta"


@dataclass
class ClipMeasures:
    """One film. Rows of NaN are frames without a face.

    Attributes:
        fps: its own frame rate.
        size: ``(width, height)`` in which ``boxes`` are given.
        motion: float32 ``[T, 58]``: coefficients and head pose.
        aus, valence_arousal, emotion: float32 ``[T, 24]``, ``[T, 2]``, ``[T, 8]``, as read.
        success: bool ``[T]``.
        boxes: float32 ``[T, 4]``: left, top, right, bottom of the face.
        opening: float32 ``[T]``: distance of the inner lips in face heights.
        volume: float32 ``[T]``: loudness; empty without sound.
        jerk: float32 ``[T]``: of the landmarks, in face heights/s³.
        history: ``[N, 64]`` of :func:`recognizer.metrics.motion_history.motion_history`.
        descriptors: ``[K, 128]`` of the person at a few moments; empty where there are none.
        coefficients: ``[T, D]`` that another tool read from it; empty where none are given.
        rest: whether affect was read relative to the person at rest: ``"known"``, ``"guessed"``
            from a long film, or ``"unknown"``.
        scalars: name → figure, all finite.
        reasons: name → why there is no figure.
    """

    fps: float
    size: tuple[int, int]
    motion: np.ndarray
    aus: np.ndarray
    valence_arousal: np.ndarray
    emotion: np.ndarray
    success: np.ndarray
    boxes: np.ndarray
    opening: np.ndarray
    volume: np.ndarray
    jerk: np.ndarray
    history: np.ndarray
    descriptors: np.ndarray = field(default_factory=lambda: np.zeros((0, 128)))
    coefficients: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    rest: str = "unknown"
    scalars: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.success)

    @property
    def times(self) -> np.ndarray:
        """float64 ``[T]``: seconds."""
        return np.arange(len(self)) / self.fps

    def motion_at(self, fps: float) -> np.ndarray:
        """Motion ``[T', 58]`` at another rate."""
        return MotionTrack.from_vectors(self.motion, self.fps).resampled(fps).to_vectors()

    def put(self, name: str, value: float, reason: str) -> None:
        """Note a figure, or why there is none where it is not finite."""
        if np.isfinite(value):
            self.scalars[name] = float(value)
        else:
            self.reasons[name] = reason

    def save(self, path: Path) -> None:
        """Write all of it as ``.npz``; the file is whole or not there."""
        meta = {
            "fps": self.fps, "size": self.size, "rest": self.rest, "scalars": self.scalars,
            "reasons": self.reasons,
        }  # fmt: skip
        content = io.BytesIO()
        text = np.frombuffer(json.dumps(meta).encode(), np.uint8)
        np.savez_compressed(content, **{name: getattr(self, name) for name in _ARRAYS},
                            **{_META: text})  # fmt: skip
        write_whole(path, content.getvalue())

    @classmethod
    def load(cls, path: Path) -> ClipMeasures:
        """What :meth:`save` wrote.

        Raises:
            ValueError: it is damaged.
        """
        with arrays_of(path, "is damaged") as file:
            arrays = {name: file[name] for name in _ARRAYS}
            meta = json.loads(file[_META].tobytes())
            return cls(**arrays, **meta | {"size": tuple(meta["size"])})


_ARRAYS = tuple(f.name for f in fields(ClipMeasures) if f.type == "np.ndarray")
