"""Figures of a set of clips that are no means over clips: accuracies, concordances, distances.

Each knows what it needs of a clip, so that clips can be drawn anew for an interval, or in pairs to
compare two systems, without measuring anything again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recognizer.evaluation.catalogue import FPS
from recognizer.evaluation.comparison import EvaluatedClip
from recognizer.evaluation.measures import ClipMeasures
from recognizer.metrics.agreement import concordance
from recognizer.metrics.dynamics import MOTION_REGIONS, moment_ratios, motion_moments
from recognizer.metrics.emotion import emotion_accuracy, emotion_confusion
from recognizer.metrics.expression import action_unit_concordance
from recognizer.metrics.frechet import (
    delta_frechet_distance,
    expression_frechet_distance,
    expression_kernel_distance,
    trajectory_frechet_distance,
)
from recognizer.metrics.theval import GROUND_TRUTH, theval_scores

_COEFFICIENTS = 52
#: Measures of coefficients that another tool read.
GIVEN = ("e_fid_given", "delta_e_fid_given")
_BESIDE = "clips or real clips have no coefficients beside them"
NO_REFERENCES = "there are no reference clips"


@dataclass(frozen=True)
class Pooled:
    """Figures that a set of clips has together.

    Attributes:
        names: of the figures.
        row: what a clip adds; None where it adds nothing.
        figure: rows of the clips, rows of the real clips → name → figure (NaN: undefined).
        real: what a real clip adds; None where the figures need no real clips.
        draws: of the bootstrap.
        lacking: why there may be no figure.
        distance: the same as a function of two sets of rows, if it is a distance.
        ordered: whether rows are frames of a clip in their order.
    """

    names: tuple[str, ...]
    row: Callable[[EvaluatedClip], object]
    figure: Callable[[Sequence, Sequence], Mapping[str, float]]
    real: Callable[[ClipMeasures], object] | None = None
    draws: int = 100
    lacking: str = ""
    distance: Callable[[Sequence, Sequence], float] | None = None
    ordered: bool = False

    def real_rows(self, references: Sequence[ClipMeasures]) -> list:
        """What the real clips add; without those that add nothing."""
        rows = [self.real(one) for one in references] if self.real else []
        return [row for row in rows if row is not None]

    def values(self, rows: Sequence, real: Sequence) -> dict[str, float]:
        """The figures; all NaN where rows are lacking."""
        if not rows or (self.real and not real):
            return dict.fromkeys(self.names, np.nan)
        return dict(self.figure(rows, real))

    def drawn(self, rows: Sequence, real: Sequence, draws: int) -> np.ndarray:
        """Figures ``[draws, names]`` of clips drawn anew, with replacement, and of the real clips
        with them. Sets of one length are drawn alike, so that their rows stay in pairs."""
        random = np.random.default_rng(0)
        found = np.full((draws, len(self.names)), np.nan)
        for one in found:
            chosen = random.integers(len(rows), size=len(rows))
            again = [real[i] for i in random.integers(len(real), size=len(real))] if real else []
            values = self.values([rows[i] for i in chosen], again)
            one[:] = [values[name] for name in self.names]
        return found


def _confusion(clip: EvaluatedClip) -> np.ndarray | None:
    if clip.asked is None:
        return None
    confusion, _ = emotion_confusion(clip.measures.emotion, clip.asked.emotion_labels())
    return confusion if confusion.any() else None


def _units(clip: EvaluatedClip):
    return None if clip.asked is None else (clip.measures.aus, clip.asked.aus)


def _unit_figures(rows: Sequence, _) -> dict[str, float]:
    mean = action_unit_concordance(*map(np.concatenate, zip(*rows, strict=True)))["mean"]
    return {f"au_{key}": mean[key] for key in ("ccc", "icc", "f1")}


def _place(clip: EvaluatedClip):
    if clip.asked is None:
        return None
    return clip.measures.valence_arousal, clip.asked.valence_arousal


def _place_figures(rows: Sequence, _) -> dict[str, float]:
    shown, asked = map(np.concatenate, zip(*rows, strict=True))
    return {
        f"{name}_ccc": concordance(shown[:, i], asked[:, i])
        for i, name in enumerate(("valence", "arousal"))
    }


def theval_row(measures: ClipMeasures) -> np.ndarray:
    """Raw measures ``[5]`` in the order of :data:`GROUND_TRUTH`; NaN where undefined."""
    return np.array([measures.scalars.get(name, np.nan) for name in GROUND_TRUTH])


def _theval_figures(rows: Sequence, _) -> dict[str, float]:
    known = [column[np.isfinite(column)] for column in np.array(rows).T]
    means = [float(column.mean()) if len(column) else None for column in known]
    scores = theval_scores(dict(zip(GROUND_TRUTH, means, strict=True)))
    return {
        f"theval_{name}": np.nan if scores[name] is None else scores[name]
        for name in ("naturalness", "synchronization", "score")
    }


def _liveliness(region: str) -> Pooled:
    columns = list(MOTION_REGIONS[region])

    def moments(measures: ClipMeasures) -> tuple[float, float]:
        return motion_moments(measures.motion_at(FPS)[:, columns])

    def ratios(rows: Sequence, real: Sequence) -> dict[str, float]:
        found = moment_ratios(np.array(rows), np.array(real))
        return {f"{key}_{region}": value for key, value in found.items()}

    return Pooled(
        (f"std_r_{region}", f"vc_r_{region}"), lambda clip: moments(clip.measures), ratios, moments,
        1000, "the real clips do not move there, or clips are too short",
    )  # fmt: skip


def _frames(measures: ClipMeasures) -> np.ndarray | None:
    rows = measures.motion_at(FPS)[:, :_COEFFICIENTS]
    return rows if len(rows) > 1 else None


def _history(measures: ClipMeasures) -> np.ndarray | None:
    return measures.history if len(measures.history) > 1 else None


def _given(measures: ClipMeasures) -> np.ndarray | None:
    return measures.coefficients if len(measures.coefficients) > 1 else None


def _distance(
    name: str, distance: Callable, features: Callable, draws: int = 100, ordered: bool = True,
    lacking: str = "the clips are too short",
) -> Pooled:  # fmt: skip
    return Pooled(
        (name,), lambda clip: features(clip.measures),
        lambda rows, real: {name: distance(rows, real)}, features, draws, lacking, distance,
        ordered,
    )  # fmt: skip


POOLED: tuple[Pooled, ...] = (
    Pooled(("emotion_accuracy",), _confusion,
           lambda rows, _: {"emotion_accuracy": emotion_accuracy(sum(rows))["accuracy"]}),
    Pooled(("au_ccc", "au_icc", "au_f1"), _units, _unit_figures),
    Pooled(("valence_ccc", "arousal_ccc"), _place, _place_figures),
    _distance("e_fid", expression_frechet_distance, _frames),
    _distance("e_kid", expression_kernel_distance, _frames, 30),
    _distance("delta_e_fid", delta_frechet_distance, _frames),
    _distance("trajectory_fid", trajectory_frechet_distance, _frames, 20),
    _distance("landmark_motion_fid", expression_frechet_distance, _history, ordered=False),
    _distance("e_fid_given", expression_frechet_distance, _given, lacking=_BESIDE),
    _distance("delta_e_fid_given", delta_frechet_distance, _given, lacking=_BESIDE),
    *map(_liveliness, MOTION_REGIONS),
    Pooled(("theval_naturalness", "theval_synchronization", "theval_score"),
           lambda clip: theval_row(clip.measures), _theval_figures,
           lacking="none of its measures is defined"),
)  # fmt: skip
