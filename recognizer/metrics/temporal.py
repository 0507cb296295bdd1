"""What trembles in a clip."""

from __future__ import annotations

import numpy as np


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
    metric = Flicker()
    for frame in frames:
        metric.update(frame)
    return metric.compute(mask)


class Flicker:
    """:func:`flicker` of frames that arrive one by one."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._last: list[np.ndarray] = []
        self._sum, self._count = np.zeros((1, 1)), 0

    def update(self, frame: np.ndarray) -> None:
        """Add the next frame ``[H, W, 3]``."""
        self._last = [*self._last[-2:], np.asarray(frame, np.int16)]
        if len(self._last) == 3:
            a, b, c = self._last
            self._sum = self._sum + np.abs(a - 2 * b + c).mean(axis=-1) / 4
            self._count += 1

    def compute(self, mask: np.ndarray | None = None) -> float:
        """The mean over time.

        Args:
            mask: bool ``[H, W]``: the pixels to look at; all by default.

        Raises:
            ValueError: fewer than three frames came, or an empty mask.
        """
        if self._count == 0:
            raise ValueError("flicker needs three frames or more")
        if mask is not None and not np.any(mask):
            raise ValueError("the mask leaves no pixel to look at")
        return float((self._sum if mask is None else self._sum[mask]).mean()) / self._count
