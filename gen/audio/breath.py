"""The breath before a phrase: who is about to speak parts the lips and draws air."""

from __future__ import annotations

import numpy as np

from recognizer.easing import smoothstep

#: Frames: a pause for breath lasts so many at least; the lips part over as many as it has before
#: speech begins, at most so many, and lose themselves in speech over the last.
_PAUSE, _DRAW, _FADE = 4, 10, 6
#: What :func:`inbreath` sees before and after a frame.
BEFORE, AFTER = _FADE + _DRAW, _DRAW


def inbreath(calm: np.ndarray) -> np.ndarray:
    """How far the lips are parted for air, float32 ``[T]`` 0..1, at 25 frames a second.

    1 where speech begins after a pause of 0.16 s or more, growing from the pause's beginning, but
    for no more than 0.4 s. Speech with which the sound begins has none.

    Args:
        calm: ``[T]``: 0 where somebody speaks, more in pauses.
    """
    paused = np.asarray(calm) > 0
    frames = np.arange(len(paused))
    depth = np.zeros(len(paused))
    ends = np.flatnonzero(paused[:-1] & ~paused[1:]) + 1
    for begin in ends:
        spoken = np.flatnonzero(~paused[:begin])
        length = begin - (spoken[-1] + 1 if len(spoken) else 0)
        if length >= _PAUSE:
            away = frames - begin
            rise = 1 + away / min(length, _DRAW)
            depth = np.maximum(depth, np.where(away < 0, rise, 1 - away / _FADE))
    return smoothstep(depth).astype(np.float32)
