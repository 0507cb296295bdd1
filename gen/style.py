"""How somebody moves: statistics of a person's motion, and their transfer to generated motion.

A model that was trained with styles is told the reference's (:meth:`Style.token`), and moves its
head and brows as such people do. The rest is not learnt. The reference's statistics are divided
by those that the model shows without one, and generated motion is multiplied by the ratios, within
limits: head angles and position by their standard deviations, axis by axis; brows by the deviation
of their coefficients; jaw and mouth by that of the distance of the lips; lids by the depth of a
blink. Blinks are left out, or put in, until there are as many a minute.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX, ARKIT_NAMES
from recognizer.motion import MotionTrack

#: Limits of the ratios: beyond them a short or badly tracked reference would make a caricature.
HEAD_LIMITS, BROW_LIMITS = (0.25, 2.5), (0.25, 2.5)
LIP_LIMITS, BLINK_LIMITS, PACE_LIMITS = (0.6, 1.6), (0.7, 1.4), (0.25, 3.0)
_LIDS = [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]
_BROWS = [i for i, n in enumerate(ARKIT_NAMES) if n.startswith("brow")]
_MOUTH = [i for i, n in enumerate(ARKIT_NAMES) if n.startswith(("jaw", "mouth"))]
#: How far a model that is told a style follows: its deviations change by the asked ratio to this
#: power; of the head where it should move more, and where less.
_BROWS_FOLLOW, _HEAD_FOLLOWS = 0.85, (0.7, 0.25)
#: A blink begins above the first value over the lids' rest, and is one if it passes the second.
_RISING, _BLINK = 0.15, 0.35
#: A blink's course: seconds and depth (closing takes half as long as opening).
_COURSE = np.array([[0.0, 0.08, 0.12, 0.2, 0.28, 0.36], [0.0, 0.9, 1.0, 0.6, 0.2, 0.0]])
_PAUSE = 0.5


@dataclass(frozen=True)
class Style:
    """Statistics of a motion.

    Attributes:
        head: standard deviations of pitch, yaw, roll in degrees and x, y, z in face widths.
        brow: root mean square of the standard deviations of the five brow coefficients.
        lip: standard deviation of the distance of the inner lips in face heights.
        blink: mean depth of blinks, coefficient above the lids' rest; 0 where none was seen.
        blinks_per_minute: how often.
    """

    head: tuple[float, ...]
    brow: float
    lip: float
    blink: float
    blinks_per_minute: float

    @classmethod
    def measure(cls, track: MotionTrack) -> Style:
        """Statistics of a track with a face in each frame.

        Raises:
            ValueError: it is shorter than a second.
        """
        if track.duration < 1 or len(track) < 2:
            raise ValueError(f"a style needs a second of motion, got {track.duration:.2f} s")
        depths = _blink_depths(track.blendshapes[:, _LIDS].mean(1))
        return cls(
            head=tuple(float(v) for v in track.pose.std(0)),
            brow=float(np.sqrt((track.blendshapes[:, _BROWS].std(0) ** 2).mean())),
            lip=float(FaceModel.load().lip_opening(track.blendshapes).std()),
            blink=float(np.mean(depths)) if depths else 0.0,
            blinks_per_minute=60 * len(depths) / track.duration,
        )

    def token(self) -> np.ndarray:
        """The style as a motion model is told it: float32 ``[9]``.

        Logarithms of the six deviations of the head, of brows and lips, and of the blinks a minute
        and five more.
        """
        floors = np.array([0.1] * 3 + [0.001] * 3 + [0.005, 0.001])
        values = np.maximum([*self.head, self.brow, self.lip], floors)
        return np.log([*values, self.blinks_per_minute + 5]).astype(np.float32)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike,
        hook: Callable[[str, int, int | None], None] = lambda *_: None,
    ) -> Style:
        """Statistics of a motion file (``.csv``, ``.npz``) or of the largest face in a video.

        Raises:
            ValueError: it is neither, shows no face, or is shorter than a second.
            FileNotFoundError: there is no such file.
        """
        path = Path(path)
        if path.suffix.lower() in (".csv", ".npz"):
            track = MotionTrack.load(path).filled()
        else:
            from gen.driving import absolute_motion, measure_driver

            track = absolute_motion(measure_driver(path, hook).motion)
        try:
            return cls.measure(track)
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from error

    def gains(self, typical: Style, told: bool = False) -> np.ndarray:
        """Factors ``[58]`` of motion vectors that turn a typical motion into this style.

        Args:
            typical: what the model shows of itself.
            told: the model was told this style: factors make up for what it did not follow.
        """
        out = np.ones(58, np.float32)
        out[_BROWS] = _ratio(self.brow, typical.brow, BROW_LIMITS)
        out[_MOUTH] = _ratio(self.lip, typical.lip, LIP_LIMITS)
        out[_LIDS] = _ratio(self.blink, typical.blink, BLINK_LIMITS) if self.blink else 1.0
        out[52:] = [_ratio(a, b, HEAD_LIMITS) for a, b in zip(self.head, typical.head, strict=True)]
        if told:
            out[_BROWS] **= 1 - _BROWS_FOLLOW
            out[52:] **= 1 - np.where(out[52:] > 1, *_HEAD_FOLLOWS)
        return out

    def paced(
        self, tracks: Iterable[MotionTrack], typical: Style, rng: np.random.Generator
    ) -> Iterator[MotionTrack]:
        """Leave blinks out of a motion that comes in parts, or put some in.

        Each is decided upon when it begins, so that no part waits for the next.
        """
        pace = _ratio(self.blinks_per_minute, typical.blinks_per_minute, PACE_LIMITS)
        depth = float(np.clip(self.blink or typical.blink, 0.5, 1))
        lids = _Lids(pace, typical.blinks_per_minute / 60, depth, rng)
        for track in tracks:
            shapes = track.blendshapes.copy()
            for row in shapes:
                row[_LIDS] = lids(row[_LIDS], 1 / track.fps)
            yield MotionTrack(shapes, track.pose, track.fps)


class _Lids:
    """Lids frame by frame with another number of blinks."""

    def __init__(self, pace: float, rate: float, depth: float, rng: np.random.Generator) -> None:
        self.keep = min(pace, 1.0)
        self.extra = max(pace - 1.0, 0.0) * rate  # blinks a second
        self.depth = depth
        self.rng = rng
        self.blinking = self.dropped = False
        self.since = np.inf  # seconds since the last blink put in began

    def __call__(self, lids: np.ndarray, step: float) -> np.ndarray:
        rising = lids.mean() > _RISING
        if rising and not self.blinking:
            self.dropped = self.rng.random() >= self.keep
        self.blinking = rising
        if self.dropped and rising:
            return np.minimum(lids, _RISING)
        self.since += step
        free = not rising and self.since > _COURSE[0, -1] + _PAUSE
        if self.extra and free and self.rng.random() < self.extra * step:
            self.since = step
        return np.maximum(lids, self.depth * np.interp(self.since, *_COURSE))


def _blink_depths(lids: np.ndarray) -> list[float]:
    """Depth above the lids' rest of each blink in ``[T]``."""
    raised = lids - np.median(lids)
    above = np.concatenate([[False], raised > _RISING, [False]])
    turns = np.diff(above.astype(int))
    starts, ends = np.flatnonzero(turns == 1), np.flatnonzero(turns == -1)
    peaks = [float(raised[a:b].max()) for a, b in zip(starts, ends, strict=True)]
    return [peak for peak in peaks if peak > _BLINK]


def _ratio(wanted: float, typical: float, limits: tuple[float, float]) -> float:
    return float(np.clip(wanted / max(typical, 1e-6), *limits))
