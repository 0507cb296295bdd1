"""What is asked for at a moment, and frame by frame."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from recognizer.facs import ARKIT_INDEX, ARKIT_NAMES, AU_MAX, AU_NAMES, AU_TO_ARKIT, sides

#: Brows that are raised and knitted at once stand higher than at rest, and slant (AU 1+4 in FACS'
#: manual): so much of the way down is held up by an inner brow that is raised as much or more.
_HELD_UP = 0.75


@dataclass(frozen=True)
class Keyframe:
    """One demand.

    Attributes:
        at: seconds from the start.
        aus: ``[24, 2]``: intensity 0-5 of each action unit, left and right.
        valence_arousal: ``(valence, arousal)``, each -1..1.
        emotion: ``[8]``: weights of :data:`recognizer.facs.EMOTIONS`.
    """

    at: float
    aus: np.ndarray
    valence_arousal: tuple[float, float]
    emotion: np.ndarray


@dataclass(frozen=True)
class AffectCurves:
    """Targets for each frame.

    Attributes:
        aus: float32 ``[T, 24, 2]``, 0-5, left and right.
        valence_arousal: float32 ``[T, 2]``.
        emotion: float32 ``[T, 8]``.
    """

    aus: np.ndarray
    valence_arousal: np.ndarray
    emotion: np.ndarray

    def blendshapes(self) -> np.ndarray:
        """The expression that the action units stand for: float32 ``[T, 52]``, 0..1."""
        shares = self.aus / AU_MAX
        raised, lowered = (AU_NAMES.index(name) for name in ("AU01", "AU04"))
        shares[:, lowered] -= _HELD_UP * np.minimum(shares[:, lowered], shares[:, raised])
        flat = shares.reshape(len(shares), -1)
        return np.clip(flat @ _au_matrix(), 0, 1).astype(np.float32)


@functools.cache
def _au_matrix() -> np.ndarray:
    """``[48, 52]``: (action unit, side) → coefficients at full intensity."""
    matrix = np.zeros((len(AU_NAMES), 2, len(ARKIT_NAMES)))
    for i, au in enumerate(AU_NAMES):
        for stem, value in AU_TO_ARKIT[au].items():
            names = sides(stem)
            for side in (0, 1):
                if len(names) == 2:
                    matrix[i, side, ARKIT_INDEX[names[side]]] = value
                else:  # a middle coefficient takes half from either side
                    matrix[i, side, ARKIT_INDEX[names[0]]] = value / 2
    return matrix.reshape(-1, len(ARKIT_NAMES))
