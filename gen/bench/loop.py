"""What the closed loop and its rivals buy over the open loop: the same clips, read again.

Rivals are the best of n seeds and the recognizer's guidance of the diffusion.

Both are steered by the recognizer that scores them, so that its errors flatter them. Beside them
stand readings that steered nothing: MediaPipe's own scores against the coefficients that were asked
for, and a judge: the recognizer's experts apart, action units by motion alone and valence-arousal
by appearance alone, or other networks.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch

from gen.bench.memory import Memory
from gen.bench.motion import lip_opening
from gen.clip import ProgressHook, quiet
from gen.conditioning import Affect
from gen.loop.closed_loop import allowed, told_units
from gen.loop.controller import STEERED, Errors, Seen, share_shown
from gen.loop.mirror import mean_of
from gen.loop.rehearsal import FPS, rehearse
from gen.loop.report import LoopReport
from gen.pipeline import TalkingHeadPipeline, prepare_portrait
from gen.renderers.base import Renderer, before_first_frame
from recognizer.facs import ARKIT_INDEX, AU_NAMES, AU_TO_ARKIT, EMOTIONS, sides
from recognizer.metrics.agreement import pearson
from recognizer.metrics.sampling import bootstrap_interval
from recognizer.motion import MotionTrack
from recognizer.recognizer import Recognizer
from recognizer.tracker import FaceTrack, FaceTracker, largest

INTENSITIES = (0.5, 1.0)
#: Of a neutral clip in which the mouth talks, this quantile is the person at rest.
_REST_QUANTILE = 0.4
#: Every so many frames are read: others than the loop has seen, but for every third of them.
_EVERY = 2
#: Coefficients of the steered units, but for those that MediaPipe never scores.
_BLIND = ("cheekSquint", "noseSneer", "mouthUpperUp")
_SCORED = sorted(
    {
        ARKIT_INDEX[name]
        for unit in STEERED
        for stem in AU_TO_ARKIT[unit]
        if stem not in _BLIND
        for name in sides(stem)
    }
)


@dataclass(frozen=True)
class Shown:
    """One clip as it was read.

    Attributes:
        errors: by the recognizer that steers.
        emotion: probability of the emotion that was asked for, by the same.
        sync: Pearson's r of the lips' opening, read back, with that of the speech alone.
        scores: mean absolute error of MediaPipe's scores, less those of the neutral clip, against
            the coefficients that were asked for, 0..1.
        judge: the errors by a recognizer that steered nothing.
        asked, read: ``[24]`` action units as they were asked for, and as the recognizer that
            steers reads them.
    """

    errors: Errors
    emotion: float
    sync: float
    scores: float
    judge: Errors
    asked: Sequence[float] = ()
    read: Sequence[float] = ()


@dataclass(frozen=True)
class Trial:
    """One intention's clips.

    Attributes:
        portrait, emotion: names.
        intensity: 0..1.
        shown: ``"open"``, ``"closed"`` and, if they were tried, ``"best_of"``, ``"diffused"`` and
            ``"guided"`` → what was read.
        loop: of the closed one.
    """

    portrait: str
    emotion: str
    intensity: float
    shown: Mapping[str, Shown]
    loop: LoopReport


class _Reader:
    """Reads clips of one portrait relative to its neutral one."""

    def __init__(self, renderer: Renderer, neutral: MotionTrack, readers) -> None:
        self._renderer, self._said = renderer, lip_opening(neutral)
        face = self._tracked(neutral)
        self._readers = [(one, one.at_rest(face, _REST_QUANTILE)) for one in readers]
        self._scores = np.nanmean(face.scores, axis=0)

    def read(self, motion: MotionTrack, affect: Affect) -> Shown:
        face, told = self._tracked(motion), told_units()
        curves = affect.curves(np.zeros(1))
        asked = Seen(curves.aus[0].max(axis=1), curves.valence_arousal[0], curves.emotion[0])
        seen = [mean_of(reader.read_face(face, rest)) for reader, rest in self._readers]
        errors = [Errors.between(asked, one, told) for one in seen]
        rise = np.nanmean(face.scores, axis=0) - self._scores
        return Shown(
            errors[0],
            float(seen[0].emotion[asked.felt]),
            pearson(lip_opening(face.motion.filled()), self._said),
            float(np.abs(rise - curves.blendshapes()[0])[_SCORED].mean()),
            errors[1],
            [round(float(x), 3) for x in asked.units],
            [round(float(x), 3) for x in seen[0].units],
        )

    def _tracked(self, motion: MotionTrack) -> FaceTrack:
        drawing = before_first_frame(self._renderer)
        rows = zip(motion.blendshapes, motion.pose, strict=True)
        with FaceTracker(crops=True) as tracker:
            return largest(tracker.video((drawing.render(*row) for row in rows), motion.fps))


def try_loop(
    pipeline: TalkingHeadPipeline,
    portraits: Mapping[str, np.ndarray],
    waveform: np.ndarray,
    passes: int = 3,
    seeds: int = 1,
    intensities: Sequence[float] = INTENSITIES,
    size: int = 512,
    judge: Recognizer | None = None,
    others: Mapping[str, TalkingHeadPipeline] | None = None,
    memory: Memory | None = None,
    progress: ProgressHook = quiet,
) -> list[Trial]:
    """Every emotion at every intensity on every portrait, asked for in each way.

    Args:
        pipeline: makes the motion; its recognizer steers.
        portraits: name → uint8 ``[H, W, 3]``.
        waveform: ``[N]`` at 16 kHz, what they say.
        passes: of the closed loop, at most.
        seeds: to choose from; 1 leaves that way out.
        intensities: 0..1 each.
        size: of the frames in pixels.
        judge: reads the clips beside the steering recognizer; by default its experts apart.
        others: way → a pipeline that shows an intention otherwise, by an open loop.
        memory: what was tried before with the same arguments and packages.
        progress: called for each trial.

    Raises:
        NoFaceError: no face is found in drawn frames.
    """
    readers = [pipeline.recognizer, judge or apart(pipeline.recognizer)]
    wanted = [(emotion, level) for emotion in EMOTIONS[1:] for level in intensities]
    ways: dict[str, dict] = {"open": {}, "closed": {"passes": passes}}
    ways |= {"best_of": {"seeds": seeds}} if seeds > 1 else {}
    ways |= {way: {} for way in others or ()}
    memory = memory or Memory()
    trials: list[Trial] = []
    for portrait, image in portraits.items():

        @functools.cache
        def prepared(image=image) -> tuple[Renderer, _Reader]:
            renderer, _ = prepare_portrait(image, size, square=True, refiner=pipeline.refiner)
            neutral = _motion(pipeline, waveform, Affect(), _seed())
            return renderer, _Reader(renderer, neutral, readers)

        def clip(asked: Affect, way: str, prepared=prepared) -> tuple[Shown, LoopReport]:
            renderer, reader = prepared()
            shows = (others or {}).get(way, pipeline)
            affect, generator, report = asked, _seed(), LoopReport()
            if ways[way]:
                affect, generator, report = rehearse(
                    pipeline, renderer, pipeline.recognizer, waveform, asked, generator,
                    **ways[way],
                )  # fmt: skip
            return reader.read(_motion(shows, waveform, affect, generator), asked), report

        for emotion, level in wanted:
            asked = Affect.emotion(emotion, level)
            made = {}
            for way, how in ways.items():
                one = (others or {}).get(way, pipeline)
                manner = [one.expression, asdict(one.sampling)]
                key = (image, waveform, emotion, level, how, manner, size)
                made[way] = memory.recall(key, functools.partial(clip, asked, way))
            shown = {way: found for way, (found, _) in made.items()}
            trials.append(Trial(portrait, emotion, level, shown, made["closed"][1]))
            progress("trials", len(trials), len(portraits) * len(wanted))
    return trials


def apart(recognizer: Recognizer) -> Recognizer:
    """One that reads action units by motion alone and emotions by appearance alone."""
    silent = {"motion": 0.0} if recognizer.appearance else None
    return Recognizer(recognizer.head, recognizer.appearance, silent, neutral=recognizer.neutral)


def loop_figures(trials: Sequence[Trial]) -> dict:
    """What a set of trials says.

    Returns:
        by way (see :class:`Trial`) the ``errors``: ``place`` (root mean square of valence
        and arousal), ``units`` (mean absolute, of the told action units), ``scores``
        (MediaPipe's) and the judge's two, each as a mean over clips ``open`` and by this way, the
        share of the open loop's that is ``lowered`` with its interval over clips, and the share of
        clips that is ``better``; the same shares by emotion, intensity and portrait; ``sync``:
        means and the largest loss; ``emotion``: mean probability of what was asked for; ``shown``:
        how much of the told action units that were asked for is shown. Beside them ``by_unit``:
        where the action units' errors are (see :func:`unit_figures`); ``by_pass``: the errors
        that the loop itself read of the best pass so far.
    """
    groups = {
        "by_emotion": lambda trial: trial.emotion,
        "by_intensity": lambda trial: f"{trial.intensity:.2f}",
        "by_portrait": lambda trial: trial.portrait,
    }
    report: dict = {"clips": len(trials), "told": list(trials[0].loop.told)}
    names = list(_errors(trials[0].shown["open"]))
    for way in list(trials[0].shown)[1:]:
        found: dict = {"errors": {name: _figure(trials, way, name) for name in names}}
        for title, key in groups.items():
            found[title] = {
                group: {n: _lowered([t for t in trials if key(t) == group], way, n) for n in names}
                for group in dict.fromkeys(map(key, trials))
            }
        pairs = [(trial.shown["open"], trial.shown[way]) for trial in trials]
        found["sync"] = {
            "open": _mean(one.sync for one, _ in pairs),
            way: _mean(one.sync for _, one in pairs),
            "largest_loss": round(max(before.sync - after.sync for before, after in pairs), 4),
        }
        found["emotion"] = {
            "open": _mean(one.emotion for one, _ in pairs),
            way: _mean(one.emotion for _, one in pairs),
        }
        found["shown"] = {
            "open": _mean(_share_shown(one) for one, _ in pairs),
            way: _mean(_share_shown(one) for _, one in pairs),
        }
        report[way] = found
    report["by_unit"] = unit_figures(trials)
    loops = [trial.loop for trial in trials]
    best = [[_best(one, n) for one in loops] for n in range(max(len(o.passes) for o in loops))]
    report["by_pass"] = [
        {"place": _mean(e.place for e in row), "units": _mean(e.units for e in row)} for row in best
    ]
    seconds = [one.seconds for loop in loops for one in loop.passes[1:]]
    report["seconds_a_pass"] = _mean(seconds) if seconds else None
    return report


def unit_figures(trials: Sequence[Trial]) -> dict:
    """Told action units → where their errors are, by the recognizer that steers.

    Returns:
        for each: ``asked`` and ``not_asked``: mean absolute errors over the clips that ask for it
        and over the others, by way, with ``clips`` and, where it is asked for, the mean of what is
        ``wanted``; ``share`` of the open loop's error that is this unit's where it is asked for.
    """
    ways = list(trials[0].shown)
    asked = np.array([trial.shown["open"].asked for trial in trials])
    errors = {
        way: np.abs(np.array([trial.shown[way].read for trial in trials]) - asked) for way in ways
    }
    whole = errors["open"][:, told_units()].sum()
    found = {}
    for unit in np.flatnonzero(told_units()):
        row: dict = {}
        for name, clips in (("asked", asked[:, unit] > 0), ("not_asked", asked[:, unit] == 0)):
            if clips.any():
                row[name] = {"clips": int(clips.sum())}
                row[name] |= {way: _mean(errors[way][clips, unit]) for way in ways}
        if "asked" in row:
            clips = asked[:, unit] > 0
            row["asked"]["wanted"] = _mean(asked[clips, unit])
            row["share"] = round(float(errors["open"][clips, unit].sum() / whole), 4)
        found[AU_NAMES[unit]] = row
    return found


def _share_shown(shown: Shown) -> float:
    nothing = np.zeros(2), np.zeros(8)
    asked, read = (Seen(np.array(units), *nothing) for units in (shown.asked, shown.read))
    return share_shown(asked, read, told_units())


def _best(loop: LoopReport, number: int) -> Errors:
    """Of the passes up to one: the errors of that which would be kept."""
    made = loop.passes[: number + 1]
    kept = [one for one in made if allowed(one, made[0])]
    return min((one.errors for one in kept), key=lambda errors: errors.score)


def _errors(shown: Shown) -> dict[str, float]:
    found = {"place": shown.errors.place, "units": shown.errors.units, "scores": shown.scores}
    return found | {"judge_place": shown.judge.place, "judge_units": shown.judge.units}


def _figure(trials: Sequence[Trial], way: str, name: str) -> dict:
    before, after = ([_errors(t.shown[one])[name] for t in trials] for one in ("open", way))
    gone = np.subtract(before, after)
    bounds = bootstrap_interval(gone / np.mean(before))
    return {
        "open": _mean(before),
        way: _mean(after),
        "lowered": _lowered(trials, way, name),
        "ci95": bounds and [round(bound, 4) for bound in bounds],
        "better": _mean(gone > 0),
    }


def _lowered(trials: Sequence[Trial], way: str, name: str) -> float:
    before, after = (sum(_errors(t.shown[one])[name] for t in trials) for one in ("open", way))
    return round(1 - after / before, 4)


def _mean(values: Iterable[float]) -> float:
    return round(float(np.mean(list(values))), 4)


def _motion(
    pipeline: TalkingHeadPipeline, waveform: np.ndarray, affect: Affect, generator: torch.Generator
) -> MotionTrack:
    tracks = pipeline.spoken_motion(waveform, affect, fps=FPS, generator=generator)
    vectors = np.concatenate([track.to_vectors() for track in tracks])[::_EVERY]
    return MotionTrack.from_vectors(vectors, FPS / _EVERY)


def _seed() -> torch.Generator:
    return torch.Generator().manual_seed(0)
