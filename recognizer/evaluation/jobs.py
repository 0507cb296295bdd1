"""The work of many files, in several processes, remembered between runs.

A job is named by the content of its files and by the code and weights that measure them, so that a
cache never answers with figures of other films or of another version.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recognizer.evaluation.measures import ClipMeasures
from recognizer.evaluation.pictures import compare_pictures, describe_portrait
from recognizer.evaluation.reading import read_clip
from recognizer.files import write_whole
from recognizer.pool import run_all

#: Called as ``progress(stage, done, total)``.
Progress = Callable[[str, int, "int | None"], None]
#: Folders of the package that no figure depends on.
_ASIDE = ("report", "train", "bench")


@dataclass(frozen=True)
class Job:
    """What to do with which files.

    Attributes:
        kind: ``"film"``, ``"portrait"``, or ``"pictures"``.
        files: of a film itself, its sound, its person at rest and SyncNet's weights; a portrait;
            or two films. The first is the one that a failure is told of.
        frames: that two films have in common.
    """

    kind: str
    files: tuple[Path | None, ...]
    frames: int = 0


@dataclass(frozen=True)
class Failure:
    """Why a job could not be done."""

    reason: str


def perform(job: Job, cache: Path | None = None):
    """Do a job, or remember it.

    Returns:
        :class:`ClipMeasures` of a film, a descriptor ``[128]`` of a portrait, figures and reasons
        of pictures; or a :class:`Failure`.
    """
    try:
        result = recall(job, cache) if cache else None
        if result is None:
            result = _KINDS[job.kind](job)
            if cache:
                _keep(job, cache, result)
        return result
    except (ValueError, OSError) as error:
        return Failure(" ".join(str(error).split()))
    except Exception as error:  # whatever a codec makes of a strange file: named, not lost
        return Failure(f"unexpected {type(error).__name__}: {' '.join(str(error).split())}")


_KINDS: dict[str, Callable] = {
    "film": lambda job: read_clip(*job.files),
    "portrait": lambda job: describe_portrait(*job.files),
    "pictures": lambda job: compare_pictures(*job.files, job.frames),
}


def recall(job: Job, cache: Path):
    """What a job gave when it was done before; None where it was not, or is damaged."""
    path = _path(job, cache)
    if not path.is_file():
        return None
    try:
        return ClipMeasures.load(path) if job.kind == "film" else _from_json(job, path)
    except ValueError:
        return None


def _keep(job: Job, cache: Path, result) -> None:
    path = _path(job, cache)
    if isinstance(result, ClipMeasures):
        result.save(path)
    else:
        content = result.tolist() if isinstance(result, np.ndarray) else list(result)
        write_whole(path, json.dumps(content).encode())


def _path(job: Job, cache: Path) -> Path:
    parts = [job.kind, str(job.frames), version(), *map(_digest, job.files)]
    key = hashlib.sha256("|".join(parts).encode()).hexdigest()[:40]
    return cache / f"{key}.{'npz' if job.kind == 'film' else 'json'}"


def _from_json(job: Job, path: Path):
    content = json.loads(path.read_text(encoding="utf-8"))
    return np.array(content) if job.kind == "portrait" else tuple(content)


def _digest(path: Path | None) -> str:
    if path is None:
        return ""
    about = path.stat()
    return _content(path, about.st_mtime_ns, about.st_size)


@functools.lru_cache(maxsize=1024)
def _content(path: Path, changed: int, size: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.cache
def version() -> str:
    """Digest of the code and weights that figures depend on."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        inside = path.relative_to(package)
        if inside.parts[0] in _ASIDE or path.suffix not in (".py", ".json", ".safetensors"):
            continue
        digest.update(inside.as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def perform_all(
    jobs: Iterable[Job],
    workers: int,
    cache: Path | None,
    progress: Progress,
    stage: str,
    engine: str = "local",
) -> dict:
    """Do jobs, each once.

    Args:
        jobs: what to do.
        workers: processes or tasks at once.
        cache: a folder to remember in.
        progress: is told.
        stage: what to call it there.
        engine: see :func:`recognizer.pool.run_all`.

    Returns:
        Job → what :func:`perform` returned, in the jobs' order.
    """
    todo = list(dict.fromkeys(jobs))
    progress(stage, 0, len(todo))
    # What is remembered needs no process of its own.
    known = {job: recall(job, cache) for job in todo if cache and _readable(job)}
    found = {job: result for job, result in known.items() if result is not None}
    new = [job for job in todo if job not in found]
    work = functools.partial(perform, cache=cache)
    for job, result in run_all(work, new, workers, engine, _killed):
        found[job] = result
        progress(stage, len(found), len(todo))
    return {job: found[job] for job in todo}


def _readable(job: Job) -> bool:
    return all(path is None or os.access(path, os.R_OK) for path in job.files)


def _killed(_: Job) -> Failure:
    return Failure("the process that measured it was killed, perhaps for memory")
