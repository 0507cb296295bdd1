"""Fit the face model to MediaPipe's points: identity once a person, pose and motion a frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from recognizer.face_model import BROWS, FACE_OVAL, IRIS, LIPS, LOWER_LID, UPPER_LID, FaceModel
from recognizer.facs import ARKIT_NAMES

#: Distance of the assumed camera in face widths: what perspective, and a change of size, mean.
CAMERA_DISTANCE = 6.0
#: MediaPipe's depth is guessed by a network, its x and y are seen.
_DEPTH_WEIGHT = 0.3
#: How far (in units of a coefficient) the landmarks may pull each kind of coefficient from
#: MediaPipe's score, relative to landmark noise of about 0.6 % of a face width.
_TRUST = {
    "jawOpen": 0.5, "mouth": 0.5, "eyeBlink": 0.35, "eyeWide": 0.25, "eyeSquint": 0.15,
    "eyeLook": 0.25, "brow": 0.3, "jawLeft": 0.2, "jawRight": 0.2, "jawForward": 0.08,
    "cheek": 0.1, "nose": 0.15, "tongue": 0.02,
}  # fmt: skip
_NOISE = 0.006
_IDENTITY_WEIGHT = 0.012
#: So many frames of a person tell shape from expression, and depth by turning.
_MANY_FRAMES = 10
#: Each round brings the perspective a tenth nearer to what it is.
_PERSPECTIVE_ROUNDS = 3
_RIGID = (1, 4, 5, 6, 8, 9, 10, 33, 133, 168, 195, 197, 263, 362, 98, 327, 127, 356, 234, 454, 151)


def _prior_deviation() -> np.ndarray:
    def of(name):
        return next(value for stem, value in _TRUST.items() if name.startswith(stem))

    return np.array([of(name) for name in ARKIT_NAMES])


def _landmark_weights() -> np.ndarray:
    weights = np.full(478, 0.4)
    weights[list(FACE_OVAL)] = 0.15
    for group, value in (
        (LIPS, 1.6), (BROWS, 0.8), (UPPER_LID[0] + UPPER_LID[1], 1.5),
        (LOWER_LID[0] + LOWER_LID[1], 1.2), (IRIS[0] + IRIS[1], 1.0),
    ):  # fmt: skip
        weights[list(group)] = value
    return weights


@dataclass
class Pose:
    """A camera that looks at the head: ``q = scale * rotation @ point``, ``pixels = q / (1 + depth)
    + shift`` with ``depth = q_z / (distance * scale)``.

    The origin (the head's pivot) projects one to one; what is nearer looks larger.

    Attributes:
        scale: pixels per face width at the pivot.
        rotation: ``[3, 3]``, as seen along the line from the camera to the head.
        shift: ``[3]`` in pixels: where the model's origin lands.
        distance: of the camera in face widths; infinite for weak perspective.
    """

    scale: float
    rotation: np.ndarray
    shift: np.ndarray
    distance: float = CAMERA_DISTANCE

    def project(self, points: np.ndarray) -> np.ndarray:
        """Model points ``[..., 3]`` → pixels (z in pixels too, not foreshortened)."""
        turned = self.scale * points @ self.rotation.T
        return turned / self._nearness(turned[..., 2]) + self.shift

    def unproject(self, pixels: np.ndarray) -> np.ndarray:
        """The inverse of :meth:`project`."""
        seen = pixels - self.shift
        return seen * self._nearness(seen[..., 2]) @ self.rotation / self.scale

    def _nearness(self, depth: np.ndarray) -> np.ndarray:
        """What x, y and z ``[..., 3]`` at a depth in pixels ``[...]`` are divided by."""
        nearness = np.ones((*depth.shape, 3))
        nearness[..., :2] += (depth / (self.distance * self.scale))[..., None]
        return nearness


def similarity(source: np.ndarray, target: np.ndarray, weights: np.ndarray) -> Pose:
    """Weighted least-squares similarity of ``[N, 3]`` points onto others (Umeyama 1991)."""
    weights = weights / weights.sum()
    mean_source, mean_target = weights @ source, weights @ target
    a, b = source - mean_source, target - mean_target
    u, s, vt = np.linalg.svd((b * weights[:, None]).T @ a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float((s * sign).sum() / (weights @ (a**2).sum(1)))
    return Pose(scale, rotation, mean_target - scale * rotation @ mean_source, np.inf)


@njit(cache=True, nogil=True)
def _box_least_squares(gram, linear, start, sweeps):
    """min ½cᵀGc − bᵀc with 0 ≤ c ≤ 1 by cyclic coordinate descent."""
    c = start.copy()
    for _ in range(sweeps):
        change = 0.0
        for i in range(len(c)):
            gradient = -linear[i]
            for j in range(len(c)):
                gradient += gram[i, j] * c[j]
            value = min(1.0, max(0.0, c[i] - gradient / gram[i, i]))
            change = max(change, abs(value - c[i]))
            c[i] = value
        if change < 1e-4:
            break
    return c


class FaceFitter:
    """One person's shape, and the fit of single frames to it.

    Attributes:
        shape: float64 ``[478, 3]``: the person's neutral points, in face widths.
        identity: float64 ``[K]``: identity coefficients in standard deviations.
    """

    def __init__(self, model: FaceModel | None = None) -> None:
        self.model = model or FaceModel.load()
        self.identity = np.zeros(len(self.model.identity))
        self.shape = self.model.landmarks.astype(np.float64)
        self._weights = _landmark_weights()
        self._rest = np.zeros(len(ARKIT_NAMES))
        self._root = np.sqrt(self._weights)[:, None] * np.array([1.0, 1.0, _DEPTH_WEIGHT])
        self._prior = (_NOISE / _prior_deviation()) ** 2 * 100
        self.move_by(self.model.landmark_blendshapes)
        self._rigid_weights = np.zeros(478)
        self._rigid_weights[list(_RIGID)] = 1.0
        self._rigid_weights += 0.05 * self._weights

    def move_by(self, fields: np.ndarray) -> FaceFitter:
        """Measure by other displacements than the face model's; returns itself.

        Args:
            fields: ``[52, 478, 3]`` in face widths: what each coefficient does to this person.
        """
        self._basis = np.asarray(fields, np.float64)
        self._rows = (self._basis * self._root).reshape(len(self._basis), -1)
        self._gram = self._rows @ self._rows.T + np.diag(self._prior)
        return self

    def fit_identity(
        self, points: np.ndarray, scores: np.ndarray, iterations: int = 4, offsets: bool = True
    ) -> FaceFitter:
        """Solve the person's neutral shape from one or more frames; returns itself.

        Alternates pose and coefficients of each frame with one regularised solve for the identity.
        With several frames, what identity cannot explain but every frame shows is kept as a fixed
        offset per point (people differ more than 60 components do).

        Args:
            points: ``[N, 478, 3]`` landmarks in pixels.
            scores: ``[N, 52]`` MediaPipe's scores.
            iterations: rounds of the alternation.
            offsets: keep the mean residual of the frames.
        """
        points, scores = np.asarray(points, np.float64), np.asarray(scores, np.float64)
        # Turning heads show their depth. Few pictures do not: there the network's guess counts in
        # full (drawn lids of turning heads come a fifth nearer to where the camera saw them).
        few = len(points) < _MANY_FRAMES
        root = np.sqrt(self._weights)[:, None] * ([1.0, 1.0, 1.0 if few else _DEPTH_WEIGHT])
        rows = (self.model.landmark_identity * root).reshape(len(self.identity), -1)
        # The prior weighs as one frame however many there are: it is a belief about people.
        gram = rows @ rows.T + np.eye(len(rows)) * _IDENTITY_WEIGHT**2 * 20
        for _ in range(iterations):
            residual = np.zeros((478, 3))
            for frame, score in zip(points, scores, strict=True):
                pose, coefficients = self.fit_frame(frame, score)
                residual += pose.unproject(frame) - self.face(coefficients)
            residual /= len(points)
            target = residual + np.tensordot(self.identity, self.model.landmark_identity, 1)
            self.identity = np.linalg.solve(gram, rows @ (target * root).ravel())
            self.shape = self.model.landmarks + np.tensordot(
                self.identity, self.model.landmark_identity, 1
            )
        if offsets and not few:
            residual = np.mean(
                [
                    pose.unproject(frame) - self.face(c)
                    for frame, (pose, c) in zip(
                        points, map(self.fit_frame, points, scores), strict=True
                    )
                ],
                axis=0,
            )
            self.shape = self.shape + residual
        return self

    def calibrate(self, points: np.ndarray, scores: np.ndarray) -> FaceFitter:
        """Call the face in these frames neutral (coefficients 0 from now on); returns itself.

        Shape and expression cannot be told apart in general: a person whose relaxed lips look
        rolled to the tracker gets ``mouthRoll`` for ever. Frames at rest settle it.

        Args:
            points: ``[N, 478, 3]`` landmarks in pixels of frames at rest.
            scores: ``[N, 52]`` MediaPipe's scores there.
        """
        fits = [self.fit_frame(p, s)[1] for p, s in zip(points, scores, strict=True)]
        self.shape = self.face(np.median(fits, axis=0))
        # A score near 1 at rest leaves no room above it.
        self._rest = np.minimum(np.median(scores, axis=0), 0.7)
        return self

    def fit_frame(self, points: np.ndarray, score: np.ndarray) -> tuple[Pose, np.ndarray]:
        """Pose and coefficients ``[52]`` of one frame.

        Args:
            points: ``[478, 3]`` landmarks in pixels.
            score: ``[52]`` MediaPipe's scores: where the solution starts and what it falls back to
                where the landmarks say little.
        """
        points = np.asarray(points, np.float64)
        score = np.clip((np.asarray(score, np.float64) - self._rest) / (1 - self._rest), 0, 1)
        coefficients = score
        for _ in range(2):
            pose = self.pose_of(self.face(coefficients), points)
            delta = (pose.unproject(points) - self.shape) * self._root
            linear = self._rows @ delta.ravel() + self._prior * score
            coefficients = _box_least_squares(self._gram, linear, coefficients, 40)
        return pose, coefficients

    def pose_of(self, face: np.ndarray, points: np.ndarray) -> Pose:
        """The camera that carries a face ``[478, 3]`` onto landmarks in pixels, by its bones."""
        pose = similarity(face, points, self._rigid_weights)
        for _ in range(_PERSPECTIVE_ROUNDS):
            # Undo the perspective by the depth of the model: MediaPipe's own is a guess.
            turned = pose.scale * face @ pose.rotation.T
            nearness = 1 + turned[:, 2:] / (CAMERA_DISTANCE * pose.scale)
            flat = np.concatenate(
                [(points - pose.shift)[:, :2] * nearness + pose.shift[:2], points[:, 2:]], axis=1
            )
            pose = similarity(face, flat, self._rigid_weights)
        return replace(pose, distance=CAMERA_DISTANCE)

    def face(self, coefficients: np.ndarray) -> np.ndarray:
        """The person's points ``[478, 3]`` with an expression, in face widths."""
        return self.shape + np.tensordot(coefficients, self._basis, 1)
