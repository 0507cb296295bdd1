"""EMFACS as a generative model: what action units would be read, were an emotion felt so strongly.

Readings are looked at as log-odds of their range. On that scale what an expression adds to a face
at rest grows evenly with its strength, for bold readings and for timid ones alike. Of a face that
shows an emotion ``e`` at a strength ``s``

    z | e, s ~ N(s μ_e, Σ + s² V_e),        z | neutral ~ N(0, Σ),

where ``z`` are the changes of 22 action units (all but lids that shut) and how much further the
left corner of the mouth is pulled than the right. ``μ_e`` is the prototype of EMFACS as readers
read it, ``V_e`` how people differ in it, ``Σ`` what else moves: a mouth that talks has another
``Σ`` and a mean of its own, so that speech explains itself away. Strength, talking and the side of
a one-sided expression are summed over. The whole is a mixture of Gaussians, and differentiable.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from recognizer.facs import AU_MAX, AU_NAMES, EMOTION_TO_VA, EMOTIONS

#: Action units that are evidence: blinks and shut eyes come and go in every mood.
UNITS = tuple(i for i, name in enumerate(AU_NAMES) if name not in ("AU43", "AU45"))
#: The units, then the lean of the mouth's corners.
FEATURES = len(UNITS) + 1
#: Strengths that are summed over, evenly likely; what is weaker counts as neutral.
STRENGTHS = (0.25, 0.4, 0.6, 0.8, 1.0)
#: Means over strengths lie nearer the middle than what is shown, since people vary: what is read at
#: the first is nothing, at the second all of an emotion (judged by portraits, see the model card).
_NOTHING, _ALL = 0.1, 0.85
#: Added to either end of the range, where log-odds would grow without end.
_MARGIN = 0.03


@dataclass
class EmfacsOutput:
    """What action units say about emotion.

    Attributes:
        emotion: ``[T, 8]`` probabilities.
        strength: ``[T, 8]``: how strong each emotion would be, 0..1; neutral: 0.
    """

    emotion: Tensor
    strength: Tensor


def log_odds(intensities: Tensor) -> Tensor:
    """Intensities 0-5 on the model's scale."""
    return torch.log((intensities + _MARGIN) / (AU_MAX + _MARGIN - intensities))


class Emfacs:
    """The model.

    Args:
        prototypes: ``[7, D]``: ``μ_e`` of all emotions but neutral.
        noise: ``[2, D, D]``: ``Σ`` of a still mouth and of one that talks.
        talk: ``[D]``: what talking adds to the mean.
        vary: people's deviation from a prototype, in shares of it: ``V_e = diag((vary μ_e)²) + …``.
        floor: … and ``floor²`` in everything else.
        neutral: probability of neutral before anything is seen.
        temperature: divides log-likelihoods: features are no independent witnesses.

    Raises:
        ValueError: shapes disagree, or a covariance is not positive definite.
    """

    def __init__(
        self,
        prototypes: Tensor,
        noise: Tensor,
        talk: Tensor,
        vary: float,
        floor: float,
        neutral: float,
        temperature: float,
    ) -> None:
        shapes = {
            "prototypes": (prototypes, (len(EMOTIONS) - 1, FEATURES)),
            "noise": (noise, (2, FEATURES, FEATURES)),
            "talk": (talk, (FEATURES,)),
        }
        for name, (value, shape) in shapes.items():
            if tuple(value.shape) != shape:
                raise ValueError(f"{name} must be {list(shape)}, got {list(value.shape)}")
        self.temperature = temperature
        # One state an emotion, strength and side of the mouth; the first is neutral.
        mirror = torch.ones(2, FEATURES).to(prototypes)
        mirror[1, -1] = -1
        strengths = torch.tensor(STRENGTHS).to(prototypes)
        felt = len(prototypes) * len(STRENGTHS) * 2
        means = strengths[:, None, None] * prototypes[:, None, None] * mirror
        spread = (vary * prototypes) ** 2 + floor**2
        spread = (strengths**2)[:, None, None] * spread[:, None, None].expand(-1, -1, 2, -1)
        blank = torch.zeros(1, FEATURES).to(prototypes)
        means = torch.cat([blank, means.reshape(felt, FEATURES)])
        spread = torch.cat([blank, spread.reshape(felt, FEATURES)])
        index = torch.arange(felt)
        self._emotion = torch.cat([torch.zeros(1, dtype=torch.long), 1 + index * 7 // felt])
        self._strength = torch.cat([blank[0, :1], strengths[index // 2 % len(STRENGTHS)]])
        self._means = torch.stack([means, means + talk])
        factor, failed = torch.linalg.cholesky_ex(noise[:, None] + torch.diag_embed(spread))
        if failed.any():
            raise ValueError("a covariance is not positive definite")
        eye = torch.eye(FEATURES).to(prototypes).expand_as(factor)
        self._whitening = torch.linalg.solve_triangular(factor, eye, upper=False)
        self._log_volume = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        prior = torch.full((felt + 1,), (1 - neutral) / felt).to(prototypes)
        prior[0] = neutral
        self._log_prior = prior.log()

    def __call__(self, change: Tensor, talking: Tensor) -> EmfacsOutput:
        """Emotions of changes from rest.

        Args:
            change: ``[T, D]``: log-odds of :data:`UNITS` less those at rest, then the lean.
            talking: ``[T]``: how surely the mouth talks, 0..1.

        Raises:
            ValueError: another shape.
        """
        if change.ndim != 2 or change.shape[1] != FEATURES:
            raise ValueError(f"changes must be [T, {FEATURES}], got {list(change.shape)}")
        away = change[None, :, None] - self._means[:, None]
        white = torch.einsum("mkij,mtkj->mtki", self._whitening, away)
        likelihood = -0.5 * white.square().sum(-1) - self._log_volume[:, None]
        mouth = torch.stack([1 - talking, talking]).clamp_min(1e-6).log()
        score = (likelihood / self.temperature + mouth[..., None]).logsumexp(0)
        state = (score + self._log_prior).softmax(-1)
        blank = state.new_zeros(len(change), len(EMOTIONS))
        emotion = blank.index_add(1, self._emotion, state)
        strong = blank.index_add(1, self._emotion, state * self._strength)
        return EmfacsOutput(emotion, strong / emotion.clamp_min(1e-12))


def place(emotion: Tensor, strength: Tensor) -> Tensor:
    """Valence and arousal ``[T, 2]`` of emotions ``[T, 8]`` of the given strengths ``[T, 8]``: the
    places of :data:`recognizer.facs.EMOTION_TO_VA`, as far from neutral as they are intense."""
    places = torch.tensor([EMOTION_TO_VA[name] for name in EMOTIONS]).to(emotion)
    return (emotion * intensity(strength)) @ places


def intensity(strength: Tensor) -> Tensor:
    """How intense emotions are, 0..1, that are read with these strengths."""
    return ((strength - _NOTHING) / (_ALL - _NOTHING)).clamp(0, 1)
