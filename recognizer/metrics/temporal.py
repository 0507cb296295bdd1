"""What trembles in a clip."""

from __future__ import annotations

import numpy as np

from recognizer.face_model import FACE_BOTTOM, FACE_OVAL, FACE_TOP


def flicker(frames: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Mean ``|x[t-1] − 2 x[t] + x[t+1]| / 4`` in grey levels of 255.

    The second difference in time leaves out what moves or brightens steadily; a pixel that
    alternates by ±a has flicker a.

    Args:
        frames: ``[T, H, W, 3]``, three or more.
        mask: bool ``[H, W]``: the pixels to look at.

    Raises:
        ValueError: fewer than three frames, or an empty mask.

    >>> brightening, trembling = (np.full((4, 2, 2, 3), 100, np.uint8) for _ in range(2))
    >>> brightening += (5 * np.arange(4, dtype=np.uint8))[:, None, None, None]
    >>> trembling[::2] += 2
    >>> flicker(brightening), flicker(trembling)
    (0.0, 1.0)
    """
    metric = Flicker(mask)
    for frame in frames:
        metric.update(frame)
    return metric.compute()


class Flicker:
    """:func:`flicker` of frames that arrive one by one.

    Args:
        mask: bool ``[H, W]``: the pixels to look at; all by default.

    Raises:
        ValueError: an empty mask.
    """

    def __init__(self, mask: np.ndarray | None = None) -> None:
        if mask is not None and not np.any(mask):
            raise ValueError("the mask leaves no pixel to look at")
        self._mask = mask
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._last: list[np.ndarray] = []
        self._sum, self._count = 0.0, 0

    def update(self, frame: np.ndarray) -> None:
        """Add the next frame ``[H, W, 3]``."""
        pixels = np.asarray(frame if self._mask is None else frame[self._mask], np.int16)
        self._last = [*self._last[-2:], pixels]
        if len(self._last) == 3:
            a, b, c = self._last
            self._sum += float(np.abs(a - 2 * b + c).mean()) / 4
            self._count += 1

    def compute(self) -> float:
        """The mean over time.

        Raises:
            ValueError: fewer than three frames came.
        """
        if self._count == 0:
            raise ValueError("flicker needs three frames or more")
        return self._sum / self._count


def background_mask(points: np.ndarray, size: tuple[int, int]) -> np.ndarray | None:
    """Pixels that no head covers in any frame.

    Each frame's face oval is enlarged 1.7 times about its middle (hair and ears), and everything
    below the chin's height is left out (neck and shoulders).

    Args:
        points: ``[T, 478, 2 or 3]`` landmarks in pixels; NaN rows are passed over.
        size: ``(width, height)``.

    Returns:
        bool ``[H, W]``; None where less than 1 % of the picture is left.
    """
    import cv2

    points = np.asarray(points, np.float64)[..., :2]
    points = points[np.isfinite(points[:, 0, 0])]
    width, height = size
    covered = np.zeros((height, width), np.uint8)
    for face in points:
        oval = face[list(FACE_OVAL)]
        middle = (face[FACE_TOP] + face[FACE_BOTTOM]) / 2
        cv2.fillConvexPoly(covered, np.rint(middle + 1.7 * (oval - middle)).astype(np.int32), 1)
    if len(points):
        covered[max(0, int(points[:, FACE_BOTTOM, 1].min())) :] = 1
    mask = covered == 0
    return mask if mask.mean() >= 0.01 else None
