"""Controls: the measures must see what they claim to see, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recognizer.evaluation.aggregate import swapped_sound
from recognizer.evaluation.catalogue import FPS
from recognizer.evaluation.made import made_talker
from recognizer.evaluation.measures import ClipMeasures
from recognizer.evaluation.reading import MAX_LAG, lips_with
from recognizer.facs import EMOTIONS
from recognizer.media import SAMPLE_RATE
from recognizer.metrics.dynamics import liveliness
from recognizer.metrics.emotion import emotion_accuracy, emotion_confusion
from recognizer.metrics.frechet import (
    delta_frechet_distance,
    expression_frechet_distance,
    shuffled_in_time,
    trajectory_frechet_distance,
)
from recognizer.metrics.theval import DIMENSIONS, frame_volume, theval_scores

_ZERO = 1e-6
#: Frames by which sound is delayed, and how clearly lips must follow it for the lag to be one.
_DELAYS, _CLEAR = (2, 5), 2.5
_PERMUTATIONS = 500
_MADE = "made talkers"
_COEFFICIENTS = 52


@dataclass(frozen=True)
class Subject:
    """A clip that controls are run on: its measures, its sound, and the emotion it should show."""

    measures: ClipMeasures
    waveform: np.ndarray | None = None
    emotion: str | None = None


@dataclass(frozen=True)
class Control:
    """An outcome; ``passed`` is None where the clips do not allow the control."""

    name: str
    on: str
    passed: bool | None
    found: str

    def __str__(self) -> str:
        word = {True: "PASS", False: "FAIL", None: "SKIP"}[self.passed]
        return f"{word}  {self.name} ({self.on}): {self.found}"


def selftest(subjects: Sequence[Subject] = ()) -> list[Control]:
    """All controls on made talkers, and on clips where some are given."""
    made = [Subject(*made_talker(seed, emotion), emotion) for seed, emotion in enumerate(EMOTIONS)]
    on_clips = _controls(subjects, "clips") if subjects else []
    return [*_controls(made, _MADE), _frozen_scores(), *on_clips]


def _controls(subjects: Sequence[Subject], on: str) -> list[Control]:
    return [
        check(subjects, on)
        for check in (_identical, _shuffled, _frozen, _delayed, _swapped_sound, _swapped_labels)
    ]


def _coefficients(subjects: Sequence[Subject]) -> list[np.ndarray]:
    return [subject.measures.motion_at(FPS)[:, :_COEFFICIENTS] for subject in subjects]


def _identical(subjects: Sequence[Subject], on: str) -> Control:
    clips = _coefficients(subjects)
    values = {
        "E-FID": expression_frechet_distance(clips, clips),
        "changes": delta_frechet_distance(clips, clips),
        "windows": trajectory_frechet_distance(clips, clips),
    }
    known = {name: value for name, value in values.items() if np.isfinite(value)}
    found = ", ".join(f"{name} {value:.2g}" for name, value in known.items())
    passed = all(value < _ZERO for value in known.values()) if known else None
    return Control("identical sets are at distance 0", on, passed, found or "too few frames")


def _shuffled(subjects: Sequence[Subject], on: str) -> Control:
    name = "shuffled frames are seen in changes, not by E-FID"
    clips = _coefficients(subjects)
    shuffled = shuffled_in_time(clips)
    still = expression_frechet_distance(shuffled, clips)
    moved = delta_frechet_distance(shuffled, clips)
    changes = np.concatenate([np.diff(clip, axis=0) for clip in clips])
    usual = float(np.nanvar(changes, axis=0).sum())
    if not np.isfinite([still, moved, usual]).all() or usual == 0:
        return Control(name, on, None, "the clips do not move, or are too short")
    found = f"E-FID {still:.2g}, changes {moved:.3g} (their variance is {usual:.3g})"
    return Control(name, on, still < _ZERO and moved > 0.1 * usual, found)


def _frozen(subjects: Sequence[Subject], on: str) -> Control:
    clips = [subject.measures.motion_at(FPS) for subject in subjects]
    seen = [clip[np.isfinite(clip).all(axis=1)] for clip in clips]
    lively = liveliness([np.repeat(clip[:1], len(clip), axis=0) for clip in seen], clips)
    lips = [
        lips_with(replace(s.measures, opening=np.full(len(s.measures), 0.1)), s.measures.volume)
        for s in subjects
        if len(s.measures.volume)
    ]
    numbers = int(np.isfinite(lips).sum())
    passed = lively["std_r"] < _ZERO and lively["vc_r"] < _ZERO and numbers == 0
    found = f"Std-R {lively['std_r']:.2g}, VC-R {lively['vc_r']:.2g}; {numbers} figures of lip sync"
    return Control("a frozen clip is punished by liveliness and has no lip sync", on, passed, found)


def _frozen_scores() -> Control:
    alive, still = (
        [made_talker(seed, frozen=frozen)[0] for seed in range(2)] for frozen in (False, True)
    )
    names = DIMENSIONS["naturalness"]
    truth = {name: float(np.mean([m.scalars[name] for m in alive])) for name in names}
    scores = [
        theval_scores({n: float(np.mean([m.scalars[n] for m in set_])) for n in names}, truth)
        for set_ in (alive, still)
    ]
    best, worst = (score["naturalness"] for score in scores)
    found = f"alive {best:.3g}, frozen {worst:.3g}"
    return Control("a frozen clip is punished by THEval's naturalness", _MADE,
                   best > 1 - _ZERO and worst < 0.01, found)  # fmt: skip


def _delayed(subjects: Sequence[Subject], on: str) -> Control:
    name = "delayed sound is found to the frame"
    tried, right, misses = 0, 0, []
    for subject in subjects:
        measures = subject.measures
        if subject.waveform is None or measures.scalars.get("lip_audio_z", 0.0) < _CLEAR:
            continue
        for delay in _DELAYS:
            expected = measures.scalars["lip_audio_lag"] - delay
            if expected < -MAX_LAG:
                continue
            silence = np.zeros(round(delay / measures.fps * SAMPLE_RATE))
            late = np.concatenate([silence, subject.waveform])
            volume = frame_volume(late, SAMPLE_RATE, len(measures), measures.fps)
            lag = lips_with(measures, volume)[1]
            tried += 1
            right += lag == expected
            if lag != expected:
                misses.append(f"{lag:+g} for {expected:+g}")
    if tried == 0:
        return Control(name, on, None, f"no clip's lips follow its sound clearly (z {_CLEAR:g})")
    found = f"{right} of {tried} lags" + (f"; found {', '.join(misses)}" if misses else "")
    return Control(name, on, right == tried, found)


def _swapped_sound(subjects: Sequence[Subject], on: str) -> Control:
    name = "swapped sound is below true sound"
    clips = [subject.measures for subject in subjects]
    true = np.array([clip.scalars.get("lip_audio_r_best", np.nan) for clip in clips])
    true, swapped = true[np.isfinite(true)], swapped_sound(clips)
    if len(true) < 2 or len(swapped) == 0:
        return Control(name, on, None, "fewer than two clips have sound and moving lips")
    found = f"true {true.mean():.3f} ({len(true)}), swapped {swapped.mean():.3f} ({len(swapped)})"
    return Control(name, on, bool(true.mean() > swapped.mean()), found)


def _swapped_labels(subjects: Sequence[Subject], on: str) -> Control:
    name = "swapped emotion labels are at chance"
    labelled = [s for s in subjects if s.emotion is not None]
    asked = [s.emotion for s in labelled]
    if len(set(asked)) < 2:
        return Control(name, on, None, "fewer than two emotions are asked for")

    def accuracy(labels: Sequence[str]) -> float:
        pairs = zip(labelled, labels, strict=True)
        return emotion_accuracy(
            sum(emotion_confusion(s.measures.emotion, label)[0] for s, label in pairs)
        )["accuracy"]

    random = np.random.default_rng(0)
    drawn = [accuracy(random.permutation(asked)) for _ in range(_PERMUTATIONS)]
    shown = sum(emotion_confusion(s.measures.emotion, s.emotion)[0] for s in labelled)
    chance = float((shown.sum(axis=0) @ shown.sum(axis=1)) / shown.sum() ** 2)
    margin = 3 * np.std(drawn) / np.sqrt(_PERMUTATIONS) + _ZERO
    true, mean = accuracy(asked), float(np.mean(drawn))
    found = f"true {true:.2f}, swapped {mean:.3f}, chance {chance:.3f} ({len(asked)} clips)"
    return Control(name, on, bool(abs(mean - chance) <= margin), found)
