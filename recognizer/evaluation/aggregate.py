"""All clips together: means with intervals, distances with floors, real clips beside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recognizer.evaluation.catalogue import METRICS, OWN
from recognizer.evaluation.comparison import NOT_GIVEN, EvaluatedClip
from recognizer.evaluation.measures import ClipMeasures
from recognizer.evaluation.pooled import GIVEN, NO_REFERENCES, POOLED, Pooled, theval_row
from recognizer.evaluation.reading import lips_with
from recognizer.facs import EMOTIONS
from recognizer.metrics.agreement import pearson
from recognizer.metrics.frechet import real_floor, shuffled_in_time
from recognizer.metrics.sampling import summarize
from recognizer.metrics.theval import GROUND_TRUTH

_FLOOR_DRAWS = 20
#: Other clips whose sound each clip's lips are held against.
_SWAPS = 10
#: Loudness that correlates like this is that of the same sound, encoded again.
_SAME_SOUND = 0.95


def aggregate(
    clips: Sequence[EvaluatedClip], references: Sequence[ClipMeasures], given: str | None = None
) -> tuple[dict[str, dict], dict[str, str]]:
    """Figures over all clips.

    A mean over clips comes with the bootstrap interval of the mean and, of what a film has by
    itself, the same of the references (``reference``). Concordances and accuracies are of the
    frames of all clips together; clips are drawn anew for their intervals.

    Args:
        clips: one or more.
        references: measures of the real clips.
        given: who read the coefficients that the films were given.

    Returns:
        Name → ``{"value", "n", "ci95", "backend", …}``, and name → why there is none.
    """
    metrics, reasons = _means(clips, references)
    for pooled in POOLED:
        found, lacking = _pooled(pooled, clips, references)
        metrics.update(found)
        reasons = {name: why for name, why in reasons.items() if name not in found} | lacking
    for name in GIVEN:
        if given is None:
            reasons[name] = "no coefficients of another tool are given: --coefficients"
        elif name in metrics:
            metrics[name]["backend"] = given
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
        theirs = [one.scalars.get(name, np.nan) for one in references] if name in OWN else []
        real = summarize(theirs or [clip.beside.get(name, np.nan) for clip in clips])
        if real["value"] is not None:
            metrics[name]["reference"] = {k: real[k] for k in ("value", "n", "ci95")}
        if name in GROUND_TRUTH:
            metrics[name]["published"] = GROUND_TRUTH[name]
    return metrics, reasons


def _pooled(
    pooled: Pooled, clips: Sequence[EvaluatedClip], references: Sequence[ClipMeasures]
) -> tuple[dict, dict]:
    rows = [row for row in map(pooled.row, clips) if row is not None]
    real = pooled.real_rows(references)
    lacking = NO_REFERENCES if pooled.real and not references else pooled.lacking
    drawn = np.zeros((0, len(pooled.names)))
    values = pooled.values(rows, real)
    if min(len(rows), len(real) if pooled.real else len(rows)) > 1:
        drawn = pooled.drawn(rows, real, pooled.draws)
    metrics, reasons = {}, {}
    for i, name in enumerate(pooled.names):
        if np.isfinite(values[name]):
            metrics[name] = entry(name, values[name], len(rows), _interval(drawn[:, i]))
        elif lacking:
            reasons[name] = lacking
    for name, row in metrics.items():
        row.update(_beside(pooled, name, rows, real, references))
    return metrics, reasons


def _interval(sample: np.ndarray) -> list[float] | None:
    sample = sample[np.isfinite(sample)]
    return np.quantile(sample, (0.025, 0.975)).tolist() if len(sample) else None


def _beside(pooled: Pooled, name: str, rows, real, references) -> dict:
    """What stands beside a pooled figure: chance, floor, the real clips."""
    if name == "emotion_accuracy":
        return {"chance": 1 / len(EMOTIONS), "confusion": sum(rows).tolist(),
                "labels": list(EMOTIONS)}  # fmt: skip
    if pooled.distance:
        floor = real_floor(real, pooled.distance, _FLOOR_DRAWS)
        more = {"n_real": len(real), "floor": floor and floor | {"of": "halves of the real clips"}}
        if pooled.ordered:
            more["shuffled"] = pooled.distance(shuffled_in_time(rows), real)
        return more
    if pooled.real:  # a ratio to the real clips
        return {"reference": {"value": 1.0, "n": len(real), "ci95": None}}
    if name.startswith("theval") and references:
        theirs = pooled.values([theval_row(one) for one in references], [])[name]
        if np.isfinite(theirs):
            return {"reference": {"value": theirs, "n": len(references), "ci95": None}}
    return {}
