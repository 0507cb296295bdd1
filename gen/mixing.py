"""Motion that comes in parts: expression added on top of speech, and the length that is due."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from gen.conditioning import Affect
from gen.expression import MARGIN, add_expression, keep_closures
from recognizer.motion import MotionTrack


def with_affect(
    speech: Iterable[MotionTrack], affect: Affect, fps: float, margin: int = MARGIN
) -> Iterator[MotionTrack]:
    """Add the expression by rule.

    Each window's last ``margin`` frames are held back: at :data:`gen.expression.MARGIN` the result
    does not depend on the windows, at 0 nothing waits, and a pause is known only once it has begun.
    """

    def mixed(window: np.ndarray, first: int) -> np.ndarray:
        wanted = affect.curves((np.arange(len(window)) + first + 0.5) / fps)
        out = window.copy()
        out[:, :52] = add_expression(window[:, :52], wanted.blendshapes())
        return out

    return _in_context((track.to_vectors() for track in speech), mixed, fps, margin)


def with_residual(
    speech: Iterable[MotionTrack], residuals: Iterable[np.ndarray], fps: float, margin: int = MARGIN
) -> Iterator[MotionTrack]:
    """Add what the affect branch makes: arrays ``[n, 58]``, one for each track of the same length.

    Lips shut where the speech alone shuts them. ``margin`` is that of :func:`with_affect`.
    """

    def mixed(window: np.ndarray, _: int) -> np.ndarray:
        neutral, residual = np.split(window, 2, axis=1)
        out = neutral + residual
        out[:, :52] = keep_closures(out[:, :52].clip(0, 1), neutral[:, :52])
        return out

    pairs = zip(speech, residuals, strict=True)
    parts = (np.hstack([track.to_vectors(), residual]) for track, residual in pairs)
    return _in_context(parts, mixed, fps, margin)


def _in_context(
    parts: Iterable[np.ndarray],
    mixed: Callable[[np.ndarray, int], np.ndarray],
    fps: float,
    margin: int,
) -> Iterator[MotionTrack]:
    """Apply ``mixed`` (rows ``[n, D]`` and the first one's number → vectors ``[n, 58]``) to rows
    that come in parts, each seen with those around it."""
    held = past = None  # rows whose future is not known yet, and those before them
    start = 0

    def made(rows: np.ndarray, count: int) -> MotionTrack:
        window = np.concatenate([past, rows])
        out = mixed(window, start - len(past))
        return MotionTrack.from_vectors(out[len(past) : len(past) + count], fps)

    for rows in parts:
        if held is None:
            held = past = rows[:0]
        rows = np.concatenate([held, rows])
        ready = len(rows) - margin
        if ready > 0:
            yield made(rows, ready)
            past = np.concatenate([past, rows[:ready]])[-MARGIN:]
            rows, start = rows[ready:], start + ready
        held = rows
    if held is not None and len(held):
        yield made(held, len(held))


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
