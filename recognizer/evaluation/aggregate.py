"""All clips together: means with intervals, distances with floors, real clips beside."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from recognizer.evaluation.catalogue import FPS, METRICS, OWN
from recognizer.evaluation.comparison import NOT_GIVEN, EvaluatedClip
from recognizer.evaluation.measures import ClipMeasures
from recognizer.evaluation.reading import lips_with
from recognizer.facs import EMOTIONS
from recognizer.metrics.agreement import concordance, pearson
from recognizer.metrics.dynamics import MOTION_REGIONS, Liveliness
from recognizer.metrics.emotion import emotion_accuracy, emotion_confusion
from recognizer.metrics.expression import action_unit_concordance
from recognizer.metrics.extras import UnavailableError
from recognizer.metrics.frechet import (
    bootstrap_distance,
    delta_frechet_distance,
    expression_frechet_distance,
    expression_kernel_distance,
    real_floor,
    shuffled_in_time,
    trajectory_frechet_distance,
)
from recognizer.metrics.sampling import summarize
from recognizer.metrics.theval import GROUND_TRUTH, theval_scores

_COEFFICIENTS = 52
#: Distance, draws of its bootstrap, and whether its rows are frames that can be shuffled.
_DISTANCES: dict[str, tuple[Callable, int, bool]] = {
    "e_fid": (expression_frechet_distance, 100, True),
    "e_kid": (expression_kernel_distance, 30, True),
    "delta_e_fid": (delta_frechet_distance, 100, True),
    "trajectory_fid": (trajectory_frechet_distance, 20, True),
    "landmark_motion_fid": (expression_frechet_distance, 100, False),
}
_FLOOR_DRAWS = 20
_POOL_DRAWS = 100
#: Other clips whose sound each clip's lips are held against.
_SWAPS = 10
#: Loudness that correlates like this is that of the same sound, encoded again.
_SAME_SOUND = 0.95


def aggregate(
    clips: Sequence[EvaluatedClip], references: Sequence[ClipMeasures]
) -> tuple[dict[str, dict], dict[str, str]]:
    """Figures over all clips.

    A mean over clips comes with the bootstrap interval of the mean and, of what a film has by
    itself, the same of the references (``reference``). Concordances and accuracies are of the
    frames of all clips together; clips are drawn anew for their intervals.

    Args:
        clips: one or more.
        references: measures of the real clips.

    Returns:
        Name → ``{"value", "n", "ci95", "backend", …}``, and name → why there is none.
    """
    metrics, reasons = _means(clips, references)
    for part in (_pooled(clips), _distances(clips, references), _liveliness(clips, references),
                 _theval(clips, references)):  # fmt: skip
        metrics.update(part[0])
        for name in part[0]:
            reasons.pop(name, None)
        reasons.update(part[1])
    swapped = swapped_sound([clip.measures for clip in clips])
    if len(swapped) and "lip_audio_r_best" in metrics:
        low, high = np.quantile(swapped, (0.025, 0.975)).tolist()
        metrics["lip_audio_r_best"]["floor"] = {
            "mean": float(np.mean(swapped)), "low": low, "high": high, "of": "other clips' sound",
        }  # fmt: skip
    ordered = {name: metrics[name] for name in METRICS if name in metrics}
    return ordered, {name: reasons[name] for name in METRICS if name in reasons}


def entry(name: str, value: float, n: int, ci95, **more) -> dict:
    """A figure as the JSON has it."""
    interval = None if ci95 is None else list(ci95)
    return {"value": value, "n": n, "ci95": interval, "backend": METRICS[name].backend} | more


def swapped_sound(clips: Sequence[ClipMeasures]) -> np.ndarray:
    """Correlation at the best lag of lips with the sound of other clips; one for each pair.

    Clips that speak the same sound are no control of each other.
    """
    heard = [clip for clip in clips if len(clip.volume)]
    values = [
        lips_with(clip, other.volume)[0]
        for i, clip in enumerate(heard)
        for other in _others(heard, i)[:_SWAPS]
    ]
    values = np.array(values, np.float64)
    return values[np.isfinite(values)]


def _others(heard: Sequence[ClipMeasures], i: int) -> list[ClipMeasures]:
    return [
        other
        for other in (*heard[i + 1 :], *heard[:i])
        if not pearson(heard[i].volume, np.resize(other.volume, len(heard[i]))) > _SAME_SOUND
    ]


def _means(clips, references) -> tuple[dict, dict]:
    metrics, reasons = {}, {}
    for name in METRICS:
        summary = summarize([clip.metrics.get(name, (np.nan, 0))[0] for clip in clips])
        why = [clip.reasons[name] for clip in clips if name in clip.reasons]
        if summary["value"] is None:
            if why:
                telling = [reason for reason in why if reason not in NOT_GIVEN] or why
                reasons[name] = max(sorted(set(telling)), key=telling.count)
            continue
        metrics[name] = entry(name, summary["value"], summary["n"], summary["ci95"],
                              undefined=summary["undefined"])  # fmt: skip
        if name in OWN and references:
            real = summarize([one.scalars.get(name, np.nan) for one in references])
            if real["value"] is not None:
                metrics[name]["reference"] = {k: real[k] for k in ("value", "n", "ci95")}
    return metrics, reasons


def _bootstrapped(rows: Sequence, figure: Callable[[Sequence], float]):
    """A figure of all rows, and its interval when rows are drawn anew."""
    value = figure(rows)
    if len(rows) < 2 or not np.isfinite(value):
        return value, None
    random = np.random.default_rng(0)
    drawn = [
        figure([rows[i] for i in random.integers(len(rows), size=len(rows))])
        for _ in range(_POOL_DRAWS)
    ]
    drawn = [x for x in drawn if np.isfinite(x)]
    return value, np.quantile(drawn, (0.025, 0.975)).tolist() if drawn else None


def _pooled(clips: Sequence[EvaluatedClip]) -> tuple[dict, dict]:
    asked = [clip for clip in clips if clip.asked is not None]
    metrics: dict[str, dict] = {}
    if not asked:
        return metrics, {}

    def put(name: str, rows: Sequence, figure: Callable, **more) -> None:
        value, interval = _bootstrapped(rows, figure) if rows else (np.nan, None)
        if np.isfinite(value):
            metrics[name] = entry(name, value, len(rows), interval, **more)

    confusions = [
        emotion_confusion(clip.measures.emotion, clip.asked.emotion_labels())[0] for clip in asked
    ]
    confusions = [confusion for confusion in confusions if confusion.any()]
    put("emotion_accuracy", confusions, lambda rows: emotion_accuracy(sum(rows))["accuracy"],
        chance=1 / len(EMOTIONS))  # fmt: skip
    if "emotion_accuracy" in metrics:
        metrics["emotion_accuracy"]["confusion"] = sum(confusions).tolist()
        metrics["emotion_accuracy"]["labels"] = list(EMOTIONS)
    units = [(clip.measures.aus, clip.asked.aus) for clip in asked]
    for key in ("ccc", "icc", "f1"):

        def mean(rows, key=key) -> float:
            return action_unit_concordance(*map(np.concatenate, zip(*rows, strict=True)))["mean"][
                key
            ]

        put(f"au_{key}", units, mean)
    for column, name in enumerate(("valence", "arousal")):
        pairs = [
            (clip.measures.valence_arousal[:, column], clip.asked.valence_arousal[:, column])
            for clip in asked
        ]
        put(f"{name}_ccc", pairs,
            lambda rows: concordance(*map(np.concatenate, zip(*rows, strict=True))))  # fmt: skip
    return metrics, {}


def _distances(clips, references) -> tuple[dict, dict]:
    metrics, reasons = {}, {}
    for name, (distance, draws, ordered) in _DISTANCES.items():
        if not references:
            reasons[name] = "there are no reference clips"
            continue
        made, real = (
            [_features(one, ordered) for one in set_]
            for set_ in ([clip.measures for clip in clips], references)
        )
        made, real = ([one for one in set_ if len(one) > 1] for set_ in (made, real))
        value = distance(made, real) if made and real else np.nan
        if not np.isfinite(value):
            reasons[name] = "the clips are too short"
            continue
        floor = real_floor(real, distance, _FLOOR_DRAWS)
        metrics[name] = entry(
            name, value, len(made), bootstrap_distance(made, real, distance, draws),
            n_real=len(real), floor=floor and floor | {"of": "halves of the real clips"},
        )  # fmt: skip
        if ordered:
            metrics[name]["shuffled"] = distance(shuffled_in_time(made), real)
    return metrics, reasons


def _features(measures: ClipMeasures, ordered: bool) -> np.ndarray:
    return measures.motion_at(FPS)[:, :_COEFFICIENTS] if ordered else measures.history


def _liveliness(clips, references) -> tuple[dict, dict]:
    metrics, reasons = {}, {}
    for region, columns in MOTION_REGIONS.items():
        names = {key: f"{key}_{region}" for key in ("std_r", "vc_r")}
        if not references:
            reasons.update(dict.fromkeys(names.values(), "there are no reference clips"))
            continue
        try:
            metric = Liveliness()
        except UnavailableError as error:
            reasons.update(dict.fromkeys(names.values(), str(error)))
            continue
        for set_, real in (([clip.measures for clip in clips], False), (references, True)):
            for one in set_:
                metric.update(one.motion_at(FPS)[:, list(columns)], real)
        for key, summary in metric.compute().items():
            if summary["value"] is None:
                reasons[names[key]] = "the real clips do not move there, or clips are too short"
            else:
                metrics[names[key]] = entry(
                    names[key], summary["value"], summary["n"], summary["ci95"],
                    reference={"value": 1.0, "n": len(references), "ci95": None},
                )  # fmt: skip
    return metrics, reasons


def _theval(clips, references) -> tuple[dict, dict]:
    def scores(rows: Sequence[ClipMeasures]) -> dict[str, float]:
        means = {
            name: summarize([row.scalars.get(name, np.nan) for row in rows])["value"]
            for name in GROUND_TRUTH
        }
        found = theval_scores(means)
        return {k: np.nan if v is None else v for k, v in found.items() if k not in GROUND_TRUTH}

    metrics, reasons = {}, {}
    rows = [clip.measures for clip in clips]
    real = scores(references) if references else {}
    random = np.random.default_rng(0)
    drawn = [
        scores([rows[i] for i in random.integers(len(rows), size=len(rows))])
        for _ in range(_POOL_DRAWS if len(rows) > 1 else 0)
    ]
    for key, value in scores(rows).items():
        name = f"theval_{key}"
        if not np.isfinite(value):
            reasons[name] = "none of its measures is defined"
            continue
        sample = [row[key] for row in drawn if np.isfinite(row[key])]
        interval = np.quantile(sample, (0.025, 0.975)).tolist() if sample else None
        metrics[name] = entry(name, value, len(rows), interval)
        if np.isfinite(real.get(key, np.nan)):
            metrics[name]["reference"] = {"value": real[key], "n": len(references), "ci95": None}
    return metrics, reasons
