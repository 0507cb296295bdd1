"""Pictures and videos → faces with stable ids: landmarks, head pose and fitted ARKit motion."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from recognizer.crop import face_crop
from recognizer.face_finder import FaceFinder, overlap
from recognizer.landmarks import FaceLandmarks
from recognizer.motion import MotionTrack
from recognizer.motion_fitting import Fields, fit_motion, gaze_angles


class NoFaceError(ValueError):
    """No face was found where one is needed."""


@dataclass
class FaceTrack:
    """One face over time.

    Attributes:
        face_id: 0, 1, … in the order of appearance.
        points: float32 ``[T, 478, 3]`` landmarks in pixels, NaN where the face is not seen.
        scores: float32 ``[T, 52]`` MediaPipe's raw scores, ARKit order.
        motion: fitted coefficients and head pose; translation is relative to the track's mean.
        gaze: float32 ``[T, 2]``: degrees to the image's right and down, mean of both eyes.
        confidence: float32 ``[T]``, 0..1: how well the face model explains the landmarks.
        crops: uint8 ``[T, S, S]``: aligned grey pictures of the face (see
            :func:`recognizer.crop.face_crop`), black where it is not seen; if asked for.
    """

    face_id: int
    points: np.ndarray
    scores: np.ndarray
    motion: MotionTrack
    gaze: np.ndarray
    confidence: np.ndarray
    crops: np.ndarray | None = None

    @property
    def success(self) -> np.ndarray:
        """bool ``[T]``: frames in which the face was found."""
        return np.isfinite(self.points[:, 0, 0])

    @property
    def area(self) -> float:
        """Median box area in pixels, for choosing the largest face."""
        seen = self.points[self.success, :, :2]
        return float(np.median(np.prod(seen.max(1) - seen.min(1), axis=-1)))


@dataclass
class _Observed:
    """Raw observations of one face while a video is read."""

    frames: list[int] = field(default_factory=list)
    faces: list[FaceLandmarks] = field(default_factory=list)
    crops: list[np.ndarray] = field(default_factory=list)


class FaceTracker:
    """Finds faces, follows them and fits the face model.

    Args:
        max_faces: the most faces to follow.
        fields: what a coefficient does to a person (see
            :func:`recognizer.motion_fitting.fit_motion`).
        crops: whether tracks keep aligned pictures of their faces.
    """

    def __init__(
        self, max_faces: int = 1, fields: Fields | None = None, crops: bool = False
    ) -> None:
        self._finder = FaceFinder(max_faces)
        self._fields = fields
        self._crops = crops

    def close(self) -> None:
        """Free the landmarker."""
        self._finder.close()

    def __enter__(self) -> FaceTracker:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def detect(self, image: np.ndarray) -> list[FaceLandmarks]:
        """Faces of one picture uint8 ``[H, W, 3]``, largest first."""
        return self._finder.find(image)

    def image(self, image: np.ndarray) -> list[FaceTrack]:
        """Faces of one picture as tracks of one frame, largest first (empty if there is none)."""
        return self.video([image], 25.0)

    def video(self, frames: Iterable[np.ndarray], fps: float) -> list[FaceTrack]:
        """Follow the faces of a video.

        Faces keep their id while their boxes overlap from sighting to sighting; each person's
        shape is solved once, from frames spread over the track.

        Args:
            frames: RGB pictures uint8 ``[H, W, 3]``.
            fps: their rate.

        Returns:
            Tracks of full length, in order of appearance; empty if no face was ever found.
        """
        observed: list[_Observed] = []
        count = 0
        for count, image in enumerate(frames, start=1):
            last = [one.faces[-1] for one in observed]
            for face in self._finder.find_again(image, last) if observed else self.detect(image):
                track = _assign(observed, face, count - 1)
                track.faces.append(face)
                if self._crops:
                    track.crops.append(face_crop(image, face.points))
        return [_fit_track(i, one, count, fps, self._fields) for i, one in enumerate(observed)]


def largest(tracks: list[FaceTrack]) -> FaceTrack:
    """The track with the largest face.

    Raises:
        NoFaceError: there is none.
    """
    if not tracks:
        raise NoFaceError("no face was found")
    return max(tracks, key=lambda track: track.area * track.success.mean())


def _assign(observed: list[_Observed], face: FaceLandmarks, frame: int) -> _Observed:
    """The track whose last sighting overlaps most and is not taken in this frame, or a new one."""
    free = [one for one in observed if one.frames[-1] != frame]
    best = max(free, key=lambda one: overlap(one.faces[-1], face), default=None)
    if best is None or overlap(best.faces[-1], face) < 0.15:
        best = _Observed()
        observed.append(best)
    best.frames.append(frame)
    return best


def _fit_track(
    face_id: int, observed: _Observed, count: int, fps: float, fields: Fields | None
) -> FaceTrack:
    points = np.stack([face.points for face in observed.faces])
    scores = np.stack([face.scores for face in observed.faces])
    fitted = fit_motion(points, scores, fps, fields=fields)
    rows = np.array(observed.frames)

    def spread(values: np.ndarray, fill: float = np.nan) -> np.ndarray:
        out = np.full((count, *values.shape[1:]), fill, np.float32)
        out[rows] = values
        return out

    return FaceTrack(
        face_id=face_id,
        points=spread(points),
        scores=spread(scores),
        motion=MotionTrack(spread(fitted.motion.blendshapes), spread(fitted.motion.pose), fps),
        gaze=spread(gaze_angles(fitted.motion)),
        confidence=spread(fitted.confidence, 0.0),
        crops=spread(np.stack(observed.crops), 0.0).astype(np.uint8) if observed.crops else None,
    )
