"""Faces of a picture, however small, and of the next frame of a video."""

from __future__ import annotations

import numpy as np

from recognizer.landmarks import FaceLandmarker, FaceLandmarks

_MAX_SIDE = 1280
#: The detector sees 128 pixels a side and places small faces badly: below this share of the
#: picture's longer side a face is looked at again in a part of the picture around it. Measured at
#: a share of 0.14: lips 3.4 % of face height off, and three times the jitter.
_SMALL = 0.3
#: Side of that part in face sizes.
_AROUND = 2.6


class FaceFinder:
    """Looks at a picture whole, and at parts of it where a face is too small for the detector.

    Args:
        max_faces: the most faces to find.
    """

    def __init__(self, max_faces: int = 1) -> None:
        self._landmarker = FaceLandmarker(max_faces)
        self._max_faces = max_faces

    def close(self) -> None:
        """Free the landmarker."""
        self._landmarker.close()

    def find(self, image: np.ndarray) -> list[FaceLandmarks]:
        """Faces of one picture uint8 ``[H, W, 3]``, largest first.

        The detector looks at 128 pixels: where the whole picture shows no face, overlapping parts
        of it are tried, so that a full-length portrait works too.
        """
        faces = self._find_at_size(image)
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
                    found += self._find_in_part(image, left, top, side)
            if found:
                found = _distinct(sorted(found, key=lambda face: -face.size))[: self._max_faces]
                return [self._looked_at(image, face) for face in found]
        return []

    def find_again(self, image: np.ndarray, last: list[FaceLandmarks]) -> list[FaceLandmarks]:
        """Faces of a video's next frame, largest first.

        A single small one, and those too small for the whole picture, are looked for where they
        were.

        Args:
            image: uint8 ``[H, W, 3]``.
            last: where each was seen last, at least one.
        """
        if self._max_faces == 1 and _is_small(last[0], image):
            faces = self._find_around(image, last[0])
            if faces:
                return faces[:1]
        faces = [self._looked_at(image, face) for face in self._find_at_size(image)]
        if faces:
            return faces
        for face in last:
            faces += self._find_around(image, face)
        return _distinct(sorted(faces, key=lambda face: -face.size))[: self._max_faces]

    def _find_in_part(
        self, image: np.ndarray, left: int, top: int, side: int
    ) -> list[FaceLandmarks]:
        faces = self._find_at_size(image[top : top + side, left : left + side])
        for face in faces:
            face.points[:, :2] += (left, top)
        return faces

    def _looked_at(self, image: np.ndarray, face: FaceLandmarks) -> FaceLandmarks:
        """A small face as the part of the picture around it shows it; any other as it is."""
        if not _is_small(face, image):
            return face
        nearer = self._find_around(image, face)
        best = max(nearer, key=lambda one: overlap(one, face), default=face)
        return best if overlap(best, face) > 0.3 else face

    def _find_around(self, image: np.ndarray, face: FaceLandmarks) -> list[FaceLandmarks]:
        x0, y0, x1, y1 = face.box
        side = _AROUND * face.size
        left, top = (int(max(0, middle - side / 2)) for middle in ((x0 + x1) / 2, (y0 + y1) / 2))
        if left >= image.shape[1] or top >= image.shape[0]:
            return []
        return self._find_in_part(image, left, top, int(side))

    def _find_at_size(self, image: np.ndarray) -> list[FaceLandmarks]:
        import cv2

        factor = _MAX_SIDE / max(image.shape[:2])
        if factor >= 1:
            return self._landmarker.detect(image)
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        faces = self._landmarker.detect(small)
        for face in faces:
            face.points /= factor
        return faces


def _is_small(face: FaceLandmarks, image: np.ndarray) -> bool:
    return face.size < _SMALL * max(image.shape[:2])


def _starts(length: int, side: int, parts: int) -> list[int]:
    return sorted({int(s) for s in np.linspace(0, max(0, length - side), parts)})


def overlap(a: FaceLandmarks, b: FaceLandmarks) -> float:
    """Intersection over union of two boxes."""
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = a.box, b.box
    inner = max(0.0, min(ax1, bx1) - max(ax0, bx0)) * max(0.0, min(ay1, by1) - max(ay0, by0))
    union = (ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - inner
    return inner / union if union > 0 else 0.0


def _distinct(faces: list[FaceLandmarks]) -> list[FaceLandmarks]:
    kept: list[FaceLandmarks] = []
    for face in faces:
        if all(overlap(face, other) < 0.3 for other in kept):
            kept.append(face)
    return kept
