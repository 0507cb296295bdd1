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

How strong an emotion is, the mixture says poorly: people vary by a large share of a prototype, so
that its mean over strengths stays near the middle. Strength is therefore the amplitude of the
prototype in ``z`` by generalized least squares under the covariance of a middling strength: linear,
and the same however much the rest of the face scatters.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from recognizer.facs import AU_MAX, AU_NAMES, EMOTION_TO_VA, EMOTIONS, INTENSITY_EXPONENT

#: Action units that are evidence: blinks and shut eyes come and go in every mood.
UNITS = tuple(i for i, name in enumerate(AU_NAMES) if name not in ("AU43", "AU45"))
#: The units, then the lean of the mouth's corners.
FEATURES = len(UNITS) + 1
#: Strengths that are summed over, evenly likely; what is weaker counts as neutral.
STRENGTHS = (0.25, 0.4, 0.6, 0.8, 1.0)
#: Amplitudes are taken under the covariance of this strength.
_MIDDLING = STRENGTHS.index(0.6)
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
        whole: ``[7]``: the amplitude of an emotion that is wholly shown; by default 1.

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
        whole: Tensor | None = None,
    ) -> None:
        whole = torch.ones(len(prototypes)).to(prototypes) if whole is None else whole
        shapes = {
            "prototypes": (prototypes, (len(EMOTIONS) - 1, FEATURES)),
            "noise": (noise, (2, FEATURES, FEATURES)),
            "talk": (talk, (FEATURES,)),
            "whole": (whole, (len(EMOTIONS) - 1,)),
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
        self._means = torch.stack([means, means + talk])
        factor, failed = torch.linalg.cholesky_ex(noise[:, None] + torch.diag_embed(spread))
        if failed.any():
            raise ValueError("a covariance is not positive definite")
        eye = torch.eye(FEATURES).to(prototypes).expand_as(factor)
        self._whitening = torch.linalg.solve_triangular(factor, eye, upper=False)
        self._log_volume = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        middling = 1 + index[index // 2 % len(STRENGTHS) == _MIDDLING].reshape(-1, 2)
        sides = prototypes[:, None] * mirror
        self._gauge = _gauge(self._whitening[:, middling], sides) / whole[:, None, None]
        self._talk = talk
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
        return EmfacsOutput(emotion, self._strengths(change, talking))

    def _strengths(self, change: Tensor, talking: Tensor) -> Tensor:
        """``[T, 8]``: amplitudes of the prototypes, of the side of the mouth that shows more."""
        away = torch.stack([change, change - self._talk])
        amplitudes = torch.einsum("mesj,mtj->mtes", self._gauge, away).amax(-1)
        mouth = torch.stack([1 - talking, talking])[..., None]
        strong = (mouth * amplitudes).sum(0).clamp(0, 1)
        return torch.cat([torch.zeros_like(strong[:, :1]), strong], 1)


def _gauge(whitening: Tensor, prototypes: Tensor) -> Tensor:
    """Weights ``[..., D]`` that make of a change the amplitude of a prototype in it, by generalized
    least squares: ``Σ⁻¹μ / μᵀΣ⁻¹μ``.

    Args:
        whitening: ``[..., D, D]``: ``W`` with ``WᵀW = Σ⁻¹``.
        prototypes: ``[..., D]``.
    """
    white = torch.einsum("...ij,...j->...i", whitening, prototypes)
    weights = torch.einsum("...ij,...i->...j", whitening, white)
    return weights / white.square().sum(-1, keepdim=True)


def place(emotion: Tensor, strength: Tensor) -> Tensor:
    """Valence and arousal ``[T, 2]`` of emotions ``[T, 8]`` of the given strengths ``[T, 8]``: the
    places of :data:`recognizer.facs.EMOTION_TO_VA`, as far from neutral as they are intense."""
    places = torch.tensor([EMOTION_TO_VA[name] for name in EMOTIONS]).to(emotion)
    return (emotion * intensity(strength)) @ places


def intensity(strength: Tensor) -> Tensor:
    """How intense emotions are, 0..1, whose prototypes are shown with these strengths."""
    return strength.clamp(0, 1) ** (1 / INTENSITY_EXPONENT)
