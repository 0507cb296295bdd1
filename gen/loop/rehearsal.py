"""A pipeline's clip before it is made: the same motion, seldom drawn, in parts of the sound."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from gen.audio.timing import SAMPLE_RATE, frame_count
from gen.clip import ProgressHook, quiet
from gen.conditioning import Affect
from gen.editing import MotionEdit
from gen.loop.closed_loop import best_seed, close_loop, targets_of
from gen.loop.demands import demands_of, excerpts
from gen.loop.mirror import Mirror
from gen.loop.report import LoopReport
from gen.mixing import exactly
from gen.renderers.base import Renderer
from recognizer.motion import MotionTrack
from recognizer.recognizer import Recognizer

if TYPE_CHECKING:
    from gen.pipeline import TalkingHeadPipeline

#: Rate at which motion is made for the loop, and every how many of its frames are drawn; more often
#: in a short sound, so that there are about so many. (Fifteen frames of 1.8 seconds gave an emotion
#: 0.87 that had 0.51 in twice as many.)
FPS, EVERY, FRAMES = 25.0, 3, 40
#: Longest side of a portrait that is drawn for the loop: larger ones are read no better.
SIZE = 512


def rehearse(
    pipeline: TalkingHeadPipeline,
    renderer: Renderer,
    recognizer: Recognizer,
    waveform: np.ndarray,
    affect: Affect,
    generator: torch.Generator | None,
    *,
    passes: int = 0,
    seeds: int = 1,
    edits: Sequence[MotionEdit] = (),
    progress: ProgressHook = quiet,
    **options,
) -> tuple[Affect, torch.Generator, LoopReport]:
    """What to make a clip with, so that it shows what is asked for.

    Args:
        pipeline: makes the motion.
        renderer: draws the portrait.
        recognizer: reads the drawn frames.
        waveform: ``[N]`` at 16 kHz. Of a long one at most
            :data:`gen.loop.demands.SECONDS` seconds are looked at.
        affect: what is asked for. Of a timeline with more different demands than
            :data:`gen.loop.demands.MOST_DEMANDS` the ones that last longest are corrected.
        generator: its state is left as it is; None takes any seed.
        passes: the most renderings of the closed loop after that of the open one.
        seeds: how many are tried; the first is the generator's own.
        edits: see :class:`gen.pipeline.TalkingHeadPipeline`.
        progress: called for each rendering.
        options: ``style`` and ``steps`` of the pipeline's motion.

    Returns:
        the corrected intention, the generator to use, and the report.

    Raises:
        NoFaceError: no face is found in the drawn frames.
    """
    if generator is None:
        generator = torch.Generator()
        generator.seed()
    demands = demands_of(affect, len(waveform) / SAMPLE_RATE)
    if not demands:
        return affect, generator, LoopReport(ended="nothing is asked for that a face could show")
    parts = excerpts(affect, demands, len(waveform) / SAMPLE_RATE)
    sounds = [part.sound(waveform, SAMPLE_RATE) for part in parts]
    counts = [frame_count(len(sound), FPS) for sound in sounds]
    every = int(np.clip(sum(counts) // FRAMES, 1, EVERY))

    def show(affect: Affect, seed: int) -> MotionTrack:
        vectors = []
        for part, sound, count in zip(parts, sounds, counts, strict=True):
            tracks = pipeline.spoken_motion(
                sound, part.affect(affect), fps=FPS, edits=part.edits(edits),
                generator=_seeded(generator, seed), **options,
            )  # fmt: skip
            rows = np.concatenate([track.to_vectors() for track in exactly(tracks, count)])
            vectors.append(rows[::every])
        return MotionTrack.from_vectors(np.concatenate(vectors), FPS / every)

    times = [
        p.start + (np.arange(n) + 0.5)[::every] / FPS for p, n in zip(parts, counts, strict=True)
    ]
    targets = targets_of(affect, demands, np.concatenate(times))
    if not targets:  # sound ends before any of them is mostly reached
        return affect, generator, LoopReport(ended="nothing that is asked for lasts")
    seed, report = generator.initial_seed(), LoopReport()
    mirror = Mirror(renderer, recognizer, show(Affect(), seed))
    if seeds > 1:
        tried = [seed, *((seed + i) % 2**63 for i in range(1, seeds))]
        seed, report = best_seed(show, mirror, affect, targets, tried, progress)
    if passes:
        affect, closed = close_loop(
            functools.partial(show, seed=seed), mirror, affect, targets, passes, progress=progress
        )
        report += closed
    return affect, _seeded(generator, seed) if seeds > 1 else generator, report


def _seeded(generator: torch.Generator, seed: int) -> torch.Generator:
    """A generator for a seed; a copy for the given one's own."""
    new = torch.Generator().manual_seed(seed)
    if seed == generator.initial_seed():
        new.set_state(generator.get_state())
    return new
