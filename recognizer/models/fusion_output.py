"""What the trainable fusion says and hears: outputs as opinions, and opinions as features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recognizer.facs import EMOTIONS
from recognizer.fusion import FLOOR, Fused, Opinion, fuse
from recognizer.network import BaseOutput

#: Numbers that :func:`opinion_features` makes of an opinion.
OPINION_FEATURES = len(EMOTIONS) + 4


@dataclass
class Expert:
    """What one modality says by itself; leading shape ``[B]`` or ``[B, T]``.

    Attributes:
        logits: ``[..., 8]`` of the emotions, before the temperature.
        emotion: ``[..., 8]`` their calibrated probabilities.
        valence_arousal: ``[..., 2]``, -1..1.
        log_variance: ``[..., 2]``.
        presence: ``[...]``, 0..1.
        shared, private: ``[..., W]``, the parts that it says it from.
        standard: ``[..., D]``, its features with mean 0 and deviation 1 over the training data.
        rebuilt: ``[..., D]``, the same from both parts.
    """

    logits: Tensor
    emotion: Tensor
    valence_arousal: Tensor
    log_variance: Tensor
    presence: Tensor
    shared: Tensor
    private: Tensor
    standard: Tensor
    rebuilt: Tensor


@dataclass
class FusionOutput(BaseOutput):
    """What the modalities say together; NaN where none is there, but in ``logits``.

    Attributes:
        logits: ``[..., 8]`` of the emotions, before the temperature.
        emotion: ``[..., 8]`` their calibrated probabilities.
        valence_arousal: ``[..., 2]``, -1..1.
        log_variance: ``[..., 2]``.
        weights: modality → ``[..., 2]``: its share of the valence and arousal that the experts
            agree on, before the correction; they add up to 1.
        experts: modality → what it says by itself.
    """

    logits: Tensor
    emotion: Tensor
    valence_arousal: Tensor
    log_variance: Tensor
    weights: dict[str, Tensor]
    experts: dict[str, Expert]

    def opinions(self, lead: tuple[int, ...] | None = None) -> list[Opinion]:
        """The experts' own, for ``fuse``; ``lead`` is another leading shape of as many entries."""
        found = []
        for name, expert in self.experts.items():
            there = (expert.presence > 0)[..., None]
            place = expert.valence_arousal.where(there, torch.nan)
            emotion = expert.emotion.where(there, torch.nan)
            found.append(
                Opinion(
                    name, _numpy(place, lead, 1), _numpy(expert.log_variance.exp(), lead, 1),
                    _numpy(emotion, lead, 1), _numpy(expert.presence, lead, 0),
                )
            )  # fmt: skip
        return found

    def fused(self, lead: tuple[int, ...] | None = None) -> Fused:
        """The same as ``fuse`` returns; conflicts are those between the experts."""
        return Fused(
            valence_arousal=_numpy(self.valence_arousal, lead, 1),
            variance=_numpy(self.log_variance.exp(), lead, 1),
            emotion=_numpy(self.emotion, lead, 1),
            weights={name: _numpy(value, lead, 1) for name, value in self.weights.items()},
            conflicts=fuse(self.opinions(lead)).conflicts,
        )


def opinion_features(opinion: Opinion) -> tuple[np.ndarray, np.ndarray]:
    """What a recognizer says, as features: float32 ``[..., 12]`` and presence ``[...]``.

    Centred log-probabilities of the emotions (floored as in ``fuse``), valence and arousal, and
    the logarithms of their variances; presence is the reliability, 0 where it does not know.
    """
    belief = np.log((1 - FLOOR) * opinion.emotion + FLOOR / len(EMOTIONS))
    belief = belief - belief.mean(axis=-1, keepdims=True)
    features = np.concatenate([belief, opinion.valence_arousal, np.log(opinion.variance)], axis=-1)
    known = np.isfinite(features).all(axis=-1)
    presence = np.where(known, opinion.reliability, 0.0)
    return np.where(known[..., None], features, 0.0).astype(np.float32), presence.astype(np.float32)


def _numpy(values: Tensor, lead: tuple[int, ...] | None, trailing: int) -> np.ndarray:
    array = values.detach().float().cpu().numpy().astype(np.float64)
    return array if lead is None else array.reshape(lead + array.shape[array.ndim - trailing :])
