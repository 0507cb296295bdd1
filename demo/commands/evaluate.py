"""``facewright evaluate``: clips in, a report with figures and their worth out."""

from __future__ import annotations

import glob
import json as jsonlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import typer

from demo.checks import in_range, writable
from demo.clip_requests import requests_of
from demo.progress import progress_bar
from recognizer.evaluate import (
    Evaluation,
    Given,
    SystemsEvaluation,
    evaluate,
    evaluate_systems,
    films,
)
from recognizer.evaluation.catalogue import METRICS
from recognizer.evaluation.selftest import Subject, selftest
from recognizer.facs import EMOTIONS
from recognizer.files import write_whole
from recognizer.metrics.syncnet import SyncNet
from recognizer.pool import require_engine
from recognizer.report import write_report


def run(
    clips: list[Path], *, system: list[str], reference: list[Path], audio: Path | None,
    portrait: Path | None, rest: Path | None, emotion: str | None, timeline: Path | None,
    syncnet: Path | None, coefficients: str | None, output: Path | None, json: Path | None,
    workers: int | None, engine: str, cache: Path | None, controls: bool,
) -> None:  # fmt: skip
    """See ``facewright evaluate --help``."""
    if workers is None:
        workers = max(1, (os.cpu_count() or 2) - 1)
    in_range(workers, 1, 10_000 if engine == "ray" else 256, "--workers")
    require_engine(engine)
    for path, ending in ((output, ".html"), (json, ".json")):
        if path:
            writable(path, ending)
    if cache:
        _folder(cache)
    if clips and system:
        raise ValueError("give clips or --system NAME=CLIPS, not both")
    if not clips and not system and not (controls and output is None and json is None):
        raise ValueError("name clips to evaluate, folders of clips, or a manifest (.csv)")
    if syncnet:
        SyncNet(syncnet)  # weights that cannot be read are told before hours of work
    found: Evaluation | SystemsEvaluation | None = None
    belonging = {"audio": audio, "portrait": portrait, "rest": rest, "emotion": emotion,
                 "timeline": timeline, "reference": reference}  # fmt: skip
    if clips or system:
        with progress_bar() as hook:
            settings = {
                "references": films(reference, "reference"), "workers": workers,
                "engine": engine, "cache": cache and cache.absolute(), "progress": hook,
                "syncnet": syncnet, "given": _given(coefficients),
            }  # fmt: skip
            if system:
                systems = {
                    name: requests_of(paths, **belonging)
                    for name, paths in _systems(system).items()
                }
                found = evaluate_systems(systems, **settings)
            else:
                found = evaluate(requests_of(clips, **belonging), **settings)
        _write(found, output, json)
        typer.echo(beside(found) if isinstance(found, SystemsEvaluation) else summary(found))
        every = found.systems.values() if isinstance(found, SystemsEvaluation) else [found]
        rests = [clip.measures.rest for one in every for clip in one.clips]
        if "unknown" in rests:
            typer.echo(
                f"{rests.count('unknown')} of {len(rests)} clips show strangers: --portrait or "
                "--rest says how they look when they express nothing",
                err=True,
            )
        for one in found.failed:
            typer.echo(f"failed: {one['file']}: {one['reason']}", err=True)
    if controls:
        outcomes = selftest(_subjects(found) if found else ())
        for outcome in outcomes:
            typer.echo(str(outcome))
        if any(outcome.passed is False for outcome in outcomes):
            raise typer.Exit(1)


def _systems(spelled: list[str]) -> dict[str, list[Path]]:
    """``NAME=CLIPS``: a folder, a film, a manifest, or a pattern such as ``out/*_a.mp4``."""
    systems: dict[str, list[Path]] = {}
    for one in spelled:
        name, equals, where = one.partition("=")
        name = name.strip()
        if not equals or not name or not where:
            raise ValueError(f"--system {one!r}: write NAME=FOLDER")
        if name in systems:
            raise ValueError(f"--system {name} is given twice")
        paths = [Path(where)]
        if not paths[0].exists() and glob.has_magic(where):
            paths = [Path(path) for path in sorted(glob.glob(where))]
            if not paths:
                raise FileNotFoundError(f"--system {name}: nothing is named like {where}")
        systems[name] = paths
    return systems


def _given(spelled: str | None) -> Given | None:
    if spelled is None:
        return None
    backend, colon, key = spelled.partition(":")
    if not backend or (colon and not key):
        raise ValueError(f"--coefficients {spelled!r}: write NAME or NAME:KEY")
    return Given(backend, key or None)


def _folder(cache: Path) -> None:
    if cache.exists() and not cache.is_dir():
        raise ValueError(f"the cache {cache} is not a folder")
    cache.mkdir(parents=True, exist_ok=True)
    if not os.access(cache, os.W_OK):
        raise ValueError(f"cannot write to the cache {cache}: permission denied")


def _write(found: Evaluation | SystemsEvaluation, output: Path | None, json: Path | None) -> None:
    if json:
        text = jsonlib.dumps(found.to_json(), indent=2, allow_nan=False)
        write_whole(json, f"{text}\n".encode())
    if output:
        write_report(found, output)


def _subjects(found: Evaluation | SystemsEvaluation) -> list[Subject]:
    from recognizer.media import read_audio

    several = isinstance(found, SystemsEvaluation)
    every = found.systems.values() if several else [found]
    subjects = []
    for clip in (clip for one in every for clip in one.clips):
        heard = len(clip.measures.volume) > 0
        sound = read_audio(clip.request.audio or clip.request.clip) if heard else None
        labels = clip.asked.emotion_labels() if clip.asked else np.array([-1])
        # A clip that asks for several emotions one after the other has no label of its own.
        one = len(set(labels.tolist())) == 1 and labels[0] >= 0
        subjects.append(Subject(clip.measures, sound, EMOTIONS[labels[0]] if one else None))
    return subjects


def summary(found: Evaluation) -> str:
    """The figures as lines of text."""
    lines = [
        f"{len(found.clips)} clips, {len(found.references)} real clips, "
        f"{len(found.failed)} files failed"
    ]
    for name, row in found.metrics.items():
        interval = "" if row["ci95"] is None else f" [{_short(row['ci95'])}]"
        floor = f"  floor {row['floor']['mean']:.4g}" if row.get("floor") else ""
        real = f"  real {row['reference']['value']:.4g}" if row.get("reference") else ""
        lines.append(f"{name:24} {row['value']:.4g}{interval}  n={row['n']}{floor}{real}")
    lacking: dict[str, list[str]] = {}
    for name, reason in found.unavailable.items():
        lacking.setdefault(reason, []).append(name)
    lines += [f"not measured, {why}: {', '.join(names)}" for why, names in lacking.items()]
    return "\n".join(lines)


def beside(found: SystemsEvaluation) -> str:
    """Systems side by side as lines of text; ``*``: better than each of the others."""
    best, names = found.best, list(found.systems)
    width = max(10, *(len(name) + 2 for name in names))
    counts = ", ".join(f"{name} {len(one.clips)} clips" for name, one in found.systems.items())
    lines = [f"{counts}, {len(found.references)} real clips, {len(found.failed)} files failed"]
    lines.append(" ".join([f"{'':24}", *(f"{x:>{width}}" for x in (*names, "real", "floor"))]))
    for metric in METRICS:
        rows = [one.metrics.get(metric) for one in found.systems.values()]
        known = [row for row in rows if row]
        if not known:
            continue
        cells = [
            f"{row['value']:.4g}{'*' if best.get(metric) == name else ''}" if row else "-"
            for name, row in zip(names, rows, strict=True)
        ]
        real, floor = known[0].get("reference"), known[0].get("floor")
        cells.append(f"{real['value']:.4g}" if real else "")
        cells.append(f"{floor['mean']:.4g}" if floor else "")
        lines.append(" ".join([f"{metric:24}", *(f"{cell:>{width}}" for cell in cells)]).rstrip())
    return "\n".join(lines)


def _short(interval: Sequence[float]) -> str:
    return ", ".join(f"{x:.4g}" for x in interval)
