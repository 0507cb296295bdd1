"""Motion that is given: coefficients held at some times, while the rest is sampled to fit."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recognizer.easing import smoothstep
from recognizer.facs import ARKIT_INDEX, ARKIT_NAMES, POSE_NAMES
from recognizer.motion import MotionTrack

#: Seconds within which a free coefficient leads over to a held one.
EASE = 0.3
#: Seconds about a key that it is held: one frame at least has its value.
_HOLD = 0.04
_NAMES = (*ARKIT_NAMES, *POSE_NAMES)


@dataclass(frozen=True)
class MotionEdit:
    """Coefficients and head pose that are held.

    Build one by :meth:`from_track`, :meth:`keys` or :meth:`load`.

    >>> wink = MotionEdit.keys([(1.0, {"eyeBlinkLeft": 0.9})])
    >>> values, weights = wink.at(np.array([0.5, 0.83, 1.0]))
    >>> weights[:, 0].round(2).tolist()  # eased in over 0.3 s
    [0.0, 0.5, 1.0]

    Attributes:
        points: column of a motion vector, 0..57 → rising times ``[K]`` in seconds and values
            ``[K]``.
        joined: points no further apart than this, in seconds, hold what lies between them too.
        hold: seconds to either side of a point over which its value stands.
    """

    points: Mapping[int, tuple[np.ndarray, np.ndarray]]
    joined: float = 0.0
    hold: float = 1e-6

    @classmethod
    def from_track(cls, track: MotionTrack, mask: np.ndarray | None = None) -> MotionEdit:
        """Hold a track where ``mask`` is true.

        Args:
            track: frame ``i`` is at ``i / track.fps`` seconds; what lies beyond its end is free.
            mask: bool ``[T, 58]``, or ``[58]`` for the same columns in each frame; by default all
                that is not NaN.

        Raises:
            ValueError: the mask has another shape, or a held value is not finite or, of a
                blendshape, not 0..1.
        """
        vectors = track.to_vectors()
        mask = ~np.isnan(vectors) if mask is None else np.asarray(mask)
        if mask.dtype != bool or mask.shape not in (vectors.shape, vectors.shape[1:]):
            shape = list(vectors.shape)
            raise ValueError(f"a mask is bool {shape}, got {mask.dtype} {list(mask.shape)}")
        mask = np.broadcast_to(mask, vectors.shape)
        times = np.arange(len(track)) / track.fps
        points = {}
        for column in np.flatnonzero(mask.any(0)):
            at = mask[:, column]
            points[int(column)] = times[at], _checked(vectors[at, column], int(column))
        return cls(points, joined=1.5 / track.fps)

    @classmethod
    def keys(cls, keys: Iterable[tuple[float, Mapping[str, float]]]) -> MotionEdit:
        """Values at moments, eased in before and out after each.

        Args:
            keys: seconds, and values by their ARKit or pose names. Of two values of one name at one
                moment the later stands.

        Raises:
            ValueError: an unknown name, or a blendshape that is not 0..1.
        """
        table: dict[int, dict[float, float]] = {}
        for at, values in keys:
            for name, value in values.items():
                if name not in _NAMES:
                    raise ValueError(f"unknown blendshape {name!r}: the 52 ARKit names are known")
                table.setdefault(_NAMES.index(name), {})[float(at)] = float(value)
        points = {}
        for column, known in table.items():
            times = np.array(sorted(known))
            points[column] = times, _checked(np.array([known[t] for t in times]), column)
        return cls(points, hold=_HOLD)

    @classmethod
    def load(cls, path: str | os.PathLike) -> MotionEdit:
        """Hold what a motion file has: its columns, over its frames, where they are not empty.

        Raises:
            ValueError: it is no motion file, a column is unknown, or it has no value.
            FileNotFoundError: there is no such file.
        """
        path = Path(path)
        track = MotionTrack.load(path)
        mask = ~np.isnan(track.to_vectors())
        if path.suffix.lower() != ".npz":
            with open(path, newline="", encoding="utf-8-sig") as file:
                header = next(csv.reader(file))
            unknown = [name for name in header if name != "time" and name not in _NAMES]
            if unknown:
                raise ValueError(f"{path.name}: {unknown[0]!r} is no ARKit blendshape or head pose")
            mask &= np.isin(_NAMES, header)
        if not mask.any():
            raise ValueError(f"{path.name} has no values to hold: its cells are empty")
        return cls.from_track(track, mask)

    def at(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What is held at times ``[n]`` in seconds.

        Returns:
            values float32 ``[n, 58]`` and weights float32 ``[n, 58]``: 1 where they are held, 0
            where all is free, smoothly between within :data:`EASE` seconds of what is held.
        """
        values = np.zeros((len(times), len(_NAMES)), np.float32)
        weights = np.zeros_like(values)
        for column, (known, held) in self.points.items():
            values[:, column], weights[:, column] = self._column(np.asarray(times), known, held)
        return values, weights

    def _column(self, times, known, held) -> tuple[np.ndarray, np.ndarray]:
        right = np.clip(np.searchsorted(known, times), 0, len(known) - 1)
        left = np.clip(np.searchsorted(known, times, side="right") - 1, 0, len(known) - 1)
        since, until = times - known[left], known[right] - times
        gap = known[right] - known[left]
        joined = (gap <= self.joined) & (since >= 0) & (until >= 0)
        hold = np.where(joined, 0, self.hold)
        share = np.clip((since - hold) / np.maximum(gap - 2 * hold, 1e-9), 0, 1)
        share = np.where(joined, share, smoothstep(share))
        away = np.minimum(np.abs(since), np.abs(until))
        free = smoothstep((away - self.hold) / (EASE - self.hold))
        return held[left] + share * (held[right] - held[left]), np.where(joined, 1, 1 - free)

    def apply(self, vectors: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Motion vectors ``[n, 58]`` with what is held, float32."""
        values, weights = self.at(times)
        return vectors * (1 - weights) + values * weights


def edited(tracks: Iterable[MotionTrack], edits: Sequence[MotionEdit]) -> Iterator[MotionTrack]:
    """Apply edits, in their order, to a motion that comes in parts."""
    done = 0
    for track in tracks:
        vectors, times = track.to_vectors(), (done + np.arange(len(track))) / track.fps
        for edit in edits:
            vectors = edit.apply(vectors, times)
        done += len(track)
        yield MotionTrack.from_vectors(vectors, track.fps)


def _checked(values: np.ndarray, column: int) -> np.ndarray:
    name = _NAMES[column]
    if not np.isfinite(values).all():
        raise ValueError(f"{name} is held at a value that is not finite")
    if column < len(ARKIT_INDEX) and (values.min() < -0.001 or values.max() > 1.001):
        wrong = values[np.argmax(np.abs(values - 0.5))]
        raise ValueError(f"{name} must be 0..1, got {wrong:g}")
    return np.clip(values, 0, 1) if column < len(ARKIT_INDEX) else values
