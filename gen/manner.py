"""How what was sampled is acted out, frame by frame: lips that articulate, breaths, fewer blinks.

All see the past alone, so motion that comes in parts needs not wait.
"""

from __future__ import annotations

import numpy as np

from recognizer.facs import ARKIT_INDEX, sides

#: What a speaker moves beside the jaw to be understood (not what shuts or presses the lips), and
#: its share of the emphasis: in films the width of lips varies most of what is sampled too small,
#: and upper lips that rise much further bare the gums.
_SHARES = {
    "mouthPucker": 1.67, "mouthFunnel": 1.67,
    "mouthSmile": 1.4, "mouthStretch": 1.4, "mouthDimple": 1.4,
    "mouthLowerDown": 1.0, "mouthFrown": 1.0,
    "mouthUpperUp": 0.75, "mouthShrugUpper": 0.75,
}  # fmt: skip
_ARTICULATORS = [ARKIT_INDEX[n] for stem in _SHARES for n in sides(stem)]
_SHARE = np.array([share for stem, share in _SHARES.items() for _ in sides(stem)], np.float32)
#: Share of the way to the lips' shape that their running mean goes in a frame: it spans a second.
_PACE = 0.04
#: Lips parted for a breath. People open them by half as much again as in speech's median frame.
_PARTED = {
    ARKIT_INDEX[name]: value
    for stem, value in {"jawOpen": 0.14, "mouthLowerDown": 0.1, "mouthUpperUp": 0.04}.items()
    for name in sides(stem)
}
#: Lips part by at most this share of it a frame, when speech is heard coming late.
_DRAW = 0.25
_LIDS = [ARKIT_INDEX[n] for n in sides("eyeBlink")]
#: Lids that pass this begin to blink. A second blink within so many seconds makes a double one.
_RISING, _DOUBLE = 0.15, 0.5
#: Seconds in which lids that open have gone all but 1/e of their way. People's close in two or
#: three frames of film and take six or more to open, ever slower (films, after the most that they
#: shut: 0.9, 0.6, 0.35, 0.25, 0.15 of it); sampled ones have opened after three.
_OPENING = 0.085


class Emphasis:
    """Lips that depart further from where they were in the last second.

    Multiplied from rest, the shape that is common to all speech would grow along: raised upper
    lips, a grin. What a lip-reader reads is the change.

    Args:
        factor: of the departure of a lower lip; corners of the mouth depart somewhat more, an
            upper lip less. 1 changes nothing.
    """

    def __init__(self, factor: float) -> None:
        self.factor = factor
        self._mean: np.ndarray | None = None

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """float32 ``[n, 58]`` for motion vectors ``[n, 58]`` of 25 frames a second, the lips
        within 0..1."""
        out = np.array(vectors, np.float32)
        for row in out if self.factor != 1 else ():
            lips = row[_ARTICULATORS]
            mean = lips if self._mean is None else self._mean
            self._mean = mean + (lips - mean) * _PACE
            more = (self.factor - 1) * _SHARE * (lips - self._mean)
            row[_ARTICULATORS] = (lips + more).clip(0, 1)
        return out


class Breath:
    """Lips that part for air before a phrase."""

    def __init__(self) -> None:
        self._depth = 0.0

    def __call__(self, vectors: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """float32 ``[n, 58]`` for motion vectors ``[n, 58]`` and how far the lips are to be parted
        ``[n]``, 0..1 (:func:`gen.audio.breath.inbreath`)."""
        out = np.array(vectors, np.float32)
        for row, wanted in zip(out, depth, strict=True):
            self._depth = min(float(wanted), self._depth + _DRAW)
            for column, parted in _PARTED.items():
                row[column] = min(1, row[column] + parted * self._depth)
        return out


class Blinks:
    """Leaves out blinks that begin too soon after the one before, but for double ones, and lets no
    lid open faster than people's do.

    Args:
        gap: seconds from one beginning to the next; 0 leaves lids as they are.
        fps: frames a second.
    """

    def __init__(self, gap: float, fps: float) -> None:
        self.gap = gap
        self.fps = fps
        self._since = np.inf
        self._blinking = self._left_out = False
        self._opening = np.float32(np.exp(-1 / (_OPENING * fps)))
        self._shut = np.zeros(2, np.float32)

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """float32 ``[n, 58]`` for motion vectors ``[n, 58]``."""
        out = np.array(vectors, np.float32)
        for row in out if self.gap else ():
            self._since += 1 / self.fps
            rising = row[_LIDS].mean() > _RISING
            if rising and not self._blinking:
                self._left_out = _DOUBLE < self._since < self.gap
                self._since = self._since if self._left_out else 0.0
            self._blinking = rising
            if rising and self._left_out:
                row[_LIDS] = np.minimum(row[_LIDS], _RISING)
            row[_LIDS] = self._shut = np.maximum(row[_LIDS], self._opening * self._shut)
        return out
