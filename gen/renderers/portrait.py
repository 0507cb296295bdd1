"""A photograph made ready to be moved: framed, its face found, its pose and expression fitted."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from gen.renderers.topology import face_topology
from recognizer.face_model import (
    FACE_BOTTOM,
    FACE_OVAL,
    FACE_TOP,
    LIP_CORNERS,
    LOWER_MIDDLE,
    UPPER_MIDDLE,
    FaceModel,
)
from recognizer.facs import ARKIT_INDEX, ARKIT_NAMES, sides
from recognizer.fitting import FaceFitter, Pose
from recognizer.landmarks import FaceLandmarks
from recognizer.tracker import FaceTracker, NoFaceError

#: Expressions that a single picture shows beyond doubt, with the score at which it may.
#: All others could as well be the shape of the face.
_VISIBLE = {
    "mouthSmile": 0.25, "mouthUpperUp": 0.3, "mouthLowerDown": 0.3,
    "browInnerUp": 0.35, "browDown": 0.35, "eyeWide": 0.3, "mouthStretch": 0.4,
}  # fmt: skip
#: Shares of that score (mean of both sides) between which it is believed by degrees.
_DOUBT = (1.0, 1.4)
#: A turned head's outline lies no farther behind its contour (face widths).
_FOLDED = 0.12
#: A gap between the inner lips (in face heights) that is more than a seam.
_OPEN_LIPS = 0.012
#: A relaxed mouth's corners lie at most so much below the lips' middle (face widths).
_DROOP = 0.015
#: How much of the picture's height the face may fill, and how much it should at least.
_FILL_MAX, _FILL_MIN = 0.62, 0.30


@dataclass
class Portrait:
    """A framed picture with its fitted face.

    Attributes:
        image: uint8 ``[H, W, 3]`` at output size.
        landmarks: float64 ``[478, 3]`` in its pixels; x and y as seen, z from the fitted head.
        pose: the camera of the fit.
        expression: float32 ``[52]``: what the portrait wears.
        identity: float64 ``[K]``: the fitted person.
        faces: how many faces the picture showed (the largest was taken).
    """

    image: np.ndarray
    landmarks: np.ndarray
    pose: Pose
    expression: np.ndarray
    identity: np.ndarray
    faces: int

    @property
    def face_height(self) -> float:
        """Forehead to chin in pixels."""
        return float(np.linalg.norm(self.landmarks[FACE_TOP] - self.landmarks[FACE_BOTTOM]))

    @classmethod
    def from_image(
        cls, image: np.ndarray, size: int = 512, square: bool = True, tracker=None
    ) -> Portrait:
        """Find the largest face, frame it and fit the head.

        Args:
            image: uint8 ``[H, W, 3]``, RGB.
            size: the longer side of the result in pixels, made even.
            square: crop to a square around the face; otherwise keep the picture's own aspect.
            tracker: a :class:`recognizer.tracker.FaceTracker` to use; otherwise one is made.

        Raises:
            NoFaceError: no face was found.
        """
        own = tracker is None
        tracker = tracker or FaceTracker(max_faces=4)
        try:
            faces = tracker.detect(image)
            if not faces:
                raise NoFaceError("no face was found in the portrait")
            framed = frame_face(image, faces[0], size, square)
            again = tracker.detect(framed)
        finally:
            if own:
                tracker.close()
        if not again:
            raise NoFaceError("the face in the portrait is too small or too unclear")
        return cls._fit(framed, again[0], len(faces))

    @classmethod
    def _fit(cls, image: np.ndarray, face: FaceLandmarks, faces: int) -> Portrait:
        model = FaceModel.load()
        points = face.points.astype(np.float64)
        fitter = FaceFitter(model).fit_identity(points[None], face.scores[None], offsets=False)
        pose, fitted = fitter.fit_frame(points, face.scores)
        # Depth from the fitted head: MediaPipe's own is only good for the pose.
        landmarks = points.copy()
        landmarks[:, 2] = pose.project(fitter.face(fitted))[:, 2]
        _unfold(landmarks, pose)
        return cls(
            image=image,
            landmarks=landmarks,
            pose=pose,
            expression=_worn_expression(points, face.scores, pose, model),
            identity=fitter.identity,
            faces=faces,
        )


def _unfold(landmarks: np.ndarray, pose: Pose) -> None:
    """Move the face's outline out to its contour, in place, where a turned head hides it.

    The tracker tells where the far side's outline is behind the cheek. The cheek would be drawn
    twice when that side turns to the camera: once with the face and once with what is around it.
    """
    triangles = face_topology(0).triangles
    corner = np.floor(landmarks[:, :2].min(0)) - 2
    points = landmarks[:, :2] - corner
    width, height = np.ceil(points.max(0)).astype(int) + 3
    face = np.zeros((height, width), np.uint8)
    for triangle in np.round(points[triangles] * 16).astype(np.int32):
        cv2.fillConvexPoly(face, triangle, 1, cv2.LINE_8, 4)
    across = pose.rotation[:2, 0] / np.linalg.norm(pose.rotation[:2, 0])
    middle = points.mean(0)
    steps = np.arange(0, _FOLDED * pose.scale, 0.5)
    for index in FACE_OVAL:
        out = across * np.sign((points[index] - middle) @ across)
        x, y = np.round(points[index] + steps[:, None] * out).astype(int).T
        inside = face[y.clip(0, height - 1), x.clip(0, width - 1)] > 0
        away = 0.0 if inside.all() else steps[np.argmin(inside)] - 1
        landmarks[index, :2] += max(away, 0.0) * out


def _worn_expression(points, scores, pose: Pose, model: FaceModel) -> np.ndarray:
    """The part of MediaPipe's scores that is expression for certain."""
    worn = np.zeros(len(ARKIT_NAMES), np.float32)
    for stem, threshold in _VISIBLE.items():
        index = [ARKIT_INDEX[name] for name in sides(stem)]
        # Both sides or none, and by degrees: one alone just past the threshold would leave the
        # other behind, and a face that is level in the portrait would speak lopsidedly.
        sure = scores[index].mean() / threshold
        worn[index] = scores[index] * np.clip((sure - _DOUBT[0]) / (_DOUBT[1] - _DOUBT[0]), 0, 1)
    gap = points[LOWER_MIDDLE] - points[UPPER_MIDDLE]
    gap = float(np.linalg.norm(gap[:, :2], axis=1).mean() / pose.scale)
    if gap > _OPEN_LIPS * model.face_height:
        # What the other coefficients do not explain of the opening is the jaw's.
        rows = model.lip_opening_rows
        jaw = ARKIT_INDEX["jawOpen"]
        worn[jaw] = np.clip((gap - rows @ worn) / rows[jaw], 0, 1)
        _keep_smile(worn, pose.unproject(points), model)
    return worn


def _keep_smile(worn: np.ndarray, face: np.ndarray, model: FaceModel) -> None:
    """Take a part of the worn smile for the person's own, where without it the mouth would droop.

    An open laugh is more than the head model's smile and jaw together: both taken away, the corners
    would hang below the lips' middle as no relaxed mouth does.
    """
    smile = np.zeros_like(worn)
    index = [ARKIT_INDEX[name] for name in sides("mouthSmile")]
    smile[index] = worn[index]
    field = model.landmark_blendshapes

    def droop(points):
        middle = (points[UPPER_MIDDLE, 1].mean() + points[LOWER_MIDDLE, 1].mean()) / 2
        return points[list(LIP_CORNERS), 1].mean() - middle

    excess = droop(face - np.tensordot(worn, field, 1)) - _DROOP
    gain = -droop(np.tensordot(smile, field, 1))
    if excess > 0 and gain > 0:
        worn[index] *= 1 - min(1.0, excess / gain)


def frame_face(image: np.ndarray, face: FaceLandmarks, size: int, square: bool) -> np.ndarray:
    """Crop so that the face is seen well, and resize so that the longer side is ``size``."""
    size = max(64, size - size % 2)
    height, width = image.shape[:2]
    if square:
        x0, y0, x1, y1 = face.box
        tall = max(y1 - y0, (x1 - x0) * 1.1)
        side = min(height, width)
        side = int(np.clip(side, min(side, tall / _FILL_MAX), max(tall / _FILL_MIN, 64)))
        left = int(np.clip((x0 + x1) / 2 - side / 2, 0, width - side))
        top = int(np.clip((y0 + y1) / 2 - 0.47 * side, 0, height - side))
        image = image[top : top + side, left : left + side]
        height, width = image.shape[:2]
    factor = size / max(height, width)
    target = (max(2, round(width * factor / 2) * 2), max(2, round(height * factor / 2) * 2))
    shrink = cv2.INTER_AREA if factor < 1 else cv2.INTER_LANCZOS4
    return cv2.resize(image, target, interpolation=shrink)
