"""Frames drawn one after another, on two cores where a renderer can be doubled."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import numpy as np

from gen.renderers.base import Renderer, before_first_frame
from recognizer.motion import MotionTrack
from recognizer.pool import usable_cores

#: Frames that are drawn ahead of the one that is asked for.
_AHEAD = 3


class Drawing:
    """Draws motion on a portrait; use it as a context manager, which ends its threads.

    Args:
        renderer: drawn with from its first frame on. One with ``twin()``, an independent copy
            whose frames are the same in any order, draws two frames at a time.
    """

    def __init__(self, renderer: Renderer) -> None:
        first = before_first_frame(renderer)
        self._free: SimpleQueue[Renderer] = SimpleQueue()
        # Two drawings of one clip may go on at a time: neither draws with what is the other's.
        doubled = hasattr(first, "twin")
        self._free.put(first.twin() if doubled else first)
        self._pool = None
        if doubled and usable_cores() > 1:
            self._free.put(first.twin())
            self._pool = ThreadPoolExecutor(2, thread_name_prefix="drawing")

    def __enter__(self) -> Drawing:
        return self

    def __exit__(self, *_) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def frames(self, track: MotionTrack) -> Iterator[np.ndarray]:
        """Its frames, uint8 ``[H, W, 3]``, in order."""
        rows = zip(track.blendshapes, track.pose, strict=True)
        if self._pool is None:
            yield from (self._draw(*row) for row in rows)
            return
        drawn = deque()
        for row in rows:
            drawn.append(self._pool.submit(self._draw, *row))
            if len(drawn) > _AHEAD:
                yield drawn.popleft().result()
        while drawn:
            yield drawn.popleft().result()

    def _draw(self, blendshapes: np.ndarray, pose: np.ndarray) -> np.ndarray:
        renderer = self._free.get()
        try:
            return renderer.render(blendshapes, pose)
        finally:
            self._free.put(renderer)
