"""What the closed loop and its rivals buy over the open loop: the same clips, read again.

Rivals are the best of n seeds and the recognizer's guidance of the diffusion.

Both are steered by the recognizer that scores them, so that its errors flatter them. Beside them
stand readings that steered nothing: MediaPipe's own scores against the coefficients that were asked
for, and a judge: the recognizer's experts apart, action units by motion alone and valence-arousal
by appearance alone, or other networks.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import torch

from gen.bench.memory import Memory
from gen.bench.motion import lip_opening
from gen.bench.trials import Shown, Trial
from gen.clip import ProgressHook, quiet
from gen.conditioning import Affect
from gen.loop.closed_loop import told_units
from gen.loop.controller import STEERED, Errors, Seen
from gen.loop.mirror import mean_of
from gen.loop.rehearsal import FPS, rehearse
from gen.loop.report import LoopReport
from gen.pipeline import TalkingHeadPipeline
from gen.portraits import prepare_portrait
from gen.renderers.base import Renderer, before_first_frame
from recognizer.facs import ARKIT_INDEX, AU_TO_ARKIT, EMOTIONS, sides
from recognizer.metrics.agreement import pearson
from recognizer.motion import MotionTrack
from recognizer.recognizer import Recognizer
from recognizer.tracker import FaceTrack, FaceTracker, largest

INTENSITIES = (0.5, 1.0)
#: Of a neutral clip in which the mouth talks, this quantile is the person at rest.
_REST_QUANTILE = 0.4
#: Every so many frames are read; in a sound as short as a sentence the loop has seen them all.
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


class _Reader:
    """Reads clips of one portrait relative to its neutral one."""

    def __init__(self, renderer: Renderer, neutral: MotionTrack, readers) -> None:
        self._renderer, self._said = renderer, lip_opening(neutral)
        face = self._tracked(neutral)
        self._readers = [(one, one.at_rest(face, _REST_QUANTILE)) for one in readers]
        self._scores = np.nanmean(face.scores, axis=0)
        reader, rest = self._readers[0]
        self._calm = mean_of(reader.read_face(face, rest)).units

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
            *([round(float(x), 3) for x in u] for u in (asked.units, seen[0].units, self._calm)),
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
        seeds: to choose from, as a way of its own and before the closed loop; 1 leaves both out.
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
    if seeds > 1:
        ways |= {"best_of": {"seeds": seeds}, "best_closed": {"seeds": seeds, "passes": passes}}
    ways |= {way: {} for way in others or ()}
    memory = memory or Memory()
    trials: list[Trial] = []
    for portrait, image in portraits.items():

        @functools.cache
        def prepared(image=image) -> tuple[Renderer, _Reader]:
            portrait = prepare_portrait(image, size, square=True)
            renderer = portrait.refined(pipeline.refiner).renderer
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


def _motion(
    pipeline: TalkingHeadPipeline, waveform: np.ndarray, affect: Affect, generator: torch.Generator
) -> MotionTrack:
    tracks = pipeline.spoken_motion(waveform, affect, fps=FPS, generator=generator)
    vectors = np.concatenate([track.to_vectors() for track in tracks])[::_EVERY]
    return MotionTrack.from_vectors(vectors, FPS / _EVERY)


def _seed() -> torch.Generator:
    return torch.Generator().manual_seed(0)
