"""Motion that comes in parts: expression added on top of speech, and the length that is due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from gen.conditioning import Affect
from gen.expression import MARGIN, add_expression
from recognizer.motion import MotionTrack


def with_affect(
    speech: Iterable[MotionTrack], affect: Affect, fps: float, margin: int = MARGIN
) -> Iterator[MotionTrack]:
    """Add the expression.

    Each window's last ``margin`` frames are held back: at :data:`gen.expression.MARGIN` the result
    does not depend on the windows, at 0 nothing waits, and a pause is known only once it has begun.
    """
    held = np.empty((0, 58), np.float32)  # frames whose future is not known yet
    past = np.empty((0, 58), np.float32)
    start = 0

    def mixed(vectors: np.ndarray, count: int) -> MotionTrack:
        window = np.concatenate([past, vectors])
        times = (np.arange(len(window)) + start - len(past) + 0.5) / fps
        wanted = affect.curves(times).blendshapes()
        out = window.copy()
        out[:, :52] = add_expression(window[:, :52], wanted)
        return MotionTrack.from_vectors(out[len(past) : len(past) + count], fps)

    for track in speech:
        vectors = np.concatenate([held, track.to_vectors()])
        ready = len(vectors) - margin
        if ready > 0:
            yield mixed(vectors, ready)
            past = np.concatenate([past, vectors[:ready]])[-MARGIN:]
            vectors, start = vectors[ready:], start + ready
        held = vectors
    if len(held):
        yield mixed(held, len(held))


def exactly(tracks: Iterable[MotionTrack], total: int) -> Iterator[MotionTrack]:
    """Cut, or hold the last frame, so that ``total`` frames come out."""
    count, last = 0, None
    for track in tracks:
        last = track.to_vectors()[: total - count]
        if len(last) == 0:
            return
        count += len(last)
        yield MotionTrack.from_vectors(last, track.fps)
        fps = track.fps
    if last is not None and count < total:
        yield MotionTrack.from_vectors(np.repeat(last[-1:], total - count, axis=0), fps)
