"""Talking clips → figures: what was asked against what is shown, real clips beside made ones.

Every figure comes with its sample size, its interval, who measured it and, where there is one, the
floor that a perfect clip would get. What could not be measured says why; a file that could not be
read is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recognizer.evaluation.aggregate import aggregate, entry
from recognizer.evaluation.comparison import EvaluatedClip, compare
from recognizer.evaluation.jobs import Failure, Job, Progress, perform_all
from recognizer.evaluation.measures import ClipMeasures
from recognizer.evaluation.pictures import COMPARED, IMAGE_MEASURES, why_not_framed, why_not_paired
from recognizer.evaluation.requests import Asked, ClipRequest, by_stem, films, short_names
from recognizer.facs import AU_NAMES, EMOTIONS

__all__ = ["Asked", "ClipRequest", "Evaluation", "by_stem", "evaluate", "films"]
_DIGITS = 6


@dataclass
class Evaluation:
    """What was found.

    Attributes:
        clips: those that could be measured.
        references: the real clips, by file.
        metrics: name → ``{"value", "n", "ci95", "backend", …}`` over all clips.
        unavailable: name → why there is no figure.
        failed: file and reason of what could not be measured.
    """

    clips: list[EvaluatedClip]
    references: dict[Path, ClipMeasures]
    metrics: dict[str, dict]
    unavailable: dict[str, str]
    failed: list[dict[str, str]]

    def to_json(self) -> dict:
        """JSON's types alone: ``clips``, ``aggregate``, ``unavailable``, ``failed``,
        ``references``; numbers have six digits, and none is NaN."""
        return _plain(
            {
                "clips": [_clip(clip) for clip in self.clips],
                "aggregate": self.metrics,
                "unavailable": self.unavailable,
                "failed": self.failed,
                "references": list(short_names(list(self.references)).values()),
            }
        )


def evaluate(
    requests: Sequence[ClipRequest],
    references: Sequence[Path] = (),
    workers: int = 1,
    cache: Path | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> Evaluation:
    """Measure clips.

    Args:
        requests: which, and what belongs to each.
        references: real clips beside those that requests name; distances are from all of them.
        workers: processes.
        cache: an existing folder to remember the measures of each film in.
        progress: called as ``progress(stage, done, total)``.

    Raises:
        ValueError: there is no clip, one is listed twice, or none could be measured (the message
            has the first reason).
    """
    if not requests:
        raise ValueError("there is no clip to evaluate")
    names = short_names([request.clip for request in requests])
    if len(names) < len(requests):
        raise ValueError("a clip is listed twice")
    real = dict.fromkeys([*references, *(r.reference for r in requests if r.reference)])
    own = {request.clip: Job("film", (request.clip, request.audio)) for request in requests}
    theirs = {path: Job("film", (path, None)) for path in real}
    faces = {r.portrait: Job("portrait", (r.portrait,)) for r in requests if r.portrait}
    jobs = [*own.values(), *theirs.values()]
    found = perform_all(jobs, workers, cache, progress, "measuring")
    found |= perform_all(faces.values(), workers, cache, progress, "looking at portraits")
    failed = _failures([*jobs, *faces.values()], found)
    measured = [r for r in requests if not isinstance(found[own[r.clip]], Failure)]
    if not measured:
        raise ValueError(f"no clip could be measured: {failed[0]['file']}: {failed[0]['reason']}")

    def known(job: Job | None):
        return None if job is None or isinstance(found[job], Failure) else found[job]

    clips = [
        compare(
            r, names[r.clip], found[own[r.clip]],
            known(theirs.get(r.reference)), known(faces.get(r.portrait)),
        )
        for r in measured
    ]  # fmt: skip
    _compare_pictures(clips, workers, cache, progress, failed)
    films_ = {path: known(job) for path, job in theirs.items() if known(job) is not None}
    progress("comparing", 0, None)
    metrics, reasons = aggregate(clips, list(films_.values()))
    return Evaluation(clips, films_, metrics, reasons, failed)


def _compare_pictures(clips, workers, cache, progress, failed) -> None:
    jobs: dict[Job, EvaluatedClip] = {}
    for clip in clips:
        real, made = clip.reference, clip.measures
        if real is None or why_not_paired(made, real) or why_not_framed(made, real):
            continue
        pair = (clip.request.clip, clip.request.reference)
        jobs[Job("pictures", pair, min(len(made), len(real)))] = clip
    found = perform_all(jobs, workers, cache, progress, "comparing pictures")
    failed += _failures(list(jobs), found)
    for job, clip in jobs.items():
        if isinstance(found[job], Failure):
            clip.reasons.update(dict.fromkeys(IMAGE_MEASURES, found[job].reason))
            continue
        figures, reasons = found[job]
        clip.reasons.update(reasons)
        for name, value in figures.items():
            clip.put(name, value, min(job.frames, COMPARED), "the pictures could not be compared")


def _failures(jobs: Sequence[Job], found: dict) -> list[dict[str, str]]:
    return [
        {"file": str(job.files[0]), "reason": found[job].reason}
        for job in dict.fromkeys(jobs)
        if isinstance(found[job], Failure)
    ]


def _clip(clip: EvaluatedClip) -> dict:
    request, measures = clip.request, clip.measures
    seen = measures.success
    emotion = measures.emotion[seen].mean(axis=0)
    valence, arousal = measures.valence_arousal[seen].mean(axis=0)
    return {
        "clip": clip.name,
        "file": str(request.clip),
        **{
            name: None if getattr(request, name) is None else str(getattr(request, name))
            for name in ("reference", "audio", "portrait")
        },
        "asked": None if request.asked is None else request.asked.name,
        "frames": len(measures),
        "fps": measures.fps,
        "shown": {
            "strongest": EMOTIONS[int(emotion.argmax())],
            "emotion": dict(zip(EMOTIONS, emotion, strict=True)),
            "valence": valence,
            "arousal": arousal,
            "aus": dict(zip(AU_NAMES, measures.aus[seen].mean(axis=0), strict=True)),
        },
        "metrics": {name: entry(name, value, n, None) for name, (value, n) in clip.metrics.items()},
        "unavailable": clip.reasons,
        "worst": clip.worst,
    }


def _plain(value):
    """JSON's types; what is not finite is None."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None
    return value
