"""Lips in languages that no filmed speaker of the training data spoke.

Nobody was filmed speaking them here, so generated lips are held against a predictor: a linear map
from log-mel bands and whisper features to the lip opening of real tracks. What it is worth its own
correlation with people's lips says; the figure that counts is a language's correlation relative to
English by the same predictor.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from gen.audio.encoder import AudioEncoder
from gen.audio.ridge import NeighbourRidge
from gen.bench.clips import Clip
from recognizer.face_model import FaceModel
from recognizer.metrics.agreement import lagged_correlation
from recognizer.metrics.sampling import summarize
from recognizer.motion import MotionTrack

#: Frames within which lips may lie about their sound: 80 ms.
_LAG = 2
#: Strong, and more so for features that vary little: what they add on one voice others lose.
_PENALTY, _POWER = 0.5, -1.0

Hear = Callable[[np.ndarray], np.ndarray]


def mel_and_whisper(mel: AudioEncoder, whisper: Hear) -> Hear:
    """Features of a waveform ``[N]`` at 16 kHz: ``[T, 320 + 384]``.

    Of each mel band its mean over the recording is taken away: microphones differ.
    """

    def hear(waveform: np.ndarray) -> np.ndarray:
        bands = mel.encode(waveform)
        return np.concatenate([bands - bands.mean(0), whisper(waveform)], axis=1)

    return hear


def lip_predictor(clips: Sequence[Clip], hear: Hear) -> Hear:
    """A linear map from five frames of features to lip opening, fitted on real clips.

    Returns:
        waveform → opening ``[T]``.
    """
    heard, seen = [], []
    for clip in clips:
        features = hear(clip.waveform)
        frames = min(len(features), len(clip.opening))
        heard.append(features[:frames])
        seen.append(clip.opening[:frames, None])
    ridge = NeighbourRidge.fit(heard, seen, penalty=_PENALTY, power=_POWER)
    return lambda waveform: ridge(hear(waveform))[:, 0]


def language_benchmark(
    made: Mapping[str, MotionTrack],
    sounds: Mapping[str, np.ndarray],
    english: Collection[str],
    predict: Hear,
) -> dict:
    """Correlation of generated lip opening with the predictor's, file by file.

    Args:
        made: motion by the name of its sound.
        sounds: waveforms by name.
        english: names of those that are English.
        predict: :func:`lip_predictor`.

    Returns:
        ``{"files": [{name, r, r_best, of_english}], "english": mean r of the English files,
        "others": {"mean", "lowest"}}``; ``of_english`` is r relative to that mean.

    Raises:
        ValueError: a name is unknown, or none is English.
    """
    unknown = sorted(set(english) - set(sounds))
    if unknown or not english:
        raise ValueError(f"there is no sound {unknown[0]}" if unknown else "no sound is English")
    rows = []
    for name, waveform in sounds.items():
        opening = FaceModel.load().lip_opening(made[name].blendshapes)
        wanted = predict(waveform)
        frames = min(len(opening), len(wanted))
        r, best, _ = lagged_correlation(opening[:frames], wanted[:frames], _LAG)
        rows.append({"name": name, "english": name in english, "r": r, "r_best": best})
    mean = summarize([_number(row["r"]) for row in rows if row["english"]])["value"]
    for row in rows:
        known = row["r"] is not None and mean
        row["of_english"] = row["r"] / mean if known else None
    others = [_number(row["r"]) for row in rows if not row["english"]]
    return {
        "files": rows,
        "english": mean,
        "others": summarize(others)["value"],
        "lowest": float(np.nanmin(others)) if np.isfinite(others).any() else None,
    }


def predictor_quality(clips: Sequence[Clip], predict: Hear) -> dict:
    """Pearson's r of the predictor with people's own lips, ``r`` and ``r_best``."""
    rows = []
    for clip in clips:
        wanted = predict(clip.waveform)
        frames = min(len(wanted), len(clip.opening))
        rows.append(lagged_correlation(wanted[:frames], clip.opening[:frames], _LAG))
    return {
        key: summarize([_number(row[i]) for row in rows]) for i, key in enumerate(("r", "r_best"))
    }


def _number(value: float | None) -> float:
    return np.nan if value is None else value
