"""Another eye on faces: the 68 points of 300-W, by the optional package face-alignment.

``pip install 'facewright[face-alignment]'`` brings the package of A. Bulat and G. Tzimiropoulos
("How far are we from solving the 2D & 3D face alignment problem?", ICCV 2017; BSD), which fetches
its weights (S3FD and 2DFAN-4, some 180 MB) when it is first used.

68 points are too few for coefficients: no lid, cheek or tongue moves among them that
:mod:`recognizer.fitting` could solve for. They are for measuring: how far two pictures' faces
are apart (:func:`normalized_mean_error`), and whether MediaPipe's landmarks, from which all motion
here comes, agree with a tracker that shares nothing with them (:func:`from_mediapipe`).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

POINTS = 68
#: Indices by part of the face (Sagonas and others 2013, "300 Faces in-the-Wild").
GROUPS: Mapping[str, tuple[int, ...]] = {
    "jaw": tuple(range(17)),
    "brows": tuple(range(17, 27)),
    "nose": tuple(range(27, 36)),
    "eyes": tuple(range(36, 48)),
    "lips": tuple(range(48, 68)),
}
_EYE_CORNERS = (36, 45)
#: MediaPipe's points for 17 to 67. Held against dlib's 68 points on sixteen portraits, the median
#: distance is 1 to 3 % of the distance of the outer corners of the eyes, of the nose's bridge up to
#: 5 %, of the brows, along which both sets slide differently, 3 to 9 %. The jaw is left out:
#: MediaPipe's contour runs elsewhere.
_FROM_MEDIAPIPE = (
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
    168, 197, 5, 4, 98, 97, 2, 326, 327,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,
    78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip


@dataclass(frozen=True)
class Face68:
    """One face in one picture.

    Attributes:
        points: float32 ``[68, 2]``: x, y in pixels.
        confidence: float32 ``[68]``: heights of the network's heat maps, 0..1.
    """

    points: np.ndarray
    confidence: np.ndarray

    @property
    def size(self) -> float:
        """The longer side of the points' box in pixels."""
        return float(np.ptp(self.points, axis=0).max())


class FaceAlignmentLandmarker:
    """Faces in single pictures, by face-alignment.

    Args:
        max_faces: how many faces to return.
        device: for torch.

    Raises:
        ModuleNotFoundError: face-alignment is not installed.
        FileNotFoundError: its weights are not there and cannot be fetched.
    """

    def __init__(self, max_faces: int = 1, device: str = "cpu") -> None:
        try:
            from face_alignment import FaceAlignment, LandmarksType
        except ModuleNotFoundError as error:
            if error.name != "face_alignment":
                raise
            raise ModuleNotFoundError(
                "face-alignment is not installed: pip install 'facewright[face-alignment]'",
                name="face_alignment",
            ) from error
        self._max_faces = max_faces
        try:
            # Its compiling would cost minutes once and is kept outside of any folder of ours.
            self._network = FaceAlignment(LandmarksType.TWO_D, device=device, compile=False)
        except OSError as error:
            raise FileNotFoundError(
                f"the weights of face-alignment are not here and cannot be fetched: {error}"
            ) from error

    def detect(self, image: np.ndarray) -> list[Face68]:
        """Faces of an RGB picture uint8 ``[H, W, 3]``, largest first; an empty list if none."""
        with warnings.catch_warnings():
            # It warns of pictures without a face.
            warnings.simplefilter("ignore", UserWarning)
            points, scores, _ = self._network.get_landmarks_from_image(
                image, return_landmark_score=True
            )
        faces = [
            Face68(np.asarray(p, np.float32), np.asarray(s, np.float32).reshape(POINTS))
            for p, s in zip(points or (), scores or (), strict=True)
        ]
        return sorted(faces, key=lambda face: -face.size)[: self._max_faces]


def from_mediapipe(points: np.ndarray) -> np.ndarray:
    """MediaPipe's landmarks ``[..., 478, 2 or 3]`` as 68 points ``[..., 68, 2]``; the jaw is NaN.

    Raises:
        ValueError: another shape.
    """
    points = np.asarray(points, np.float32)
    if points.ndim < 2 or points.shape[-2] != 478 or points.shape[-1] not in (2, 3):
        raise ValueError(f"expected landmarks [..., 478, 2 or 3], got {list(points.shape)}")
    out = np.full((*points.shape[:-2], POINTS, 2), np.nan, np.float32)
    out[..., len(GROUPS["jaw"]) :, :] = points[..., _FROM_MEDIAPIPE, :2]
    return out


def normalized_mean_error(points: np.ndarray, target: np.ndarray) -> dict[str, np.ndarray]:
    """Mean distance of corresponding points, in % of the distance of the outer eye corners.

    ``100 / |group| Σ ‖p − q‖ / ‖q₃₆ − q₄₅‖``, the error of the 300-W challenge, by group.

    Args:
        points: ``[T, 68, 2]``; NaN where no point was found.
        target: the same of the pictures that should have been.

    Returns:
        Group → float64 ``[T]``; NaN where either lacks a point of the group.

    Raises:
        ValueError: another shape.
    """
    points, target = (np.asarray(x, np.float64) for x in (points, target))
    if points.shape != target.shape or points.ndim != 3 or points.shape[1:] != (POINTS, 2):
        raise ValueError(
            f"expected points [T, 68, 2] twice, got {list(points.shape)} and {list(target.shape)}"
        )
    away = np.linalg.norm(points - target, axis=-1)
    left, right = (target[:, i] for i in _EYE_CORNERS)
    scale = 100 / np.linalg.norm(left - right, axis=-1)
    return {name: scale * away[:, list(index)].mean(axis=1) for name, index in GROUPS.items()}
