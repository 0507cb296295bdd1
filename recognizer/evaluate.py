"""Talking clips → figures: what was asked against what is shown, real clips beside made ones.

Every figure comes with its sample size, its interval, who measured it and, where there is one, the
floor that a perfect clip would get. What could not be measured says why; a file that could not be
read is named. Several systems are compared over the clips that they have in common.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from recognizer.evaluation.aggregate import aggregate
from recognizer.evaluation.coefficients import Given, attach
from recognizer.evaluation.comparison import EvaluatedClip, compare
from recognizer.evaluation.jobs import Failure, Job, Progress, perform_all
from recognizer.evaluation.measures import ClipMeasures
from recognizer.evaluation.pairs import compare_pairs
from recognizer.evaluation.pictures import COMPARED, IMAGE_MEASURES, why_not_framed, why_not_paired
from recognizer.evaluation.requests import Asked, ClipRequest, by_stem, films, short_names
from recognizer.evaluation.results import Evaluation, SystemsEvaluation

__all__ = [
    "Asked", "ClipRequest", "Evaluation", "Given", "SystemsEvaluation", "by_stem", "evaluate",
    "evaluate_systems", "films",
]  # fmt: skip


def evaluate(
    requests: Sequence[ClipRequest],
    references: Sequence[Path] = (),
    workers: int = 1,
    cache: Path | None = None,
    progress: Progress = lambda stage, done, total: None,
    syncnet: Path | None = None,
    given: Given | None = None,
    engine: str = "local",
) -> Evaluation:
    """Measure clips.

    Args:
        requests: which, and what belongs to each.
        references: real clips beside those that requests name; distances are from all of them.
        workers: processes or tasks at once.
        cache: an existing folder to remember the measures of each film in.
        progress: called as ``progress(stage, done, total)``.
        syncnet: weights of :class:`recognizer.metrics.syncnet.SyncNet`.
        given: coefficients of another tool beside the films, for an E-FID of their own.
        engine: what works (see :func:`recognizer.pool.run_all`).

    Raises:
        FileNotFoundError: there are no coefficients beside any film.
        ValueError: there is no clip, one is listed twice, none could be measured (the message has
            the first reason), or coefficients cannot be read.
    """
    if not requests:
        raise ValueError("there is no clip to evaluate")
    if len({request.clip for request in requests}) < len(requests):
        raise ValueError("a clip is listed twice")
    perform = functools.partial(
        perform_all, workers=workers, cache=cache, progress=progress, engine=engine
    )
    (clips,), films_, failed = _measure([requests], references, perform, syncnet)
    attach(given, films_ | {clip.request.clip: clip.measures for clip in clips})
    progress("comparing", 0, None)
    return _together(requests, clips, films_, failed, given)


def evaluate_systems(
    systems: Mapping[str, Sequence[ClipRequest]],
    references: Sequence[Path] = (),
    workers: int = 1,
    cache: Path | None = None,
    progress: Progress = lambda stage, done, total: None,
    syncnet: Path | None = None,
    given: Given | None = None,
    engine: str = "local",
) -> SystemsEvaluation:
    """Measure clips of several systems and compare each two over the clips that both have: clips
    of one name without ending.

    Args:
        systems: name → its clips, two systems or more.
        references, workers, cache, progress, syncnet, given, engine: as of :func:`evaluate`.

    Raises:
        FileNotFoundError: there are no coefficients beside any film.
        ValueError: fewer than two systems; a system has no clip or two of one name, or none of it
            could be measured; or coefficients cannot be read.
    """
    if len(systems) < 2:
        raise ValueError("name two systems or more to compare")
    for system, requests in systems.items():
        _check_names(system, requests)
    perform = functools.partial(
        perform_all, workers=workers, cache=cache, progress=progress, engine=engine
    )
    groups, films_, failed = _measure(list(systems.values()), references, perform, syncnet)
    clips = dict(zip(systems, groups, strict=True))
    made = {clip.request.clip: clip.measures for clip in chain(*groups)}
    attach(given, films_ | made)
    progress("comparing", 0, None)
    found = {}
    for system, requests in systems.items():
        try:
            found[system] = _together(requests, clips[system], films_, failed, given)
        except ValueError as error:
            raise ValueError(f"{system}: {error}") from error
    pairs = compare_pairs(clips, list(films_.values()))
    alone = [compare(ClipRequest(path), path.name, film) for path, film in films_.items()]
    real = aggregate(alone, [])[0] if alone else {}
    return SystemsEvaluation(found, pairs, real, failed)


def _check_names(system: str, requests: Sequence[ClipRequest]) -> None:
    if not requests:
        raise ValueError(f"{system} has no clip to evaluate")
    stems: dict[str, Path] = {}
    for request in requests:
        stem = request.clip.stem
        if stem in stems:
            raise ValueError(
                f"{system} has both {stems[stem]} and {request.clip}: names must differ"
            )
        stems[stem] = request.clip


def _together(requests, clips, films_, failed, given: Given | None) -> Evaluation:
    if not clips:
        files = {str(request.clip) for request in requests}
        first = next(one for one in failed if one["file"] in files)
        raise ValueError(f"no clip could be measured: {first['file']}: {first['reason']}")
    backend = None if given is None else given.backend
    metrics, reasons = aggregate(clips, list(films_.values()), backend)
    return Evaluation(clips, films_, metrics, reasons, failed)


def _measure(
    groups: Sequence[Sequence[ClipRequest]],
    references: Sequence[Path],
    perform: Callable[..., dict],
    syncnet: Path | None,
) -> tuple[list[list[EvaluatedClip]], dict[Path, ClipMeasures], list[dict[str, str]]]:
    """Clips of each group, the real films that could be measured, and what failed."""
    requests = list(chain(*groups))
    # Of the same person as the clip that names it, a reference is read relative to the same rest.
    people = dict.fromkeys(references) | {r.reference: r.person for r in requests if r.reference}
    own = [[Job("film", (r.clip, r.audio, r.person, syncnet)) for r in group] for group in groups]
    theirs = {path: Job("film", (path, None, rest, syncnet)) for path, rest in people.items()}
    faces = {r.portrait: Job("portrait", (r.portrait,)) for r in requests if r.portrait}
    jobs = [*chain(*own), *theirs.values()]
    found = perform(jobs, stage="measuring")
    found |= perform(faces.values(), stage="looking at portraits")
    failed = _failures([*jobs, *faces.values()], found)

    def known(job: Job | None):
        return None if job is None or isinstance(found[job], Failure) else found[job]

    for job in jobs:
        if known(job) is not None and "rest" in found[job].reasons:
            told = {"file": str(job.files[2]), "reason": found[job].reasons["rest"]}
            failed += [told] if told not in failed else []
    clips = []
    for group, mine in zip(groups, own, strict=True):
        names = short_names([request.clip for request in group])
        clips.append([
            compare(
                r, names[r.clip], known(job), known(theirs.get(r.reference)),
                known(faces.get(r.portrait)),
            )
            for r, job in zip(group, mine, strict=True)
            if known(job) is not None
        ])  # fmt: skip
    _compare_pictures(list(chain(*clips)), perform, failed)
    films_ = {path: known(job) for path, job in theirs.items() if known(job) is not None}
    return clips, films_, failed


def _compare_pictures(clips, perform: Callable[..., dict], failed) -> None:
    jobs: dict[int, Job] = {}
    for i, clip in enumerate(clips):
        real, made = clip.reference, clip.measures
        if real is None or why_not_paired(made, real) or why_not_framed(made, real):
            continue
        pair = (clip.request.clip, clip.request.reference)
        jobs[i] = Job("pictures", pair, min(len(made), len(real)))
    found = perform(jobs.values(), stage="comparing pictures")
    failed += _failures(list(jobs.values()), found)
    for i, job in jobs.items():
        clip = clips[i]
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
