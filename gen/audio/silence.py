"""Nobody speaks: heard in the speech features, and what follows for the lips.

Silence, rooms and music lie far from anything that a motion model of speakers has heard: in digital
silence its features are up to seven deviations off, the head freezes, no lid blinks, and lips
tremble in noise. So where nobody speaks for a while the model is given the features of a pause
between words, which it knows, and its lips come to rest; its head keeps moving, but less.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gen.audio import breath
from gen.audio.ridge import WEIGHTS_NAME, NeighbourRidge
from recognizer.easing import smoothstep
from recognizer.facs import ARKIT_NAMES

PACKAGED = Path(__file__).parents[1] / "weights" / "silence"
#: Log-odds of silence at which lips begin to rest, and at which they rest.
_BEGIN, _REST = 0.0, 1.0
#: Neighbours on either side over which log-odds are averaged, none surer than the limit.
_SMOOTH, _SURE = 1, 4.0
#: Speech is clear below these log-odds; what is not, for so many frames back and ahead, is none: a
#: note, a bell or a hum that sets in passes for half a syllable, and no more.
_CLEAR, _BACK, _AHEAD = -1.0, 25, 6
#: Frames: lips part in so many before speech; after it they wait, then close in so many.
_PART, _WAIT, _CLOSE = 3, 10, 8
#: What a head at rest lacks of its movement, and the share of the way there that a frame goes.
_CALM, _PACE = 0.4, 0.04
_MOUTH = [i for i, n in enumerate(ARKIT_NAMES) if n.startswith(("jaw", "mouth", "tongue"))]


@dataclass(frozen=True)
class SilenceDetector:
    """Hears where nobody speaks.

    Attributes:
        ridge: speech features → log-odds ``[T, 1]`` that nobody does.
        pause: ``[D]``: the features of a pause between words.
    """

    ridge: NeighbourRidge
    pause: np.ndarray

    #: Frames before and after a frame that its answer depends on.
    before = property(
        lambda self: self.ridge.reach + _SMOOTH + _BACK + max(_WAIT + _CLOSE, breath.BEFORE)
    )
    after = property(lambda self: self.ridge.reach + _SMOOTH + _AHEAD + max(_PART, breath.AFTER))

    @classmethod
    def load(cls, path: str | os.PathLike | None = None) -> SilenceDetector:
        """From a folder written by :meth:`save`; the packaged one by default.

        Raises:
            FileNotFoundError: there is none.
            ValueError: the file is not such a detector.
        """
        from safetensors import safe_open

        folder = Path(path or PACKAGED)
        ridge = NeighbourRidge.load(folder, "detector of silence")
        with safe_open(folder / WEIGHTS_NAME, framework="numpy") as file:
            pause = file.get_tensor("pause") if "pause" in file.keys() else None  # noqa: SIM118
        if ridge.rest.shape != (1,) or pause is None or pause.shape != ridge.weights.shape[1:2]:
            raise ValueError(f"{folder / WEIGHTS_NAME} holds no detector of silence")
        return cls(ridge, pause)

    def save(self, folder: str | os.PathLike) -> None:
        """Write it as safetensors into a folder, made if need be."""
        self.ridge.save(folder, pause=self.pause)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """How far the lips are at rest, and how far they are parted for a breath
        (:func:`gen.audio.breath.inbreath`), float32 ``[T, 2]`` 0..1, for features ``[T, D]``."""
        calm = calmness(self.ridge(features)[:, 0])
        return np.stack([resting(calm), breath.inbreath(calm)], axis=1)


def calmness(log_odds: np.ndarray) -> np.ndarray:
    """From log-odds ``[T]`` that nobody speaks to how much that allows rest ``[T]``, 0..1.

    What sounds like speech a little and at no time clearly is none. What lies beyond the ends is
    taken to allow rest.
    """
    kernel = np.full(2 * _SMOOTH + 1, 1 / (2 * _SMOOTH + 1))
    limited = np.clip(np.asarray(log_odds, np.float64), -_SURE, _SURE)
    smooth = np.convolve(np.pad(limited, _SMOOTH, "edge"), kernel, "valid")
    beyond = np.pad(smooth, (_BACK, _AHEAD), constant_values=_SURE)
    clearest = np.lib.stride_tricks.sliding_window_view(beyond, _BACK + 1 + _AHEAD).min(axis=1)
    calm = np.clip((smooth - _BEGIN) / (_REST - _BEGIN), 0, 1)
    calm[clearest >= _CLEAR] = 1
    return calm


def resting(calm: np.ndarray) -> np.ndarray:
    """From what allows rest ``[T]`` (:func:`calmness`) to a share of rest float32 ``[T]``, 0..1.

    Rest is at most as far as the nearest speech is: 0 in speech and for 0.4 s after
    it, then growing; and back at 0 when speech begins. It so never jumps, and shorter pauses stay
    as they are.
    """
    ago = np.arange(_WAIT + _CLOSE, -_PART - 1, -1)
    farther = np.where(ago >= 0, (ago - _WAIT) / _CLOSE, -ago / _PART).clip(0, 1)
    padded = np.pad(calm, (_WAIT + _CLOSE, _PART), constant_values=1)
    near = np.lib.stride_tricks.sliding_window_view(padded, len(ago))
    return smoothstep((near + farther).min(axis=1)).astype(np.float32)


class Rest:
    """Brings motion that comes in parts to rest where nobody speaks.

    Mouth and jaw go to the portrait's own as far as the share of rest says. The head, which nods
    while it speaks, calms down and livens up within a second or so.
    """

    def __init__(self) -> None:
        self._calm: float | None = None

    def __call__(self, vectors: np.ndarray, share: np.ndarray) -> np.ndarray:
        """float32 ``[n, 58]`` for motion vectors ``[n, 58]`` and the share of rest ``[n]``, 0..1,
        of 25 frames a second."""
        out = np.array(vectors, np.float32)
        out[:, _MOUTH] *= 1 - np.asarray(share, np.float32)[:, None]
        for row, rest in zip(out, share, strict=True):
            calm = rest if self._calm is None else self._calm
            self._calm = calm + (rest - calm) * _PACE
            row[52:] *= 1 - _CALM * self._calm
        return out
