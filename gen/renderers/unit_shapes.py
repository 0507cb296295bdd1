"""What the head model's action units leave out: skin that muscles carry along.

The head model moves what a rig needs. A coder of action units looks for more (Ekman, Friesen and
Hager 2002): a nose that shortens as it wrinkles (AU 9), a chin that rises with the lower lip
(AU 17), corners that are tightened without a smile (AU 14).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX, sides

#: By how much farther sideways and vertically than on the head model.
_GAINS: Mapping[str, tuple[float, float]] = {
    "mouthFrown": (1.0, 1.3), "mouthDimple": (0.8, 0.6), "eyeSquint": (1.0, 1.25),
}  # fmt: skip


@dataclass(frozen=True)
class _Pull:
    """Skin around a landmark is carried along.

    Attributes:
        at: a landmark on the subject's right, or in the middle.
        move: away from the middle and down, in face widths.
        reach: face widths over which it fades.
        below: a landmark above whose height nothing moves.
    """

    at: int
    move: tuple[float, float]
    reach: float
    below: int | None = None


#: At a coefficient of 1; pairs are given for the subject's right side.
_PULLS: Mapping[str, Sequence[_Pull]] = {
    # Levator labii alaeque nasi: wing, cheek beside the nose and lip go up, the brow's head down.
    "noseSneer": (
        _Pull(129, (0.004, -0.014), 0.05), _Pull(142, (-0.004, -0.022), 0.07),
        _Pull(92, (0.002, -0.010), 0.05), _Pull(4, (0.0, -0.005), 0.06),
        _Pull(55, (-0.008, 0.014), 0.06),
    ),
    # Mentalis: the boss of the chin goes up, and the middle of the mouth with it.
    "mouthShrugLower": (
        _Pull(199, (0.0, -0.022), 0.075, below=18), _Pull(152, (0.0, -0.008), 0.06, below=18),
        _Pull(13, (0.0, -0.012), 0.075), _Pull(17, (0.0, 0.010), 0.05, below=14),
    ),
}  # fmt: skip


def shape_units(fields: np.ndarray) -> np.ndarray:
    """Correct what the coefficients of some action units do to the landmarks.

    Args:
        fields: ``[52, 478, 3]`` displacements in the head's frame, in face widths.

    Returns:
        The same with some rows changed.
    """
    fields = np.array(fields)
    for stem, gains in _GAINS.items():
        for name in sides(stem):
            fields[ARKIT_INDEX[name], :, :2] *= gains
    for stem, pulls in _PULLS.items():
        for name in sides(stem):
            for pull in pulls:
                fields[ARKIT_INDEX[name], :, :2] += _carried(pull, name.endswith("Left"))
    return fields


def _carried(pull: _Pull, left: bool) -> np.ndarray:
    """What a pull does to the landmarks: ``[478, 2]``."""
    face = FaceModel.load().landmarks[:, :2]
    centre, move = face[pull.at].copy(), np.array(pull.move)
    if left:
        centre[0] *= -1
    else:
        move[0] *= -1
    weight = np.exp(-(((face - centre) ** 2).sum(1) / pull.reach**2))
    if pull.below is not None:
        weight *= face[:, 1] >= face[pull.below, 1] - 1e-6
    return weight[:, None] * move
