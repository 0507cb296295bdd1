"""Linear detectors: speech features → log-odds that something is heard in a frame.

Logistic regression on principal components of neighbouring frames. Few directions and a penalty
are what lets a detector that was fitted on some voices work on others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gen.audio.ridge import NeighbourRidge


@dataclass
class DetectorConfig:
    """How a detector is fitted; a YAML file has these keys.

    Attributes:
        seed: of what is synthesised.
        components: principal components of the speech features that are kept.
        reach: neighbouring frames on either side.
        strength: inverse of the penalty of the logistic regression.
        stride: of the frames that count the fit sees every so many; neighbours are much alike.
        balanced: whether both answers count the same, however often they are right.
        held_out: every so many sources are left out for the figures; the detector is then fitted
            on all.
    """

    seed: int = 11
    components: int = 128
    reach: int = 2
    strength: float = 1e-3
    stride: int = 1
    balanced: bool = False
    held_out: int = 4


@dataclass
class Heard:
    """One sound: its source (a voice), speech features ``[T, D]``, and by frame whether the
    detector should answer yes and whether the frame counts (bool ``[T]``)."""

    source: str
    features: np.ndarray
    truth: np.ndarray
    counts: np.ndarray


def fit_detector(sounds: Sequence[Heard], config: DetectorConfig) -> NeighbourRidge:
    """Fit on the frames that count.

    Returns:
        Speech features → log-odds ``[T, 1]``, as one linear map.

    Raises:
        ValueError: all these frames have the same answer.
    """
    from sklearn.linear_model import LogisticRegression

    features = np.concatenate([sound.features for sound in sounds])
    mean, scale = features.mean(0), features.std(0) + 1e-3
    _, axes = np.linalg.eigh(np.cov(((features - mean) / scale).T))
    axes = axes[:, : -config.components - 1 : -1]

    def around(sound: Heard) -> np.ndarray:
        part = ((sound.features - mean) / scale) @ axes
        padded = np.pad(part, ((config.reach,) * 2, (0, 0)), mode="edge")
        shifts = range(2 * config.reach + 1)
        seen = np.flatnonzero(sound.counts)[:: config.stride]
        return np.concatenate([padded[i + seen] for i in shifts], axis=1)

    truth = np.concatenate([sound.truth[sound.counts][:: config.stride] for sound in sounds])
    if truth.all() or not truth.any():
        raise ValueError("the sounds hold nothing of what is to be heard, or nothing else")
    model = LogisticRegression(
        C=config.strength, max_iter=500, class_weight="balanced" if config.balanced else None
    )
    model.fit(np.concatenate([around(sound) for sound in sounds]), truth)
    weights = model.coef_.reshape(2 * config.reach + 1, -1) @ axes.T / scale
    rest = model.intercept_ - (weights @ mean).sum()
    return NeighbourRidge(weights[..., None].astype(np.float32), rest.astype(np.float32))


def judged(sounds: Sequence[Heard], config: DetectorConfig) -> tuple[np.ndarray, np.ndarray]:
    """The log-odds and the truth of the frames that count, of sources that were left out."""
    sources = sorted({sound.source for sound in sounds})
    left_out = set(sources[:: config.held_out])
    judge = fit_detector([sound for sound in sounds if sound.source not in left_out], config)
    strangers = [sound for sound in sounds if sound.source in left_out]
    odds = np.concatenate([judge(sound.features)[sound.counts, 0] for sound in strangers])
    return odds, np.concatenate([sound.truth[sound.counts] for sound in strangers])
