"""What an intention demands, where in the sound that is to be seen, and the same corrected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import uniform_filter1d

from gen.affect_curves import AffectCurves
from gen.conditioning import Affect
from gen.editing import MotionEdit
from gen.loop.controller import STEERED
from recognizer.facs import AU_MAX, AU_NAMES, EMOTIONS

#: So many seconds of a clip are looked at, and so many demands of a timeline.
SECONDS, MOST_DEMANDS = 8.0, 8
#: Times at which a timeline is searched, a second.
_SEARCH_FPS = 10.0


@dataclass(frozen=True)
class Demand:
    """Keyframes that ask for the same.

    Attributes:
        keys: their places in :attr:`gen.conditioning.Affect.keyframes`.
        aus: ``[24, 2]`` intensities 0-5, left and right.
        place: ``(valence, arousal)``, or None where only action units are asked for.
    """

    keys: tuple[int, ...]
    aus: np.ndarray
    place: tuple[float, float] | None

    @property
    def steered(self) -> np.ndarray:
        """bool ``[24]``: action units that may be corrected. Only those that are asked for: others
        would move valence and arousal too, by a face that nobody wanted."""
        return (self.command > 0) & np.isin(AU_NAMES, STEERED)

    @property
    def command(self) -> np.ndarray:
        """``[24]``: the stronger side of each action unit."""
        return self.aus.max(axis=1)

    def sided(self, command: np.ndarray) -> np.ndarray:
        """A command ``[24]`` as ``[24, 2]``: an action unit asked for on one side stays there."""
        asked = self.command[:, None]
        share = np.divide(self.aus, asked, out=np.ones_like(self.aus, float), where=asked > 0)
        return np.clip(share * np.asarray(command)[:, None], 0, AU_MAX)

    def coefficients(self, command: np.ndarray) -> np.ndarray:
        """The expression ``[52]`` that a command ``[24]`` stands for."""
        nothing = np.zeros((1, 2)), np.zeros((1, len(EMOTIONS)))
        return AffectCurves(self.sided(command)[None], *nothing).blendshapes()[0]


def demands_of(affect: Affect, duration: float) -> list[Demand]:
    """What is asked for within ``duration`` seconds, by the order of its first keyframe.

    Neutral moments ask for nothing. Of more than :data:`MOST_DEMANDS` those that last longest are
    given.
    """
    found: dict[tuple, list[int]] = {}
    for i, key in enumerate(affect.keyframes):
        if np.any(key.aus):
            asked = (*np.ravel(key.aus), *key.valence_arousal)
            found.setdefault(tuple(round(float(v), 4) for v in asked), []).append(i)
    demands = []
    for keys in found.values():
        key = affect.keyframes[keys[0]]
        place = key.valence_arousal if any(key.valence_arousal) else None
        demands.append(Demand(tuple(keys), np.asarray(key.aus, np.float64), place))
    times = np.arange(0, duration, 1 / _SEARCH_FPS)
    lasting = np.array([shares(affect, [one], times).sum() for one in demands])
    longest = np.argsort(-lasting, kind="stable")[:MOST_DEMANDS]
    return [demands[i] for i in sorted(longest) if lasting[i] > 0]


def shares(affect: Affect, demands: Sequence[Demand], times: np.ndarray) -> np.ndarray:
    """How much of each moment is each demand's: ``[T, D]``, 0..1, for times ``[T]`` in seconds."""
    # Keyframes are mixed linearly, so that a mark they carry says how much each one counts.
    marks = np.zeros((len(affect.keyframes), len(AU_NAMES), 2))
    for column, demand in enumerate(demands):
        marks[list(demand.keys), column, 0] = 1
    marked = [replace(key, aus=mark) for key, mark in zip(affect.keyframes, marks, strict=True)]
    return Affect(marked).curves(np.asarray(times)).aus[:, : len(demands), 0]


def corrected(affect: Affect, demands: Sequence[Demand], commands: Sequence[np.ndarray]) -> Affect:
    """The same intention by other action units: a command ``[24]`` for each demand."""
    keys = list(affect.keyframes)
    for demand, command in zip(demands, commands, strict=True):
        for i in demand.keys:
            keys[i] = replace(keys[i], aus=demand.sided(command))
    return Affect(keys, affect.shapes)


@dataclass(frozen=True)
class Excerpt:
    """A part of the sound, in seconds."""

    start: float
    stop: float

    def sound(self, waveform: np.ndarray, rate: int) -> np.ndarray:
        """That part of a waveform."""
        return waveform[round(self.start * rate) : round(self.stop * rate)]

    def affect(self, whole: Affect) -> Affect:
        """What is asked for there, by the excerpt's own time."""
        keys = [replace(key, at=key.at - self.start) for key in whole.keyframes]
        return Affect(keys, [(at - self.start, values) for at, values in whole.shapes])

    def edits(self, edits: Sequence[MotionEdit]) -> tuple[MotionEdit, ...]:
        """What is held there, by the excerpt's own time."""

        def moved(points: Mapping) -> dict:
            return {column: (at - self.start, held) for column, (at, held) in points.items()}

        return tuple(replace(edit, points=moved(edit.points)) for edit in edits)


def excerpts(
    affect: Affect, demands: Sequence[Demand], duration: float, seconds: float = SECONDS
) -> list[Excerpt]:
    """Parts of the sound in which the demands are to be seen: all of a short one, otherwise for
    each demand where it has the largest share, ``seconds`` in all."""
    if duration <= seconds:
        return [Excerpt(0.0, duration)]
    length = seconds / len(demands)
    times = np.arange(0, duration, 1 / _SEARCH_FPS)
    width = max(1, round(length * _SEARCH_FPS))
    usual = uniform_filter1d(shares(affect, demands, times), width, axis=0, mode="constant")
    # Where several moments are as good, the earliest: its motion is the one of the whole clip.
    middles = times[np.argmax(np.round(usual, 3), axis=0)]
    starts = sorted({float(np.clip(m - length / 2, 0, duration - length)) for m in middles})
    parts: list[Excerpt] = []
    for start in starts:
        if parts and start < parts[-1].stop:
            parts[-1] = Excerpt(parts[-1].start, start + length)
        else:
            parts.append(Excerpt(start, start + length))
    return parts
