"""One rendered person who makes known action units: what is shown, and how it looks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from recognizer.data.activation import Person, activation, au_vector, combined
from recognizer.data.rendered_head import SeeingHead
from recognizer.data.wrinkles import Wrinkles
from recognizer.facs import ARKIT_INDEX, AU_INDEX, AU_NAMES, EMOTION_TO_AU, EMOTIONS, sides

#: What lips and jaw do in speech, as activations: closed, f, a, e, o, u, sh, l.
_VISEMES = tuple(
    au_vector(v)
    for v in (
        {}, {"AU24": 0.2}, {"AU28": 0.3, "AU25": 0.1}, {"AU25": 0.5, "AU26": 0.7},
        {"AU25": 0.5, "AU26": 0.3, "AU20": 0.3}, {"AU18": 0.4, "AU25": 0.4, "AU26": 0.4},
        {"AU18": 0.8, "AU25": 0.2, "AU26": 0.1}, {"AU22": 0.6, "AU25": 0.5, "AU26": 0.1},
        {"AU25": 0.6, "AU26": 0.3},
    )
)  # fmt: skip
#: Movements without an action unit in the set: stem → how often, up to which value.
_OTHER = {
    "jawLeft": (0.05, 0.5), "jawRight": (0.05, 0.5), "jawForward": (0.05, 0.6),
    "mouthLeft": (0.05, 0.4), "mouthRight": (0.05, 0.4), "cheekPuff": (0.04, 0.8),
    "mouthLowerDown": (0.08, 0.5), "mouthShrugUpper": (0.08, 0.4),
}  # fmt: skip
#: Not chosen for blends: shut eyes have frames of their own, and AU45 is AU43 in a hurry.
_BLENDED = [i for i, name in enumerate(AU_NAMES) if name not in ("AU43", "AU45")]


@dataclass
class Expression:
    """What a face shows: activations ``[24]``, sides ``[24]`` (see ``Person``), the emotion
    ``[8]``, NaN where nobody says."""

    shares: np.ndarray
    one_sided: np.ndarray
    emotion: np.ndarray

    def weakened(self, factor: float) -> Expression:
        """The same with all movements, and the distance from neutral, times ``factor``."""
        neutral = np.eye(len(EMOTIONS))[0]
        emotion = neutral + factor * (self.emotion - neutral)
        return Expression(factor * self.shares, self.one_sided, emotion)


def neutral() -> Expression:
    """The face at rest."""
    nothing = np.zeros(len(AU_NAMES))
    return Expression(nothing, nothing, np.eye(len(EMOTIONS))[0])


def blend(rng: np.random.Generator) -> Expression:
    """One to four action units at any intensity; no emotion is claimed."""
    shares, one_sided = np.zeros(len(AU_NAMES)), np.zeros(len(AU_NAMES))
    chosen = rng.choice(_BLENDED, rng.choice([1, 2, 3, 4], p=[0.25, 0.3, 0.25, 0.2]), replace=False)
    shares[chosen] = activation(rng.uniform(0.5, 5, len(chosen)))
    if rng.random() < 0.15:
        shares[AU_INDEX["AU43"]] = rng.uniform(0.2, 1)
    one_sided[chosen] = np.where(rng.random(len(chosen)) < 0.06, rng.choice([-1, 1]), 0)
    return Expression(shares, one_sided, np.full(len(EMOTIONS), np.nan))


def emotional(rng: np.random.Generator) -> Expression:
    """A prototype of EMFACS as people vary it, between a trace and full."""
    which = int(rng.integers(1, len(EMOTIONS)))
    strength = rng.uniform(0.25, 1)
    intensities, one_sided = np.zeros(len(AU_NAMES)), np.zeros(len(AU_NAMES))
    side = rng.choice([-1, 1])
    for name, value in EMOTION_TO_AU[EMOTIONS[which]].items():
        if rng.random() < 0.85:
            intensities[AU_INDEX[name[:4]]] = strength * value * rng.normal(1, 0.25)
            one_sided[AU_INDEX[name[:4]]] = side * (len(name) > 4)
    if rng.random() < 0.3:
        extra = rng.choice(_BLENDED)
        intensities[extra] = max(intensities[extra], rng.uniform(0, 2))
    emotion = np.zeros(len(EMOTIONS))
    # Judges agree on a moderate expression nearly as well as on a strong one.
    emotion[which] = 0.95 * strength**0.6
    emotion[0] = 1 - emotion[which]
    return Expression(activation(intensities.clip(0, 5)), one_sided, emotion)


def shown(rng: np.random.Generator, blends: float) -> Expression:
    """Any expression; a share of ``blends``, the others emotional, some of them neutral."""
    if rng.random() < blends:
        return blend(rng)
    return neutral() if rng.random() < 0.2 else emotional(rng)


@dataclass
class HeadPicture:
    """A picture uint8 ``[S, S, 3]``, its true landmarks ``[478, 3]`` in pixels, and the activations
    ``[24]`` that a coder would see."""

    pixels: np.ndarray
    landmarks: np.ndarray
    truth: np.ndarray


class PosedHead:
    """One rendered person.

    Args:
        rng: chooses everything.
        wrinkles: how the skin folds; ``None``: it is smooth.
        size: pixels of the square pictures.
    """

    def __init__(
        self, rng: np.random.Generator, wrinkles: Wrinkles | None = None, size: int = 288
    ) -> None:
        self._rng, self._size = rng, size
        self._head = SeeingHead(rng, size, wrinkles)
        self._person = Person(rng)
        self._grey = rng.random() < 0.3
        self._shrink = rng.uniform(0.25, 1) if rng.random() < 0.5 else 1.0

    def picture(
        self, expression: Expression, pose: np.ndarray, talks: bool, clean: bool = False
    ) -> HeadPicture:
        """A picture and what it shows.

        Args:
            expression: what is shown.
            pose: ``[6]`` relative to the head's own.
            talks: lips are somewhere in speech.
            clean: nothing else moves.
        """
        rng = self._rng
        shares = expression.shares
        if talks:
            viseme = _VISEMES[rng.integers(len(_VISEMES))] * rng.uniform(0.5, 1.3)
            shares = combined(shares, viseme.clip(0, 1))
        coefficients = self._person.coefficients(shares, expression.one_sided)
        jaw = coefficients[ARKIT_INDEX["jawOpen"]]
        if jaw > 0 and rng.random() < 0.15:
            coefficients[ARKIT_INDEX["mouthClose"]] = 0.5 * jaw
        if not clean:
            coefficients = combined(coefficients, self._other())
        truth = self._person.truth(shares, coefficients)
        drawn = np.clip(coefficients + self._person.rest, 0, 1.2)
        pixels = self._seen(self._head.render(drawn, pose))
        return HeadPicture(pixels, self._head.landmarks(drawn, pose), truth)

    def _other(self) -> np.ndarray:
        rng, moved = self._rng, np.zeros(len(ARKIT_INDEX))
        for stem, (often, most) in _OTHER.items():
            if rng.random() < often:
                moved[[ARKIT_INDEX[name] for name in sides(stem)]] = rng.uniform(0, most)
        across, down = rng.normal(0, 0.25, 2)
        left, right = ("Out", "In") if across > 0 else ("In", "Out")
        moved[ARKIT_INDEX[f"eyeLook{left}Left"]] = moved[ARKIT_INDEX[f"eyeLook{right}Right"]] = min(
            1, abs(across)
        )
        for name in sides("eyeLookDown" if down > 0 else "eyeLookUp"):
            moved[ARKIT_INDEX[name]] = min(1, abs(down))
        return moved

    def _seen(self, picture: np.ndarray) -> np.ndarray:
        if self._grey:
            picture = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
        if self._shrink < 1:
            small = cv2.resize(
                picture, None, fx=self._shrink, fy=self._shrink, interpolation=cv2.INTER_AREA
            )
            picture = cv2.resize(small, (self._size, self._size), interpolation=cv2.INTER_CUBIC)
        return picture


def drawn_pose(rng: np.random.Generator, scale: float) -> np.ndarray:
    """A head's pose ``[6]``, most within 13 degrees of yaw at a scale of 1."""
    angles = rng.normal(0, (8, 13, 6)).clip(-30, 30)
    return scale * np.concatenate([angles, rng.normal(0, (0.04, 0.04, 0.2))])
