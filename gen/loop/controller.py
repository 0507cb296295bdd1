"""From what a clip shows to what is commanded next: trials in a few frames, within limits.

A face is a plant with some dozen inputs (commanded action units) and a few outputs (action units
that the recognizer tells well, valence and arousal). Its answer is no straight line: a brow that
hardly shows at two levels shows at four, one that is drawn together hardly rises at all, and one
unit's picture looks like another's. So before each pass every command is tried by itself, some
levels up and down, in a few frames of the best clip so far; the answers are added up to a model of
the face around that clip, and what is best by the model is tried before it is shown. Commands stay
near what was asked: a face that overacts is no success, and one that shows less of what was asked
for, so that valence and arousal come out right, is none either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from recognizer.facs import AU_INDEX, AU_MAX
from recognizer.motion import MotionTrack

#: Action units that can be steered. Those that part, round or press the lips are the words' own.
STEERED = ("AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU09", "AU12", "AU14", "AU15", "AU20")
#: Errors that weigh the same: levels of intensity, and distance in valence and arousal.
UNIT_SCALE, PLACE_SCALE = 1.0, 0.2
#: An emotion read less surely than this is steered to as well, a factor of e weighing so much:
#: between two emotions valence and arousal jump, and their slope says nothing beforehand.
_SURE, _LEAST_LIKELY, _DOUBT = 0.8, 0.01, 0.3
#: What is asked for is shown by so much at least, and as likely, if it was: less of it is no
#: correction.
LEAST_SHOWN, LEAST_LIKELY = 0.75, 0.6
#: What a loss of all that is asked for weighs against the errors' score, and of a factor of e in
#: how likely the emotion is.
_LOSS, _UNLIKELY = 5.0, 2.0
#: What showing the double of all that is asked for weighs, where it was not shown so at first: who
#: asks for a hint of a smile wants no grin, though the emotion be surer and valence come right.
_EXCESS = 1.5
#: Inner and outer brow are raised by one muscle: commands that part their departures from what was
#: asked by more than a level draw brows that nobody has; so much a level.
_BROWS, _APART = ("AU01", "AU02"), 0.3
#: Commands that are tried differ from the best ones by so much at least, and the model is searched
#: at so many values of each.
_LEAST_TRIAL, _GRID, _SWEEPS = 0.2, 9, 4

#: Commands ``[24]`` on some frames of a motion that shows the first of them → what is read of each.
Try = Callable[[MotionTrack, Sequence[np.ndarray]], "list[Seen]"]


@dataclass(frozen=True)
class Seen:
    """Means over the frames of a clip, as they are asked for or read.

    Attributes:
        units: ``[24]`` intensities 0-5.
        place: ``[2]`` valence and arousal, -1..1; NaN where none is asked for.
        emotion: ``[8]`` probabilities.
    """

    units: np.ndarray
    place: np.ndarray
    emotion: np.ndarray

    def outputs(self) -> np.ndarray:
        """``[34]``: units, place and the emotions' log-probabilities."""
        return np.concatenate([self.units, self.place, np.log(self.emotion + _LEAST_LIKELY)])

    @classmethod
    def of(cls, outputs: np.ndarray) -> Seen:
        """The inverse of :meth:`outputs`; sums of outputs are brought back into their ranges."""
        units, place = np.clip(outputs[:24], 0, AU_MAX), np.clip(outputs[24:26], -1, 1)
        return cls(units, place, np.clip(np.exp(outputs[26:]) - _LEAST_LIKELY, 0, 1))

    @property
    def felt(self) -> int | None:
        """Which emotion is asked for, by its number; None where it is neutral or a mixture."""
        first, second = np.argsort(-self.emotion[1:], kind="stable")[:2] + 1
        return int(first) if self.emotion[first] > 2 * self.emotion[second] else None


@dataclass(frozen=True)
class Errors:
    """How far a clip is from what was asked.

    Attributes:
        units: mean absolute error of the told action units, in levels of intensity 0-5.
        place: root mean square error of valence and arousal; None where neither is asked for.
        asked_units: as ``units``, of those that are asked for; None where none is.
    """

    units: float
    place: float | None
    asked_units: float | None = None

    @classmethod
    def between(cls, asked: Seen, seen: Seen, told: np.ndarray) -> Errors:
        """The errors over the action units ``told`` (bool ``[24]``, one at least)."""
        off, wanted = np.abs(asked.units - seen.units), told & (asked.units > 0)
        place = None
        if np.isfinite(asked.place).all():
            place = float(np.sqrt(((asked.place - seen.place) ** 2).mean()))
        return cls(
            float(off[told].mean()), place, float(off[wanted].mean()) if wanted.any() else None
        )

    @property
    def score(self) -> float:
        """All as one number, 0 where all is as asked. Of most told units nothing is asked, and what
        is read of them is mostly speech: those that are asked for count once more."""
        asked = self.units if self.asked_units is None else self.asked_units
        return (self.units + asked) / 2 / UNIT_SCALE + (self.place or 0.0) / PLACE_SCALE


def share_shown(asked: Seen, seen: Seen, told: np.ndarray) -> float:
    """How much of the told action units that are asked for is shown, 0..1: what is too strong
    does not make up for what is too weak. 1 where none is asked for."""
    wanted = np.where(told, asked.units, 0.0)
    total = wanted.sum()
    return float(np.minimum(wanted, seen.units).sum() / total) if total else 1.0


def share_in_excess(asked: Seen, seen: Seen, told: np.ndarray) -> float:
    """How far the told action units that are asked for are shown beyond it, in shares of all that
    is asked for; 0 where none is."""
    wanted = np.where(told, asked.units, 0.0)
    total = wanted.sum()
    beyond = np.maximum(seen.units - asked.units, 0)[wanted > 0]
    return float(beyond.sum() / total) if total else 0.0


@dataclass(frozen=True)
class Limits:
    """How far commands may leave what was asked.

    Attributes:
        told: factor up of an asked action unit that the recognizer tells.
        told_down: factor down of one that is read as more than was asked for.
        untold: factor up of one that it does not tell, which only valence and arousal steer. Down
            it is :data:`LEAST_SHOWN`.
        beside: most levels of an action unit that nobody asked for: it may cancel what the others
            seem to show besides. By default there is none: valence and arousal would be moved by
            a face that nobody wanted.
        step: the most that a command changes in one pass.
        effort, effort_beside: cost of a level's departure from what was asked, in units of the
            errors' score; of action units that nobody asked for.
    """

    told: float = 2.5
    told_down: float = 5.0
    untold: float = 1.5
    beside: float = 0.0
    step: float = 2.0
    effort: float = 0.02
    effort_beside: float = 0.06

    def bounds(
        self, command: np.ndarray, told: np.ndarray, short: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest commands ``[24]``.

        Args:
            command: ``[24]`` at first.
            told: bool ``[24]``.
            short: bool ``[24]``: read as less than was asked for.
        """
        low = np.where(told, np.where(short, 1.0, 1 / self.told_down), LEAST_SHOWN)
        high = np.where(told, self.told, self.untold) * command
        return command * low, np.where(command > 0, np.minimum(high, AU_MAX), self.beside)


class Controller:
    """Steers one demand.

    Args:
        asked: what a perfect clip would be read as.
        told: bool ``[24]``: action units whose readings can be relied on.
        steered: bool ``[24]``: action units whose commands may change.
        command: ``[24]`` intensities that are commanded at first.
        attempt: tries commands.
        limits: see :class:`Limits`.
    """

    def __init__(
        self,
        asked: Seen,
        told: np.ndarray,
        steered: np.ndarray,
        command: np.ndarray,
        attempt: Try,
        limits: Limits | None = None,
    ) -> None:
        self.asked, self.told, self.limits = asked, np.asarray(told, bool), limits or Limits()
        self._inputs = np.flatnonzero(steered)
        self._first = np.asarray(command, np.float64)
        self._step, self._try = self.limits.step, attempt
        self._least_shown = self._least_likely = self._most_excess = 0.0
        self._brows = [AU_INDEX[name] for name in _BROWS]
        self._best: tuple[float, np.ndarray, Seen, MotionTrack] | None = None

    def next(
        self, command: np.ndarray, seen: Seen, motion: MotionTrack, allowed: bool = True
    ) -> np.ndarray:
        """What to command after a pass.

        A pass that did worse than the best one before, or was not allowed, is stepped back from:
        the next step starts from the best one, and is half as long.

        Args:
            command: ``[24]`` of the pass.
            seen: what was read of it.
            motion: that was shown.
            allowed: whether it may be kept for all else that counts.

        Returns:
            ``[24]``, within the limits.
        """
        command = np.asarray(command, np.float64)
        if self._best is None:
            short = seen.units < self.asked.units
            self._low, self._high = self.limits.bounds(self._first, self.told, short)
            self._least_shown = min(LEAST_SHOWN, share_shown(self.asked, seen, self.told))
            self._most_excess = share_in_excess(self.asked, seen, self.told)
            if self.asked.felt is not None:
                self._least_likely = min(LEAST_LIKELY, float(seen.emotion[self.asked.felt]))
        cost = self.cost(command, seen)
        if self._best is None or (allowed and cost < self._best[0]):
            self._best = cost, command, seen, motion
        else:
            self._step /= 2
        return self._searched(*self._best[1:])

    def cost(self, command: np.ndarray, seen: Seen) -> float:
        """The errors' score of what is read, and all else that a command is chosen by."""
        doubt = 0.0
        if self.asked.felt is not None:
            likely = seen.emotion[self.asked.felt] + _LEAST_LIKELY
            doubt = _DOUBT * max(0.0, float(np.log(_SURE / likely)))
            less = (self._least_likely + _LEAST_LIKELY) / likely
            doubt += _UNLIKELY * max(0.0, float(np.log(less)))
        lost = max(0.0, self._least_shown - share_shown(self.asked, seen, self.told))
        excess = share_in_excess(self.asked, seen, self.told) - self._most_excess
        moved = (command - self._first)[self._brows]
        torn = max(0.0, float(np.ptp(moved)) - 1) if self._first[self._brows].all() else 0.0
        levels = np.where(self._first > 0, self.limits.effort, self.limits.effort_beside)
        effort = float(levels @ np.abs(command - self._first))
        errors = Errors.between(self.asked, seen, self.told)
        unlike = _LOSS * lost + _EXCESS * max(0.0, excess) + _APART * torn
        return errors.score + doubt + unlike + effort

    def _searched(self, command: np.ndarray, seen: Seen, motion: MotionTrack) -> np.ndarray:
        """The command that is best by trials around one that was seen."""
        low = np.maximum(self._low, command - self._step)
        high = np.minimum(self._high, command + self._step)
        moves = [
            (unit, level)
            for unit in self._inputs
            for level in (low[unit], high[unit])
            if abs(level - command[unit]) >= _LEAST_TRIAL
        ]
        if not moves:
            return command
        tried = self._try(motion, [command, *(_with(command, *move) for move in moves)])
        plain, *answers = (one.outputs() for one in tried)
        curves: dict[int, list[tuple[float, np.ndarray]]] = {}
        for (unit, level), answer in zip(moves, answers, strict=True):
            curves.setdefault(int(unit), [(command[unit], 0 * plain)]).append(
                (level, answer - plain)
            )

        def modelled(wanted: np.ndarray) -> Seen:
            change = sum(_between(points, wanted[unit]) for unit, points in curves.items())
            return Seen.of(seen.outputs() + change)

        best = command
        for _ in range(_SWEEPS):
            for unit in curves:
                candidates = [
                    _with(best, unit, level) for level in np.linspace(low[unit], high[unit], _GRID)
                ]
                best = min([best, *candidates], key=lambda one: self.cost(one, modelled(one)))
        # What was added up may hinder each other: seen together, the whole way or half of it.
        ways = [command, command + (best - command) / 2, best]
        plain, *answers = (one.outputs() for one in self._try(motion, ways))
        outcomes = [Seen.of(seen.outputs() + answer - plain) for answer in answers]
        costs = [self.cost(*pair) for pair in zip(ways[1:], outcomes, strict=True)]
        return ways[1 + int(np.argmin(costs))]


def _with(command: np.ndarray, unit: int, level: float) -> np.ndarray:
    out = command.copy()
    out[unit] = level
    return out


def _between(points: Sequence[tuple[float, np.ndarray]], level: float) -> np.ndarray:
    """A curve through points, at a level."""
    points = sorted(points, key=lambda point: point[0])
    levels, values = [point[0] for point in points], np.stack([point[1] for point in points])
    return np.array([np.interp(level, levels, column) for column in values.T])
