"""What a face expresses over time: action units, valence and arousal, emotions."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from recognizer.facs import AU_INDEX, AU_MAX, AU_NAMES, EMOTIONS, PRESENT
from recognizer.motion import MotionTrack
from recognizer.smoothing import one_euro

if TYPE_CHECKING:
    import pandas

    from recognizer.explanation import Explanation
    from recognizer.micro_expressions import MicroExpression
    from recognizer.tracker import FaceTrack


@dataclass
class AffectTrack:
    """The affect of one face, frame by frame. NaN stands for what was not measured.

    Attributes:
        aus: float32 ``[T, 24]``, intensities 0-5 in the order of
            :data:`recognizer.facs.AU_NAMES`.
        valence_arousal: float32 ``[T, 2]``, -1..1.
        emotion: float32 ``[T, 8]``, probabilities in the order of
            :data:`recognizer.facs.EMOTIONS`, adding up to 1.
        success: bool ``[T]``: frames in which the face was found; the others are NaN throughout.
        confidence: float32 ``[T]``, 0..1.
        fps: frames a second, above 0.
        face_id: 0, 1, … in the order of appearance.
        motion: the motion it was read from, of the same length and rate.
        gaze: float32 ``[T, 2]``: degrees to the image's right and down.
        presence: float32 ``[T, 24]``, 0 or 1, where another tool decided on presence by itself
            (OpenFace's ``AU28_c``); see :meth:`present`.
        aus_std: float32 ``[T, 24]``, standard deviations of ``aus``.
        valence_arousal_std: float32 ``[T, 2]``, standard deviations of ``valence_arousal``.
        raw: the track before smoothing.

    Raises:
        ValueError: shapes disagree, a value is outside its range, or ``fps`` is not positive.

    >>> emotion = np.tile(np.eye(8)[1], (2, 1))
    >>> place = np.array([[0.8, 0.4], [0.6, 0.2]])
    >>> track = AffectTrack(np.zeros((2, 24)), place, emotion, [True, False], [0.9, 0.9])
    >>> print(track["happiness"], track["valence"])  # no face, no number
    [ 1. nan] [0.8 nan]
    """

    aus: np.ndarray
    valence_arousal: np.ndarray
    emotion: np.ndarray
    success: np.ndarray
    confidence: np.ndarray
    fps: float = 25.0
    face_id: int = 0
    motion: MotionTrack | None = None
    gaze: np.ndarray | None = None
    presence: np.ndarray | None = None
    aus_std: np.ndarray | None = None
    valence_arousal_std: np.ndarray | None = None
    raw: AffectTrack | None = None

    def __post_init__(self) -> None:
        if not (self.fps > 0 and math.isfinite(self.fps)):
            raise ValueError(f"fps must be positive, got {self.fps}")
        self.success = np.asarray(self.success, dtype=bool)
        frames = len(self.success)
        lost = ~self.success
        for name, (width, low, high) in _FIELDS.items():
            values = getattr(self, name)
            if values is None:
                continue
            values = np.array(values, dtype=np.float32)
            shape = (frames, width) if width else (frames,)
            if values.shape != shape:
                raise ValueError(f"{name} must be {list(shape)}, got {list(values.shape)}")
            values[lost] = 0.0 if name == "confidence" else np.nan
            _check_range(name, values, low, high)
            setattr(self, name, values)
        total = self.emotion.sum(axis=1)
        if (np.abs(total - 1) > 0.01).any():
            raise ValueError("the emotions' probabilities must add up to 1 in each frame")
        if self.motion is not None and (len(self.motion), self.motion.fps) != (frames, self.fps):
            raise ValueError(
                f"motion has {len(self.motion)} frames at {self.motion.fps:g} a second, "
                f"affect {frames} at {self.fps:g}"
            )

    def __len__(self) -> int:
        return len(self.success)

    def __getitem__(self, name: str) -> np.ndarray:
        """One curve ``[T]``: ``"AU12"``, ``"valence"``, ``"arousal"`` or an emotion's name.

        Raises:
            KeyError: nothing has this name.
        """
        if name in AU_INDEX:
            return self.aus[:, AU_INDEX[name]]
        if name in EMOTIONS:
            return self.emotion[:, EMOTIONS.index(name)]
        if name not in ("valence", "arousal"):
            raise KeyError(f"no action unit or emotion is called {name!r}")
        return self.valence_arousal[:, int(name == "arousal")]

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self) / self.fps

    @property
    def times(self) -> np.ndarray:
        """float64 ``[T]``: seconds from the first frame."""
        return np.arange(len(self)) / self.fps

    def present(self, threshold: float = PRESENT) -> np.ndarray:
        """bool ``[T, 24]``: action units at or above an intensity, or said to be present."""
        there = np.nan_to_num(self.aus, nan=0.0) >= threshold
        return there if self.presence is None else there | (self.presence == 1)

    @classmethod
    def from_face(
        cls,
        face: FaceTrack,
        aus: np.ndarray | None = None,
        valence_arousal: np.ndarray | None = None,
        emotion: np.ndarray | None = None,
        **uncertainty: np.ndarray,
    ) -> AffectTrack:
        """A tracked face with what an affect head read from it; what was not read is NaN.

        Args:
            face: the track; its motion, gaze, confidence and id are kept.
            aus: ``[T, 24]``.
            valence_arousal: ``[T, 2]``.
            emotion: ``[T, 8]``.
            uncertainty: ``aus_std``, ``valence_arousal_std``.
        """
        return cls(
            aus=_unless_given(aus, face.success, len(AU_NAMES)),
            valence_arousal=_unless_given(valence_arousal, face.success, 2),
            emotion=_unless_given(emotion, face.success, len(EMOTIONS)),
            success=face.success,
            confidence=face.confidence,
            fps=face.motion.fps,
            face_id=face.face_id,
            motion=face.motion,
            gaze=face.gaze,
            **uncertainty,
        )

    def smoothed(self, min_cutoff: float = 1.0, beta: float = 0.5) -> AffectTrack:
        """A steadier track by the One-Euro filter; this one is kept as its ``raw``.

        The filter looks at the past alone, so it can run live, and lags by about
        ``1 / (2 pi min_cutoff)`` seconds where little moves. Measured standard deviations and
        presence stay as they were.

        Args:
            min_cutoff: cut-off frequency at rest in Hz; lower is smoother.
            beta: how much speed (in ranges a second) raises the cut-off; higher lags less.
        """

        def steady(values: np.ndarray | None, scale: float) -> np.ndarray | None:
            if values is None:
                return None
            return scale * one_euro(values / scale, self.fps, min_cutoff, beta)

        emotion = steady(self.emotion, 1.0)
        motion = self.motion
        if motion is not None:
            angles, places = motion.pose[:, :3], motion.pose[:, 3:]
            pose = np.concatenate([steady(angles, 30.0), steady(places, 1.0)], axis=1)
            motion = MotionTrack(steady(motion.blendshapes, 1.0), pose, self.fps)
        return replace(
            self,
            aus=steady(self.aus, AU_MAX),
            valence_arousal=steady(self.valence_arousal, 1.0),
            emotion=emotion / emotion.sum(axis=1, keepdims=True),
            gaze=steady(self.gaze, 30.0),
            motion=motion,
            raw=self,
        )

    def resampled(self, fps: float) -> AffectTrack:
        """The same affect at another rate, linear between two frames that both show the face.

        Beside a frame without a face, the nearer frame is taken.

        Raises:
            ValueError: ``fps`` is not positive, or there is no frame.
        """
        if not (fps > 0 and math.isfinite(fps)):
            raise ValueError(f"fps must be positive, got {fps}")
        if len(self) == 0:
            raise ValueError("a track without frames cannot be resampled")
        between = _resampler(self.success, self.duration, self.fps, fps)
        changed = {
            name: None if getattr(self, name) is None else between(getattr(self, name))
            for name in _FIELDS
        }
        if self.presence is not None:
            changed["presence"] = np.where(
                np.isnan(changed["presence"]), np.nan, np.rint(changed["presence"])
            )
        if self.motion is not None:
            changed["motion"] = MotionTrack.from_vectors(between(self.motion.to_vectors()), fps)
        success = between(self.success.astype(np.float32)) > 0.5
        raw = None if self.raw is None else self.raw.resampled(fps)
        return replace(self, fps=fps, success=success, raw=raw, **changed)

    def to_dataframe(self) -> pandas.DataFrame:
        """A ``pandas.DataFrame`` with the columns of the CSV, one row a frame.

        Raises:
            ModuleNotFoundError: pandas is not installed; :meth:`save` does without it.
        """
        from recognizer.affect_csv import to_dataframe

        return to_dataframe([self])

    def save(self, path: str | os.PathLike) -> None:
        """Write the CSV; :func:`recognizer.affect_csv.write_csv` takes several faces."""
        from recognizer.affect_csv import write_csv

        write_csv(path, [self])

    def explain(self, phrase: Callable[[str], str] | None = None) -> Explanation:
        """What speaks for which emotion; see :func:`recognizer.explain.explain`."""
        from recognizer.explain import explain

        return explain(self, phrase=phrase)

    def micro_expressions(self) -> list[MicroExpression]:
        """Movements under half a second; see :func:`recognizer.micro_expressions.spot`.

        A smoothed track is looked at before smoothing, which would flatten them.

        Raises:
            ValueError: the motion is not known, or has too few frames a second.
        """
        from recognizer.micro_expressions import spot

        if self.raw is not None:
            return self.raw.micro_expressions()
        if self.motion is None:
            raise ValueError("micro-expressions are seen in motion, which this track lacks")
        return spot(self.motion)


#: Field → columns (0: none), lowest and highest value.
_FIELDS = {
    "aus": (len(AU_NAMES), 0.0, AU_MAX),
    "valence_arousal": (2, -1.0, 1.0),
    "emotion": (len(EMOTIONS), 0.0, 1.0),
    "confidence": (0, 0.0, 1.0),
    "gaze": (2, -180.0, 180.0),
    "presence": (len(AU_NAMES), 0.0, 1.0),
    "aus_std": (len(AU_NAMES), 0.0, math.inf),
    "valence_arousal_std": (2, 0.0, math.inf),
}
#: Networks and printed decimals overshoot a range by this much without being wrong.
_SLACK = 1e-3


def _check_range(name: str, values: np.ndarray, low: float, high: float) -> None:
    lowest = float(np.nanmin(values, initial=low))
    highest = float(np.nanmax(values, initial=low))
    if lowest < low - _SLACK or highest > high + _SLACK or np.isinf(values).any():
        raise ValueError(f"{name} must be {low:g}..{high:g}, found {lowest:.3g}..{highest:.3g}")
    np.clip(values, low, high, out=values)


def _unless_given(values: np.ndarray | None, success: np.ndarray, width: int) -> np.ndarray:
    return np.full((len(success), width), np.nan, np.float32) if values is None else values


def _resampler(success: np.ndarray, duration: float, old: float, new: float):
    """A function from ``[T, ...]`` at the old rate to ``[T', ...]`` at the new one."""
    last = len(success) - 1
    at = np.minimum(np.arange(max(1, round(duration * new))) * (old / new), last)
    left = np.floor(at).astype(int)
    right = np.minimum(left + 1, last)
    share = at - left
    share = np.where(success[left] == success[right], share, np.rint(share))

    def between(values: np.ndarray) -> np.ndarray:
        weight = share.reshape(-1, *([1] * (values.ndim - 1)))
        mixed = (1 - weight) * values[left] + weight * values[right]
        # A weight of 0 must not let NaN through.
        mixed = np.where(weight == 0, values[left], mixed)
        return np.where(weight == 1, values[right], mixed).astype(np.float32)

    return between
