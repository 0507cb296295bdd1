"""Asked, shown, corrected, shown again; and the best of several seeds."""

from __future__ import annotations

import functools
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gen.clip import ProgressHook, quiet
from gen.conditioning import Affect
from gen.loop.controller import (
    LEAST_LIKELY,
    LEAST_SHOWN,
    STEERED,
    Controller,
    Errors,
    Limits,
    Seen,
    share_shown,
)
from gen.loop.demands import Demand, corrected, shares
from gen.loop.mirror import Mirror, mean_of
from gen.loop.report import LoopReport, Pass
from recognizer.facs import AU_NAMES
from recognizer.motion import MotionTrack
from recognizer.unit_reader import CALIBRATION

#: Good enough: levels of intensity, and distance in valence and arousal.
UNITS_TOLERANCE, PLACE_TOLERANCE = 0.1, 0.05
#: The most by which a pass may lower the lips' r with the speech.
SYNC_LOSS = 0.02
#: The most by which a pass may show less of what is asked for, or less likely: readings scatter.
SHOWN_LOSS = 0.02
#: Commands that differ by less, in levels, show the same.
_LEAST_CHANGE = 0.1
#: A frame is a demand's from this share on.
_MOSTLY = 0.5

#: Motion that shows an intention: always the same length, frames and words.
Show = Callable[[Affect], MotionTrack]


@dataclass(frozen=True)
class Target:
    """A demand where it is to be seen.

    Attributes:
        demand: what is asked for.
        weight: ``[T]``: how much of each frame is its.
        asked: what a perfect clip would be read as, on average over these frames.
    """

    demand: Demand
    weight: np.ndarray
    asked: Seen


def told_units() -> np.ndarray:
    """bool ``[24]``: steered action units that the packaged recognizer tells (see its card)."""
    names = json.loads(CALIBRATION.read_text(encoding="utf-8"))["test"]["rest_known"]["told"]
    return np.array([name in names and name in STEERED for name in AU_NAMES])


def targets_of(affect: Affect, demands: Sequence[Demand], times: np.ndarray) -> list[Target]:
    """Where demands are to be seen in frames at times ``[T]`` in seconds."""
    curves = affect.curves(times)
    units = curves.aus.max(axis=2)
    targets = []
    for demand, share in zip(demands, shares(affect, demands, times).T, strict=True):
        weight = np.where(share >= _MOSTLY, share, 0.0)
        if weight.any():
            mean = weight / weight.sum()
            place = mean @ curves.valence_arousal if demand.place else np.full(2, np.nan)
            targets.append(Target(demand, weight, Seen(mean @ units, place, mean @ curves.emotion)))
    return targets


def close_loop(
    show: Show,
    mirror: Mirror,
    affect: Affect,
    targets: Sequence[Target],
    passes: int,
    limits: Limits | None = None,
    progress: ProgressHook = quiet,
) -> tuple[Affect, LoopReport]:
    """Correct an intention until it is shown.

    Args:
        show: makes the motion.
        mirror: of the portrait.
        affect: what is asked for.
        targets: where it is to be seen (:func:`targets_of`), one at least.
        passes: the most renderings after that of the open loop.
        limits: of the commands.
        progress: called for each pass.

    Returns:
        the intention by corrected action units, and the report. It is never one that was read to
        be worse than ``affect`` as it is, nor one that costs the lips more than :data:`SYNC_LOSS`,
        nor one that shows what was asked for more weakly (see :func:`allowed`).
    """
    told, demands = told_units(), [target.demand for target in targets]
    neutral = show(Affect())
    commands = [[demand.command for demand in demands]]
    controllers: list[Controller] = []
    made: list[Pass] = []
    ended = f"{passes} passes made" if passes > 1 else "1 pass made"
    start = time.perf_counter()
    for number in range(passes + 1):
        progress("closing the loop", number, passes + 1)
        motion = show(corrected(affect, demands, commands[-1]))
        name = f"pass {number}" if number else "open loop"
        changed = tuple(_changed(*pair) for pair in zip(demands, commands[-1], strict=True))
        seen, sync = _look(mirror, motion, neutral, targets)
        made.append(_read(name, seen, sync, targets, told, start, changed))
        start = time.perf_counter()
        if _within_tolerance(made[-1].errors):
            ended = "within tolerance"
            break
        if number == passes:
            break
        controllers = controllers or _controllers(mirror, targets, told, limits or Limits())
        good = allowed(made[-1], made[0])
        wanted = [
            controller.next(command, one, motion, good)
            for controller, command, one in zip(controllers, commands[-1], seen, strict=True)
        ]
        if any(np.abs(np.subtract(wanted, tried)).max() < _LEAST_CHANGE for tried in commands):
            ended = "nothing more to change within the limits"
            break
        commands.append(wanted)
    best = min(
        (i for i, one in enumerate(made) if allowed(one, made[0])),
        key=lambda i: made[i].errors.score,
    )
    names = tuple(name for name, is_told in zip(AU_NAMES, told, strict=True) if is_told)
    report = LoopReport(tuple(made), (made[best].name,), names, ended)
    return corrected(affect, demands, commands[best]) if best else affect, report


def best_seed(
    show: Callable[[Affect, int], MotionTrack],
    mirror: Mirror,
    affect: Affect,
    targets: Sequence[Target],
    seeds: Sequence[int],
    progress: ProgressHook = quiet,
) -> tuple[int, LoopReport]:
    """The seed whose clip shows best what is asked for and speaks best.

    Args:
        show: makes the motion of an intention with a seed.
        mirror: of the portrait.
        affect: what is asked for.
        targets: see :func:`close_loop`.
        seeds: to choose from, one at least.
        progress: called for each seed.
    """
    told, made = told_units(), []
    for number, seed in enumerate(seeds):
        progress("trying seeds", number, len(seeds))
        start = time.perf_counter()
        seen, sync = _look(mirror, show(affect, seed), show(Affect(), seed), targets)
        made.append(_read(f"seed {seed}", seen, sync, targets, told, start))
    best = min(range(len(made)), key=lambda i: made[i].score)
    return seeds[best], LoopReport(tuple(made), (made[best].name,))


def _controllers(
    mirror: Mirror, targets: Sequence[Target], told: np.ndarray, limits: Limits
) -> list[Controller]:
    """One for each target."""
    everything = np.isin(AU_NAMES, STEERED)
    return [
        Controller(
            one.asked,
            told,
            one.demand.steered if limits.beside == 0 else everything,
            one.demand.command,
            functools.partial(_attempt, mirror, one),
            limits,
        )
        for one in targets
    ]


def _look(
    mirror: Mirror, motion: MotionTrack, neutral: MotionTrack, targets: Sequence[Target]
) -> tuple[list[Seen], float]:
    track, sync = mirror.look(motion, neutral)
    return [mean_of(track, target.weight) for target in targets], sync


def _read(
    name: str, seen: Sequence[Seen], sync: float, targets: Sequence[Target], told: np.ndarray,
    start: float, changed: tuple[dict[str, float], ...] = (),
) -> Pass:  # fmt: skip
    """A rendering that was begun at ``start``, as it was seen."""
    return Pass(
        name,
        _overall(targets, seen, told),
        sync,
        _emotion(targets, seen),
        changed,
        time.perf_counter() - start,
        _share_shown(targets, seen, told),
    )


def _overall(targets: Sequence[Target], seen: Sequence[Seen], told: np.ndarray) -> Errors:
    """The targets' errors."""
    each = [Errors.between(t.asked, one, told) for t, one in zip(targets, seen, strict=True)]
    square = _mean(targets, [None if one.place is None else one.place**2 for one in each])
    return Errors(
        _mean(targets, [one.units for one in each]),
        None if square is None else math.sqrt(square),
        _mean(targets, [one.asked_units for one in each]),
    )


def _emotion(targets: Sequence[Target], seen: Sequence[Seen]) -> float | None:
    """The mean probability of the emotions that are asked for."""
    felt = [target.asked.felt for target in targets]
    pairs = zip(felt, seen, strict=True)
    return _mean(targets, [None if which is None else one.emotion[which] for which, one in pairs])


def _share_shown(targets: Sequence[Target], seen: Sequence[Seen], told: np.ndarray) -> float:
    shares = [share_shown(t.asked, one, told) for t, one in zip(targets, seen, strict=True)]
    return _mean(targets, shares)


def _mean(targets: Sequence[Target], values: Sequence[float | None]) -> float | None:
    """The mean of what is known of targets, each by how much of the frames it has."""
    pairs = zip(values, targets, strict=True)
    known = [(value, target.weight.sum()) for value, target in pairs if value is not None]
    if not known:
        return None
    found, weights = np.transpose(known)
    return float(np.average(found, weights=weights))


def allowed(one: Pass, first: Pass) -> bool:
    """Whether a pass may be kept: its lips are about as good as in the open loop (still ones have
    nothing to lose), and what is asked for is shown as much and as likely, or enough."""
    if one.sync < first.sync - SYNC_LOSS:
        return False
    likely = one.emotion is None or one.emotion >= min(first.emotion - SHOWN_LOSS, LEAST_LIKELY)
    return likely and one.shown >= min(first.shown - SHOWN_LOSS, LEAST_SHOWN)


def _attempt(
    mirror: Mirror, target: Target, motion: MotionTrack, commands: Sequence[np.ndarray]
) -> list[Seen]:
    """Commands tried where the target is to be seen; the motion shows the first of them."""
    rows = np.flatnonzero(target.weight)
    part = MotionTrack(motion.blendshapes[rows], motion.pose[rows], motion.fps)
    shown, *_ = expressions = [target.demand.coefficients(command) for command in commands]
    return mirror.attempt(part, [expression - shown for expression in expressions])


def _changed(demand: Demand, command: np.ndarray) -> dict[str, float]:
    moved = command - demand.command
    named = np.flatnonzero(demand.steered | (np.abs(moved) > 0))
    return {AU_NAMES[i]: round(float(moved[i]), 3) for i in named}


def _within_tolerance(errors: Errors) -> bool:
    return errors.units <= UNITS_TOLERANCE and (errors.place or 0.0) <= PLACE_TOLERANCE
