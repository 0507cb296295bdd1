"""From action units to the coefficients of one person, by the prior of ``AU_TO_ARKIT``.

An activation is the share of its whole movement that an action unit makes, 0 to 1. FACS' letters
are not evenly spaced on it: A (trace) and B (slight) are narrow, C (marked) and D (severe) wide
(Ekman, Friesen and Hager 2002, p. 8).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX, ARKIT_NAMES, AU_INDEX, AU_MAX, AU_NAMES, AU_TO_ARKIT, sides

#: Share of the whole movement at the intensities 0, 1 (A) to 5 (E).
INTENSITY_SHARES = (0.0, 0.1, 0.3, 0.6, 0.85, 1.0)
#: Opening of the lips, in face heights, at which AU25 is complete: that of half the jaw's way.
_LIPS_APART = 0.096
_JAW = ("AU26", "AU27")
_LIDS = ("AU43", "AU45")
#: Coefficients in which people at rest look as if they did something.
_RESTING = (
    "eyeSquint", "browDown", "browInnerUp", "browOuterUp", "mouthSmile", "mouthFrown", "mouthPress",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthPucker", "mouthStretch",
    "mouthUpperUp", "mouthDimple", "eyeWide",
)  # fmt: skip


def intensity(activation: np.ndarray) -> np.ndarray:
    """Intensities 0-5 of activations 0..1."""
    return np.interp(activation, INTENSITY_SHARES, np.arange(AU_MAX + 1))


def activation(intensities: np.ndarray) -> np.ndarray:
    """Activations 0..1 of intensities 0-5: the inverse of :func:`intensity`."""
    return np.interp(intensities, np.arange(AU_MAX + 1), INTENSITY_SHARES)


def au_vector(values: Mapping[str, float]) -> np.ndarray:
    """``{"AU12": x}`` as ``[24]``."""
    out = np.zeros(len(AU_NAMES))
    for name, value in values.items():
        out[AU_INDEX[name]] = value
    return out


def combined(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Two sources of one movement do not add up beyond its end: ``1 - (1 - a)(1 - b)``."""
    return 1 - (1 - first) * (1 - second)


class Person:
    """How one person's face moves: strengths, sides, cross-talk, and how it looks at rest.

    Args:
        rng: chooses everything.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._model = FaceModel.load()
        self._sides = np.zeros((2, len(AU_NAMES), len(ARKIT_NAMES)))
        for row, name in enumerate(AU_NAMES):
            gain = np.clip(np.exp(rng.normal(0, 0.18)), 0.6, 1.5)
            for stem, value in AU_TO_ARKIT[name].items():
                self._add(row, stem, value * gain)
            if name not in (*_JAW, *_LIDS) and rng.random() < 0.4:
                self._add(row, str(rng.choice(_RESTING)), rng.uniform(0, 0.12))
        self._habit = rng.normal(0, 0.12, len(AU_NAMES)).clip(-0.4, 0.4)
        self.rest = np.zeros(len(ARKIT_NAMES))
        for stem in _RESTING:
            if rng.random() < 0.3:
                for name in sides(stem):
                    self.rest[ARKIT_INDEX[name]] = min(0.25, rng.exponential(0.06))

    def _add(self, row: int, stem: str, value: float) -> None:
        names = sides(stem)
        for side in range(2):
            # A coefficient of the whole face follows either side by half.
            name, share = (names[side], 1.0) if len(names) == 2 else (names[0], 0.5)
            self._sides[side, row, ARKIT_INDEX[name]] += share * value

    def coefficients(self, shares: np.ndarray, one_sided: np.ndarray) -> np.ndarray:
        """``[52]`` of activations ``[24]``, without the face at rest.

        Args:
            shares: activations of the stronger side, 0..1; jaw and lids by their higher action
                unit (AU27 above AU26).
            one_sided: ``[24]``: 0 where both sides move, 1 where the left alone does, -1 the right.
        """
        shares = shares.copy()
        # One jaw, one pair of lids.
        jaw, drop = (AU_INDEX[name] for name in _JAW)
        shares[jaw] = shares[jaw] * (shares[drop] == 0)
        shares[drop] = (0.5 + 0.5 * shares[drop]) * (shares[drop] > 0)
        lids = [AU_INDEX[name] for name in _LIDS]
        shares[lids] = shares[lids].max(), 0.0
        lean = np.clip(self._habit + one_sided, -1, 1)
        moved = np.zeros(len(ARKIT_NAMES))
        for side, sign in ((0, 1), (1, -1)):
            strength = shares * (1 - np.clip(-sign * lean, 0, 1))
            parts = np.clip(self._sides[side] * strength[:, None], 0, 1)
            moved = combined(moved, 1 - np.prod(1 - parts, axis=0))
        return moved

    def truth(self, shares: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """The activations ``[24]`` that a coder would see.

        AU25 follows from how far the lips are apart, whoever parts them; a jaw that opens beyond
        AU26 shows it in full.
        """
        seen = shares.copy()
        opening = self._model.lip_opening(np.stack([coefficients, np.zeros_like(coefficients)]))
        seen[AU_INDEX["AU25"]] = np.clip((opening[0] - opening[1]) / _LIPS_APART, 0, 1)
        if seen[AU_INDEX["AU27"]] > 0:
            seen[AU_INDEX["AU26"]] = 1.0
        return seen
