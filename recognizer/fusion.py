"""Face, voice and words as one: a product of experts that says when they disagree.

Each modality is an expert with an opinion: a Gaussian over valence and arousal, a distribution
over the eight emotions, and a reliability ``r`` in 0..1 by whose power it counts. The product of
Gaussians is the precision-weighted mean (Cao and Fleet 2014, "Generalized product of experts"),
that of the emotions a logarithmic opinion pool; both start from a flat prior. Any subset of the
modalities works, and so does a modality that is missing in some frames.

Three things hold exactly, and are tested:

* leaving out modality ``k`` of valence-arousal weight ``w`` moves the mean by ``w`` times the
  distance between ``k`` and what the others say, never more;
* it moves the log-odds of two emotions by ``r`` times those of ``k``, which the floor under its
  probabilities bounds;
* disagreement never passes for certainty: where the experts lie further apart than their variances
  explain, the fused variance grows by chi-square over its degrees of freedom (R. Birge 1932, as
  the Particle Data Group combines measurements).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from recognizer.affect import AffectTrack
from recognizer.facs import EMOTIONS

#: No expert rules an emotion out: its probabilities are mixed with this much of a uniform one.
FLOOR = 0.02
#: Standard deviations of valence and arousal where a face's track publishes none: a judgement.
FACE_STD = (0.30, 0.35)
#: Beyond this distance in standard deviations, or this Jensen-Shannon divergence in bits, two
#: modalities are said to be in conflict.
CONFLICT_DISTANCE, CONFLICT_DIVERGENCE = 2.0, 0.3


@dataclass(frozen=True)
class Opinion:
    """What one modality holds for true, once or frame by frame.

    Attributes:
        modality: ``"face"``, ``"voice"``, ``"words"`` or another name.
        valence_arousal: ``[..., 2]`` means, -1..1; NaN where the modality does not know.
        variance: ``[..., 2]``, above 0.
        emotion: ``[..., 8]`` probabilities in the order of :data:`recognizer.facs.EMOTIONS`;
            NaN where the modality does not know.
        reliability: ``[...]`` or one number, 0..1; 0 leaves the modality out.

    Raises:
        ValueError: shapes or ranges are wrong.
    """

    modality: str
    valence_arousal: np.ndarray
    variance: np.ndarray
    emotion: np.ndarray
    reliability: np.ndarray | float = 1.0

    def __post_init__(self) -> None:
        place, emotion = np.asarray(self.valence_arousal, float), np.asarray(self.emotion, float)
        lead = place.shape[:-1]
        if place.shape[-1:] != (2,) or emotion.shape != (*lead, len(EMOTIONS)):
            raise ValueError(
                f"{self.modality}: expected valence_arousal [..., 2] and emotion [..., 8], "
                f"got {list(place.shape)} and {list(emotion.shape)}"
            )
        variance = np.broadcast_to(np.asarray(self.variance, float), place.shape)
        reliability = np.broadcast_to(np.asarray(self.reliability, float), lead)
        if (variance <= 0).any():
            raise ValueError(f"{self.modality}: variance must be positive")
        if not ((reliability >= 0) & (reliability <= 1)).all():
            raise ValueError(f"{self.modality}: reliability must be 0..1")
        if (np.abs(place) > 1 + 1e-6).any():
            raise ValueError(f"{self.modality}: valence and arousal must be -1..1")
        if (emotion < 0).any() or (np.abs(emotion.sum(-1) - 1) > 0.01).any():
            raise ValueError(f"{self.modality}: emotion must hold probabilities that add up to 1")
        for name, value in (
            ("valence_arousal", place), ("variance", variance), ("emotion", emotion),
            ("reliability", reliability),
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    @classmethod
    def from_track(cls, track: AffectTrack, reliability: float = 1.0) -> Opinion:
        """A face, frame by frame: ``[T]``; its confidence scales the reliability."""
        std = track.valence_arousal_std
        std = np.broadcast_to(FACE_STD, (len(track), 2)) if std is None else std
        return cls(
            modality="face",
            valence_arousal=track.valence_arousal,
            variance=np.maximum(np.nan_to_num(std, nan=1.0), 1e-3) ** 2,
            emotion=track.emotion,
            reliability=reliability * track.confidence,
        )

    def averaged(self) -> Opinion:
        """One opinion on the whole clip, each frame counting by its reliability.

        Frames of one face err alike, so that their mean is as uncertain as one of them; how much
        it changes over time is added to the variance.

        Raises:
            ValueError: no frame has an opinion.
        """
        lead = self.valence_arousal.shape[:-1]
        if not lead:
            return self
        known = np.isfinite(self.valence_arousal).all(-1) & np.isfinite(self.emotion).all(-1)
        weight = (self.reliability * known).reshape(-1)
        if weight.sum() == 0:
            raise ValueError(f"{self.modality}: no frame has an opinion")
        share = weight / weight.sum()

        def mean(values: np.ndarray) -> np.ndarray:
            return share @ np.nan_to_num(values.reshape(len(share), -1))

        place = mean(self.valence_arousal)
        spread = mean((self.valence_arousal - place) ** 2)
        emotion = mean(self.emotion)
        return Opinion(
            self.modality, place, mean(self.variance) + spread, emotion / emotion.sum(),
            float(share @ self.reliability.reshape(-1)),
        )  # fmt: skip


@dataclass(frozen=True)
class Conflict:
    """How far two modalities are apart.

    Attributes:
        between: their names.
        distance: ``[..., 2]``: valence and arousal in standard deviations of the difference.
        divergence: ``[...]``: Jensen-Shannon divergence of the emotions in bits times the lower
            reliability, 0..1: a modality that hardly knows contradicts nobody.
    """

    between: tuple[str, str]
    distance: np.ndarray
    divergence: np.ndarray

    @property
    def found(self) -> np.ndarray:
        """bool ``[...]``: beyond :data:`CONFLICT_DISTANCE` or :data:`CONFLICT_DIVERGENCE`."""
        far = (np.nan_to_num(self.distance) > CONFLICT_DISTANCE).any(axis=-1)
        return far | (np.nan_to_num(self.divergence) > CONFLICT_DIVERGENCE)


@dataclass(frozen=True)
class Fused:
    """What the modalities say together.

    Attributes:
        valence_arousal: ``[..., 2]``, NaN where no modality speaks.
        variance: ``[..., 2]``, widened where the modalities disagree.
        emotion: ``[..., 8]`` probabilities, NaN where no modality speaks.
        weights: modality → ``[..., 2]``: its share of valence and arousal; they add up to 1.
        conflicts: one for each pair of modalities, in the order given.
    """

    valence_arousal: np.ndarray
    variance: np.ndarray
    emotion: np.ndarray
    weights: dict[str, np.ndarray]
    conflicts: tuple[Conflict, ...]

    @property
    def conflict(self) -> np.ndarray:
        """bool ``[...]``: some pair of modalities is in conflict."""
        nowhere = np.zeros(self.valence_arousal.shape[:-1], bool)
        return np.logical_or.reduce([nowhere, *(pair.found for pair in self.conflicts)])


def fuse(opinions: Sequence[Opinion]) -> Fused:
    """Combine any number of modalities.

    Args:
        opinions: one a modality; their leading shapes must broadcast.

    Raises:
        ValueError: there is none, two have the same name, or their shapes do not broadcast.
    """
    if not opinions:
        raise ValueError("there is no opinion to fuse")
    names = [opinion.modality for opinion in opinions]
    if len(set(names)) != len(names):
        raise ValueError(f"a modality is given twice: {', '.join(names)}")
    try:
        lead = np.broadcast_shapes(*(np.shape(o.reliability) for o in opinions))
    except ValueError as error:
        raise ValueError("the modalities have different numbers of frames") from error

    def stacked(values: Sequence[np.ndarray], width: int) -> np.ndarray:
        return np.stack([np.broadcast_to(value, (*lead, width)) for value in values])

    power = stacked([o.reliability[..., None] for o in opinions], 1)
    place = stacked([o.valence_arousal for o in opinions], 2)
    precision = power * np.isfinite(place) / stacked([o.variance for o in opinions], 2)
    place = np.nan_to_num(place)
    total = precision.sum(axis=0)
    total = np.where(total > 0, total, np.nan)
    weights = precision / total
    mean = (weights * place).sum(axis=0)
    chi_square = (precision * (place - mean) ** 2).sum(axis=0)
    freedom = np.maximum((precision > 0).sum(axis=0) - 1, 1)
    return Fused(
        valence_arousal=mean,
        variance=np.maximum(1.0, chi_square / freedom) / total,
        emotion=_pooled(power, stacked([_floored(o.emotion) for o in opinions], len(EMOTIONS))),
        weights=dict(zip(names, weights, strict=True)),
        conflicts=tuple(
            _conflict(opinions[i], opinions[j]) for i, j in combinations(range(len(names)), 2)
        ),
    )


def calibrate(opinions: Sequence[Opinion], labels: np.ndarray) -> dict[str, float]:
    """How far each modality can be relied on, from labelled examples.

    The factors of the reliabilities under which :func:`fuse` gives the labels the highest
    likelihood; the problem is convex. An expert that is surer than it is right gets less than 1,
    one that knows nothing gets 0.

    Args:
        opinions: one a modality, each of ``N`` examples; NaN where it is missing.
        labels: int ``[N]``, indices into :data:`recognizer.facs.EMOTIONS`.

    Returns:
        Modality → 0..1.

    Raises:
        ValueError: shapes disagree, or there is no example.
    """
    from scipy.optimize import minimize

    labels = np.asarray(labels)
    if labels.ndim != 1 or len(labels) == 0:
        raise ValueError(f"labels must be [N] with N above 0, got {list(labels.shape)}")
    for opinion in opinions:
        if opinion.emotion.shape != (len(labels), len(EMOTIONS)):
            raise ValueError(f"{opinion.modality} must have {len(labels)} examples")
    beliefs = np.stack([np.nan_to_num(_floored(o.emotion), nan=1.0) for o in opinions])
    evidence = np.stack([o.reliability[:, None] for o in opinions]) * np.log(beliefs)
    of_label = evidence[:, np.arange(len(labels)), labels]

    def loss(factors: np.ndarray) -> tuple[float, np.ndarray]:
        score = np.tensordot(factors, evidence, 1)
        top = score.max(axis=1, keepdims=True)
        mass = np.exp(score - top)
        total = mass.sum(axis=1, keepdims=True)
        expected = (mass / total * evidence).sum(axis=2)
        likelihood = factors @ of_label - (top + np.log(total))[:, 0]
        return -likelihood.mean(), (expected - of_label).mean(axis=1)

    start = np.full(len(opinions), 0.5)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, 1)] * len(start))
    return {o.modality: float(r) for o, r in zip(opinions, found.x, strict=True)}


def _conflict(a: Opinion, b: Opinion) -> Conflict:
    """NaN where either does not know."""
    with np.errstate(divide="ignore"):
        spread = np.sqrt(
            a.variance / a.reliability[..., None] + b.variance / b.reliability[..., None]
        )
    distance = np.abs(a.valence_arousal - b.valence_arousal) / spread
    known = np.minimum(a.reliability, b.reliability)
    divergence = known * _jensen_shannon(_floored(a.emotion), _floored(b.emotion))
    return Conflict((a.modality, b.modality), distance, divergence)


def _pooled(power: np.ndarray, beliefs: np.ndarray) -> np.ndarray:
    """Logarithmic opinion pool: powers ``[M, ..., 1]``, probabilities ``[M, ..., 8]``."""
    power = power * np.isfinite(beliefs).all(axis=-1, keepdims=True)
    score = (power * np.log(np.nan_to_num(beliefs, nan=1.0))).sum(axis=0)
    pooled = np.exp(score - score.max(axis=-1, keepdims=True))
    spoken = (power > 0).any(axis=0)
    return np.where(spoken, pooled / pooled.sum(axis=-1, keepdims=True), np.nan)


def _floored(emotion: np.ndarray) -> np.ndarray:
    return (1 - FLOOR) * emotion + FLOOR / len(EMOTIONS)


def _jensen_shannon(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    middle = (p + q) / 2
    return ((p * np.log2(p / middle) + q * np.log2(q / middle)) / 2).sum(axis=-1)
