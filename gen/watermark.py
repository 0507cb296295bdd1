"""An invisible watermark in the pixels: that a clip was made by Facewright.

A fixed pattern of plus and minus one grey level over 96 by 96 cells (spread spectrum: Cox et al.,
IEEE Trans. Image Processing 6, 1997) stands in every frame. Frames alike, it costs an encoder
little; correlated over thousands of cells and many frames it stands out, also after a stronger
compression or another size. Not a secret, and not proof against somebody who wants it gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import numpy as np

#: From this many standard deviations on a clip is called marked: were unmarked clips noise, one in
#: a thousand million would be.
THRESHOLD = 6.0
_CELLS, _SEED = 96, 20_261_122
#: Frames that detection looks at, and how far they lie apart.
_FRAMES, _STRIDE = 60, 5
#: Grey levels squared: cells that vary less count as if they varied so much.
_FLOOR = 0.3


def pattern() -> np.ndarray:
    """float32 ``[96, 96]`` of -1 and 1, the same everywhere and for ever."""
    signs = np.random.default_rng(_SEED).integers(0, 2, (_CELLS, _CELLS))
    return (2 * signs - 1).astype(np.float32)


class Watermark:
    """Marks frames of one size.

    Args:
        width: in pixels.
        height: in pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        import cv2

        levels = np.rint(cv2.resize(pattern(), (width, height), interpolation=cv2.INTER_LINEAR))
        levels = levels.reshape(1, -1)
        self._plus = (levels > 0).astype(np.uint8)
        self._minus = (levels < 0).astype(np.uint8)

    def mark(self, planes: np.ndarray) -> None:
        """Change the luma of a frame in place, by one level at most.

        Args:
            planes: uint8 ``[N]``, planar YUV: luma is its first ``width * height`` values.
        """
        import cv2

        luma = planes[None, : self._plus.size]
        cv2.add(luma, self._plus, dst=luma)
        cv2.subtract(luma, self._minus, dst=luma)

    def stamp(self, frame: np.ndarray) -> np.ndarray:
        """A marked copy of a frame uint8 ``[height, width, 3]``."""
        import cv2

        rows = frame.reshape(1, -1)
        marked = cv2.add(rows, np.repeat(self._plus, 3, axis=1))
        return cv2.subtract(marked, np.repeat(self._minus, 3, axis=1)).reshape(frame.shape)


def watermark_score(frames: Iterable[np.ndarray]) -> float:
    """How surely frames carry the mark, in standard deviations of what chance gives.

    Args:
        frames: uint8 ``[H, W, 3]`` RGB, in order; every fifth of the first 300 is looked at.

    Returns:
        About 0 for unmarked pictures (standard deviation 1); 0 if there are none.
    """
    import cv2

    def smooth(field: np.ndarray, sigma: float) -> np.ndarray:
        return cv2.GaussianBlur(field, (0, 0), sigma)

    total = np.zeros((_CELLS, _CELLS), np.float32)
    for frame in islice(frames, 0, _FRAMES * _STRIDE, _STRIDE):
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
        cells = cv2.resize(grey, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
        detail = cells - smooth(cells, 1.0)
        # What the picture itself shows is noise here: busy cells count for less.
        total += detail / (smooth(detail * detail, 1.5) + _FLOOR)
    wanted = pattern() - smooth(pattern(), 1.0)
    noise = np.sqrt((wanted**2).sum() * (total**2).mean())
    return float((wanted * total).sum() / noise) if noise > 0 else 0.0
