"""Where the background of a clip is: what neither the head nor hair that moves with it covers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from recognizer.face_model import FACE_BOTTOM, FACE_OVAL, FACE_TOP
from recognizer.metrics.keypoints import similarity

#: What the face's oval, so many times enlarged about its middle, covers is head: hair and ears.
_HEAD = 1.7
#: Hair that moves with the head reaches no further.
_HAIR = 2.8
#: A mask that leaves less of the picture says nothing.
_LEAST = 0.01
#: Longer side in pixels of the frames in which it is looked for what moves with the head, and the
#: deviation of their smoothing: without it, interpolating alone would lessen the noise of what
#: stands and pass for an explanation of it.
_SIDE, _SMOOTH = 192, 1.5
#: What moves with the head is what a head's motion leaves less than this share of change in, summed
#: over the clip and this many pixels around, where change is this many grey levels of 255 or more.
_LEFT, _AROUND, _CHANGE = 0.7, 9, 1.0
#: Single strands stand out from what is found by this many pixels, both ways together.
_FRINGE = 7


def background_mask(
    points: np.ndarray, size: tuple[int, int], frames: Iterable[np.ndarray] = ()
) -> np.ndarray | None:
    """Pixels that no head covers in any frame.

    Each frame's face oval is enlarged 1.7 times about its middle (hair and ears), and everything
    below the chin's height is left out (neck and shoulders). Larger hair is told by its motion: up
    to 2.8 times the oval, what adjoins the head and changes less from frame to frame when the
    earlier frame is first moved as the head was belongs to it.

    Args:
        points: ``[T, 478, 2 or 3]`` landmarks in pixels; NaN rows are passed over.
        size: ``(width, height)``.
        frames: uint8 ``[H, W, 3]`` each, those of the points; without them, hair is not looked for.

    Returns:
        bool ``[H, W]``; None where less than 1 % of the picture is left.
    """
    background = Background(points, size)
    for frame in frames:
        background.update(frame)
    return background.mask()


class Background:
    """:func:`background_mask` of frames that arrive one by one.

    Args:
        points: ``[T, 478, 2 or 3]`` landmarks in pixels, of all frames; NaN rows are passed over.
        size: ``(width, height)``.
    """

    def __init__(self, points: np.ndarray, size: tuple[int, int]) -> None:
        self._points, self._size = np.asarray(points, np.float64)[..., :2], size
        self._factor = min(1.0, _SIDE / max(size))
        small = [max(1, round(extent * self._factor)) for extent in size]
        self._small = (small[0], small[1])
        self._stood, self._followed = (np.zeros(small[::-1], np.float32) for _ in "ab")
        self._last: np.ndarray | None = None
        self._count = 0

    def update(self, frame: np.ndarray) -> None:
        """Look at the next frame, uint8 ``[H, W, 3]``, of any size."""
        import cv2

        grey = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)
        grey = cv2.resize(grey, self._small, interpolation=cv2.INTER_AREA).astype(np.float32)
        grey = cv2.GaussianBlur(grey, (0, 0), _SMOOTH)
        before, now = self._points[max(0, self._count - 1)], self._points[self._count]
        if self._last is not None and np.isfinite([before[0, 0], now[0, 0]]).all():
            motion = similarity(before * self._factor, now * self._factor)
            moved = cv2.warpAffine(self._last, motion, self._small, borderMode=cv2.BORDER_REPLICATE)
            self._stood += (grey - self._last) ** 2
            self._followed += (grey - moved) ** 2
        self._last = grey
        self._count += 1

    def mask(self) -> np.ndarray | None:
        """The background of all frames so far, bool ``[H, W]``; None where too little is left."""
        covered = self._ovals(_HEAD)
        known = np.isfinite(self._points[:, 0, 0])
        if known.any():
            covered[max(0, int(self._points[known][:, FACE_BOTTOM, 1].min())) :] = True
        covered |= self._hair(covered)
        return None if (~covered).mean() < _LEAST else ~covered

    def _ovals(self, scale: float) -> np.ndarray:
        """What the enlarged ovals of all frames cover, bool ``[H, W]``."""
        import cv2

        width, height = self._size
        covered = np.zeros((height, width), np.uint8)
        for face in self._points[np.isfinite(self._points[:, 0, 0])]:
            oval = face[list(FACE_OVAL)]
            middle = (face[FACE_TOP] + face[FACE_BOTTOM]) / 2
            outline = np.rint(middle + scale * (oval - middle)).astype(np.int32)
            cv2.fillConvexPoly(covered, outline, 1)
        return covered.astype(bool)

    def _hair(self, head: np.ndarray) -> np.ndarray:
        """What adjoins the head ``[H, W]`` and moves with it."""
        import cv2

        stood, followed = (
            cv2.blur(error, (_AROUND, _AROUND)) for error in (self._stood, self._followed)
        )
        follows = (followed < _LEFT * stood) & (stood > self._count * _CHANGE**2)
        follows = cv2.dilate(follows.astype(np.uint8), np.ones((_FRINGE, _FRINGE), np.uint8))
        follows = cv2.resize(follows, self._size, interpolation=cv2.INTER_NEAREST)
        either = (follows.astype(bool) & self._ovals(_HAIR)) | head
        _, parts = cv2.connectedComponents(either.astype(np.uint8))
        return np.isin(parts, np.unique(parts[head]))
