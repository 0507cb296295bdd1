"""Pictures and videos → faces with stable ids: landmarks, head pose and fitted ARKit motion."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from recognizer.crop import face_crop
from recognizer.facs import ARKIT_INDEX
from recognizer.fitting import CAMERA_DISTANCE, FaceFitter
from recognizer.landmarks import FaceLandmarker, FaceLandmarks
from recognizer.motion import MotionTrack, euler_angles

_IDENTITY_FRAMES = 120
_MAX_SIDE = 1280
#: The detector sees 128 pixels a side and places small faces badly: below this share of the
#: picture's longer side a face is looked at again in a part of the picture around it. Measured at
#: a share of 0.14: lips 3.4 % of face height off, and three times the jitter.
_SMALL = 0.3
#: Side of that part in face sizes.
_AROUND = 2.6
#: A fit this far off (mean distance in face widths) is worth a confidence of 1/e.
_RESIDUAL_SCALE = 0.03

Fields = Callable[[np.ndarray], np.ndarray]


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
        fields: what a coefficient does to a person (see :func:`fit_motion`).
        crops: whether tracks keep aligned pictures of their faces.
    """

    def __init__(
        self, max_faces: int = 1, fields: Fields | None = None, crops: bool = False
    ) -> None:
        self._landmarker = FaceLandmarker(max_faces)
        self._max_faces = max_faces
        self._fields = fields
        self._crops = crops

    def close(self) -> None:
        """Free the landmarker."""
        self._landmarker.close()

    def __enter__(self) -> FaceTracker:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def detect(self, image: np.ndarray) -> list[FaceLandmarks]:
        """Faces of one picture uint8 ``[H, W, 3]``, largest first.

        The detector looks at 128 pixels: where the whole picture shows no face, overlapping parts
        of it are tried, so that a full-length portrait works too.
        """
        faces = self._detect_scaled(image)
        if faces:
            return [self._looked_at(image, face) for face in faces]
        height, width = image.shape[:2]
        for parts in (2, 3, 5, 8):
            side = int(max(height, width) / parts * 1.5)
            if side < 64:
                break
            found = []
            for top in _starts(height, side, parts):
                for left in _starts(width, side, parts):
                    found += self._detect_part(image, left, top, side)
            if found:
                found = _distinct(sorted(found, key=lambda face: -face.size))[: self._max_faces]
                return [self._looked_at(image, face) for face in found]
        return []

    def _detect_part(self, image: np.ndarray, left: int, top: int, side: int):
        faces = self._detect_scaled(image[top : top + side, left : left + side])
        for face in faces:
            face.points[:, :2] += (left, top)
        return faces

    def _detect_again(self, image: np.ndarray, last: list[FaceLandmarks]) -> list[FaceLandmarks]:
        """Faces of a video's next frame: a single small one, or those too small for the whole
        picture, where they were."""
        if self._max_faces == 1 and _is_small(last[0], image):
            faces = self._detect_around(image, last[0])
            if faces:
                return faces[:1]
        faces = [self._looked_at(image, face) for face in self._detect_scaled(image)]
        if faces:
            return faces
        for face in last:
            faces += self._detect_around(image, face)
        return _distinct(sorted(faces, key=lambda face: -face.size))[: self._max_faces]

    def _looked_at(self, image: np.ndarray, face: FaceLandmarks) -> FaceLandmarks:
        """A small face as the part of the picture around it shows it; any other as it is."""
        if not _is_small(face, image):
            return face
        nearer = self._detect_around(image, face)
        best = max(nearer, key=lambda one: _overlap(one, face), default=face)
        return best if _overlap(best, face) > 0.3 else face

    def _detect_around(self, image: np.ndarray, face: FaceLandmarks) -> list[FaceLandmarks]:
        x0, y0, x1, y1 = face.box
        side = _AROUND * face.size
        left, top = (int(max(0, middle - side / 2)) for middle in ((x0 + x1) / 2, (y0 + y1) / 2))
        if left >= image.shape[1] or top >= image.shape[0]:
            return []
        return self._detect_part(image, left, top, int(side))

    def _detect_scaled(self, image: np.ndarray) -> list[FaceLandmarks]:
        import cv2

        factor = _MAX_SIDE / max(image.shape[:2])
        if factor >= 1:
            return self._landmarker.detect(image)
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        faces = self._landmarker.detect(small)
        for face in faces:
            face.points /= factor
        return faces

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
            for face in self._detect_again(image, last) if observed else self.detect(image):
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


def _is_small(face: FaceLandmarks, image: np.ndarray) -> bool:
    return face.size < _SMALL * max(image.shape[:2])


def _starts(length: int, side: int, parts: int) -> list[int]:
    return sorted({int(s) for s in np.linspace(0, max(0, length - side), parts)})


def _overlap(a: FaceLandmarks, b: FaceLandmarks) -> float:
    """Intersection over union of two boxes."""
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = a.box, b.box
    inner = max(0.0, min(ax1, bx1) - max(ax0, bx0)) * max(0.0, min(ay1, by1) - max(ay0, by0))
    union = (ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - inner
    return inner / union if union > 0 else 0.0


def _distinct(faces: list[FaceLandmarks]) -> list[FaceLandmarks]:
    kept: list[FaceLandmarks] = []
    for face in faces:
        if all(_overlap(face, other) < 0.3 for other in kept):
            kept.append(face)
    return kept


def _assign(observed: list[_Observed], face: FaceLandmarks, frame: int) -> _Observed:
    """The track whose last sighting overlaps most and is not taken in this frame, or a new one."""
    free = [one for one in observed if one.frames[-1] != frame]
    best = max(free, key=lambda one: _overlap(one.faces[-1], face), default=None)
    if best is None or _overlap(best.faces[-1], face) < 0.15:
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


@dataclass
class FittedMotion:
    """What :func:`fit_motion` found: the motion, each frame's confidence, and the person."""

    motion: MotionTrack
    confidence: np.ndarray
    fitter: FaceFitter


def fit_motion(
    points: np.ndarray,
    scores: np.ndarray,
    fps: float,
    fitter: FaceFitter | None = None,
    fields: Fields | None = None,
) -> FittedMotion:
    """Landmarks of one person → motion.

    Args:
        points: ``[T, 478, 3]`` in pixels, no NaN.
        scores: ``[T, 52]`` MediaPipe's scores.
        fps: frames a second.
        fitter: a person already solved; otherwise solved from frames spread over the track.
        fields: a renderer that moves a face otherwise than the face model does says how: neutral
            points ``[478, 3]`` → displacements ``[52, 478, 3]``, in face widths.
    """
    if fitter is None:
        chosen = np.unique(np.linspace(0, len(points) - 1, _IDENTITY_FRAMES).astype(int))
        fitter = FaceFitter().fit_identity(points[chosen], scores[chosen])
    if fields is not None:
        fitter.move_by(fields(fitter.shape))
    fits = [fitter.fit_frame(p, s) for p, s in zip(points, scores, strict=True)]
    poses = [pose for pose, _ in fits]
    coefficients = np.array([c for _, c in fits])
    scale = np.array([pose.scale for pose in poses])
    shift = np.array([pose.shift for pose in poses])
    angles = euler_angles(np.array([pose.rotation for pose in poses]))
    middle = np.median(scale)
    # The depth of the origin shows as a change of scale.
    place = (shift - shift.mean(0)) / middle
    place[:, 2] = CAMERA_DISTANCE * (middle / scale - 1)
    residual = np.array(
        [
            np.linalg.norm((pose.unproject(p) - fitter.face(c))[:468, :2], axis=1).mean()
            for p, (pose, c) in zip(points, fits, strict=True)
        ]
    )
    return FittedMotion(
        MotionTrack(coefficients, np.concatenate([angles, place], axis=1), fps),
        np.exp(-residual / _RESIDUAL_SCALE).astype(np.float32),
        fitter,
    )


def gaze_angles(motion: MotionTrack) -> np.ndarray:
    """Eye direction in the head ``[T, 2]``: degrees to the image's right and down, both eyes' mean.

    ARKit's eyeLook coefficients reach 1 at about 30 degrees to the sides and 25 up or down.
    """
    c = {name: motion.blendshapes[:, i] for name, i in ARKIT_INDEX.items() if "eyeLook" in name}
    right = (
        c["eyeLookOutLeft"] - c["eyeLookInLeft"] + c["eyeLookInRight"] - c["eyeLookOutRight"]
    ) / 2
    down = (
        c["eyeLookDownLeft"] + c["eyeLookDownRight"] - c["eyeLookUpLeft"] - c["eyeLookUpRight"]
    ) / 2
    return np.stack([30 * right, 25 * down], axis=1).astype(np.float32)
