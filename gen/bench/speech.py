"""``bench motion``: generated lips against people's own, beside the linear map and the real row."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
import yaml

from gen.audio.encoder import SAMPLE_RATE, load_encoder
from gen.bench.motion import Generate, linear_lips, lip_opening, lip_sync_benchmark, liveliness
from gen.data.records import iter_records
from gen.motion import MotionGenerator
from gen.pipeline import PACKAGED, ProgressHook
from recognizer.face_model import FACE_BOTTOM, FACE_TOP, LOWER_MIDDLE, UPPER_MIDDLE
from recognizer.media import iter_frames, probe, read_audio
from recognizer.tracker import FaceTracker, largest

FPS = 25.0
_VIDEOS = {".mp4", ".avi", ".mov", ".mkv", ".webm"}
_FIT_CLIPS = 140
_SILENCE = 1e-3


def motion_benchmark(
    folders: Sequence[str | os.PathLike],
    fit: str | os.PathLike | None,
    model: str | os.PathLike | None,
    seed: int,
    last: int | None,
    hook: ProgressHook,
) -> dict:
    """Measure a motion model on folders of records or of videos.

    Args:
        folders: each holds training records (``.npz``) or videos with sound; one result each.
        fit: records for the linear baseline (its first 140).
        model: folder of a motion model; the packaged one by default.
        seed: of the sampling.
        last: only the last ``last`` records of a folder by name (those held out of training).
        hook: progress.

    Returns:
        Per folder the figures of :func:`gen.bench.motion.lip_sync_benchmark` for ``model`` and,
        with ``fit``, for ``linear``; liveliness beside the real motion's; seconds of computing a
        second of sound.

    Raises:
        ValueError: a folder holds nothing usable.
    """
    config = packaged_config()
    generator, sampling = MotionGenerator.from_pretrained(model), config["sampling"]
    encode, hear = (
        _remembering(load_encoder(name).encode) for name in (config["audio_encoder"], "whisper")
    )
    linear = _fit_linear(fit, hear) if fit else None
    report: dict = {"seed": seed, "sampling": sampling}
    for folder in folders:
        clips = _clips(Path(folder), last, hook)
        made, spent = [], 0.0

        def generate(features, made=made):
            noise = torch.Generator().manual_seed(seed + len(made))
            made.append(generator(features, generator=noise, **sampling))
            return made[-1]

        started = perf_counter()
        rows = {"model": lip_sync_benchmark(generate, clips, encode)}
        spent = perf_counter() - started
        if linear:
            rows["linear"] = lip_sync_benchmark(linear, clips, hear)
        rows["liveliness"] = liveliness(made)
        rows["seconds_per_second"] = spent / sum(len(w) / SAMPLE_RATE for _, w, _ in clips)
        report[Path(folder).name] = rows
    return report


def packaged_config() -> dict:
    """Encoder and sampling options of the packaged pipeline."""
    return yaml.safe_load((PACKAGED / "pipeline.yaml").read_text(encoding="utf-8"))


def _remembering(encode: Callable) -> Callable:
    """Encode each sound once: model and baseline hear the same clips."""
    known: dict[bytes, np.ndarray] = {}

    def remembered(waveform: np.ndarray) -> np.ndarray:
        key = hashlib.sha256(np.ascontiguousarray(waveform)).digest()
        if key not in known:
            known[key] = encode(waveform)
        return known[key]

    return remembered


def _fit_linear(folder, encode) -> Generate:
    records = []
    for record in iter_records(folder):
        records.append(record)
        if len(records) == _FIT_CLIPS:
            break
    if not records:
        raise ValueError(f"{folder} holds no records")
    features = [encode(r.waveform) for r in records]
    openings = [lip_opening(r.motion) for r in records]
    frames = [min(len(f), len(o)) for f, o in zip(features, openings, strict=True)]
    return linear_lips(
        [f[:n] for f, n in zip(features, frames, strict=True)],
        [o[:n] for o, n in zip(openings, frames, strict=True)],
    )


def _clips(folder: Path, last: int | None, hook: ProgressHook) -> list[tuple]:
    """Name, waveform and real lip opening of everything usable in a folder."""
    records = sorted(folder.glob("*.npz"))
    if records:
        chosen = {path.stem for path in records[-(last or len(records)) :]}
        return [(r.name, r.waveform, r.motion) for r in iter_records(folder) if r.name in chosen]
    clips = []
    videos = sorted(p for p in folder.iterdir() if p.suffix.lower() in _VIDEOS)
    with FaceTracker() as tracker:
        for i, path in enumerate(videos, start=1):
            hook(f"tracking {path.name}", i, len(videos))
            waveform = read_audio(path, SAMPLE_RATE) if probe(path).has_audio else np.zeros(1)
            if np.abs(waveform).max() > _SILENCE:
                track = largest(tracker.video(iter_frames(path, fps=FPS, max_side=960), FPS))
                clips.append((path.name, waveform, seen_opening(track.points)))
    if not clips:
        raise ValueError(f"{folder} holds neither records nor videos with sound")
    return clips


def seen_opening(points: np.ndarray) -> np.ndarray:
    """Distance of the inner lips ``[T]`` in face heights, from pixel landmarks ``[T, 478, 3]``."""
    xy = points[..., :2]
    gap = np.linalg.norm(xy[:, LOWER_MIDDLE] - xy[:, UPPER_MIDDLE], axis=-1).mean(-1)
    return gap / np.linalg.norm(xy[:, FACE_TOP] - xy[:, FACE_BOTTOM], axis=-1)
