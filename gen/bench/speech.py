"""``bench motion``: generated motion against people's own, beside a linear map and the real row."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter

import numpy as np

from gen.audio.encoder import load_encoder
from gen.audio.timing import SAMPLE_RATE
from gen.bench.clips import Clip, load_clips, load_records, load_sounds
from gen.bench.closures import closure_benchmark
from gen.bench.cost import cost_benchmark
from gen.bench.dynamics import (
    dynamics_benchmark,
    real_clips,
    region_liveliness,
    seed_benchmark,
    show,
)
from gen.bench.languages import (
    Hear,
    language_benchmark,
    lip_predictor,
    mel_and_whisper,
    predictor_quality,
)
from gen.bench.lips import lip_shape_benchmark
from gen.bench.motion import Generate, linear_lips, lip_sync_benchmark, liveliness
from gen.bench.nonspeech import nonspeech_benchmark, pause_benchmark
from gen.bench.seams import seam_benchmark
from gen.bench.talker import Talker, remembering
from gen.clip import ProgressHook
from gen.portraits import prepare_portrait
from recognizer.metrics.extras import UnavailableError
from recognizer.motion import MotionTrack

#: Records for the maps that are fitted, and records among the clips that are drawn.
_FIT_CLIPS, _DRAWN = 140, 10
_SIZE = 384


def motion_benchmark(
    folders: Sequence[str | os.PathLike],
    fit: str | os.PathLike | None,
    model: str | os.PathLike | None,
    seed: int,
    last: int | None,
    hook: ProgressHook,
    speech: str | os.PathLike | None = None,
    english: Collection[str] = (),
    portrait: str | os.PathLike | None = None,
) -> dict:
    """Measure a motion model on people's clips and on speech.

    Args:
        folders: each holds training records (``.npz``) or videos with sound; one result each.
        fit: records for the linear baseline and the lip predictor (its first 140).
        model: folder of a motion model; the packaged one by default.
        seed: of the sampling.
        last: only the last ``last`` records of a folder by name (those held out of training).
        hook: progress.
        speech: folder of sounds for all but the lips of ``folders``.
        english: which of its files are English.
        portrait: picture on which motion is drawn to see its dynamics.

    Returns:
        By folder: ``model`` and, with ``fit``, ``linear``: the figures of
        :func:`gen.bench.motion.lip_sync_benchmark`; ``shape`` (:mod:`gen.bench.lips`);
        ``closures`` (:mod:`gen.bench.closures`); ``regions``: VC-R and Std-R of the coefficients
        as they are made (``dynamics`` has them as a camera sees them); ``pauses``
        (:func:`gen.bench.nonspeech.pause_benchmark`); liveliness of the model's
        motion and, as ``real_liveliness``, of the clips'; seconds of computing a second of sound,
        features included. Of the sounds: ``languages``, ``dynamics``, ``seeds``, ``nonspeech``,
        ``seams`` and ``cost``, see the modules of these names. ``unavailable``: what was not
        measured, and why.

    Raises:
        ValueError: a folder holds nothing usable, or a name in ``english`` is unknown.
    """
    sounds = load_sounds(Path(speech)) if speech else {}
    unknown = sorted(set(english) - set(sounds))
    if unknown:
        raise ValueError(f"the folder of speech holds no {unknown[0]}")
    talk, hear = Talker.from_pretrained(model), remembering(load_encoder("whisper").encode)
    known = _records(Path(fit)) if fit else []
    linear = _linear(known, hear) if known else None
    report: dict = {"seed": seed, "sampling": asdict(talk.sampling)}
    unavailable: dict[str, str] = {}
    clips, made = {}, {}
    for folder in map(Path, folders):
        name = folder.name
        clips[name] = load_clips(folder, last, hook)
        report[name], made[name] = _lip_figures(talk, clips[name], seed, linear, hear, hook)
        _take(
            report[name], "closures", unavailable, f"{name}: closures",
            lambda name=name: closure_benchmark(made[name], clips[name]),
        )  # fmt: skip
        _take(
            report[name], "regions", unavailable, f"{name}: regions",
            lambda name=name: region_liveliness(
                made[name], [clip.motion.filled() for clip in clips[name]]
            ),
        )  # fmt: skip
    sections = {
        "languages": lambda: _languages(talk, sounds, english, known, clips, hear, seed),
        "dynamics": lambda: _dynamics(talk, sounds, clips, made, portrait, seed, hook),
        "seeds": lambda: seed_benchmark(talk, _longest(sounds)),
        "nonspeech": lambda: nonspeech_benchmark(talk, list(sounds.values()), seed),
        "seams": lambda: seam_benchmark(talk, list(sounds.values())),
        "cost": lambda: cost_benchmark(talk, _longest(sounds), model),
    }
    for number, (name, measure) in enumerate(sections.items(), start=1):
        hook(f"measuring {name}", number, len(sections))
        if sounds:
            _take(report, name, unavailable, name, measure)
        else:
            unavailable[name] = "no folder of speech was given"
    return report | {"unavailable": unavailable}


def _take(
    report: dict, key: str, unavailable: dict[str, str], name: str, measure: Callable[[], dict]
) -> None:
    """A section of the report, or the reason why there is none."""
    try:
        report[key] = measure()
    except UnavailableError as error:
        unavailable[name] = str(error)


def _lip_figures(
    talk: Talker, clips: Sequence[Clip], seed: int, linear: Generate | None, hear: Hear,
    hook: ProgressHook,
) -> tuple[dict, list[MotionTrack]]:  # fmt: skip
    """What is measured of one folder's clips, and the motion that was made for them."""
    made: list[MotionTrack] = []

    def generate(features: np.ndarray) -> MotionTrack:
        hook("generating", len(made), len(clips))
        made.append(talk.say(features, seed + len(made)))
        return made[-1]

    spoken = [(clip.name, clip.waveform, clip.opening) for clip in clips]
    started = perf_counter()
    rows: dict = {"model": lip_sync_benchmark(generate, spoken, talk.hear)}
    spent = perf_counter() - started
    if linear:
        rows["linear"] = lip_sync_benchmark(linear, spoken, hear)
    real = [clip.motion.filled() for clip in clips]
    rows["shape"] = lip_shape_benchmark(made, real)
    rows["pauses"] = pause_benchmark(made, clips)
    rows["liveliness"] = liveliness(made, real)
    rows["real_liveliness"] = liveliness(real)
    rows["seconds_per_second"] = spent / sum(len(w) / SAMPLE_RATE for _, w, _ in spoken)
    return rows, made


def _records(folder: Path) -> list[Clip]:
    paths = sorted(folder.glob("*.npz"))[:_FIT_CLIPS]
    if not paths:
        raise ValueError(f"{folder} holds no records")
    return load_records(paths)


def _linear(known: Sequence[Clip], hear: Hear) -> Generate:
    features = [hear(clip.waveform) for clip in known]
    frames = [min(len(f), len(c.opening)) for f, c in zip(features, known, strict=True)]
    return linear_lips(
        [f[:n] for f, n in zip(features, frames, strict=True)],
        [c.opening[:n] for c, n in zip(known, frames, strict=True)],
    )


def _languages(
    talk: Talker, sounds: Mapping[str, np.ndarray], english: Collection[str],
    known: Sequence[Clip], clips: Mapping[str, Sequence[Clip]], hear: Hear, seed: int,
) -> dict:  # fmt: skip
    if not known or not english:
        raise UnavailableError("no records were given to fit a predictor on, or no English file")
    predict = lip_predictor(known, mel_and_whisper(load_encoder("mel"), hear))
    made = {name: talk(waveform, seed) for name, waveform in sounds.items()}
    quality = {name: predictor_quality(rows, predict) for name, rows in clips.items()}
    return {"predictor": quality} | language_benchmark(made, sounds, english, predict)


def _dynamics(
    talk: Talker, sounds: Mapping[str, np.ndarray], clips: Mapping[str, Sequence[Clip]],
    made: Mapping[str, Sequence[MotionTrack]], portrait, seed: int, hook: ProgressHook,
) -> dict:  # fmt: skip
    """Beside films: motion for their own sound (``same_sound``), and for other speech; as a bound,
    what people did, tracked and drawn as motion is (``replayed``): the films and the records."""
    films = [
        (clip, track)
        for name, rows in clips.items()
        for clip, track in zip(rows, made[name], strict=True)
        if clip.seen is not None
    ]
    if portrait is None or not films:
        raise UnavailableError("no portrait to draw on, or no film to compare with")
    renderer = prepare_portrait(portrait, _SIZE, hook=hook).renderer
    real = real_clips([clip for clip, _ in films])
    same = [(track, clip.waveform) for clip, track in films]
    other = [(talk(waveform, seed + i), waveform) for i, waveform in enumerate(sounds.values())]
    replayed = [(clip.motion.filled(), clip.waveform) for clip, _ in films]
    for name, rows in clips.items():
        records = [i for i, clip in enumerate(rows) if clip.seen is None][:_DRAWN]
        other += [(made[name][i], rows[i].waveform) for i in records]
        replayed += [(rows[i].motion.filled(), rows[i].waveform) for i in records]
    return {
        key: dynamics_benchmark([show(*pair, renderer, hook) for pair in shown], real)
        for key, shown in (("same_sound", same), ("speech", other), ("replayed", replayed))
    }


def _longest(sounds: Mapping[str, np.ndarray]) -> np.ndarray:
    return max(sounds.values(), key=len)
