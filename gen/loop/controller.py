"""From what a clip shows to what is commanded next: Gauss-Newton steps within limits.

A face is a plant with some dozen inputs (commanded action units) and a few outputs (action units
that the recognizer tells well, valence and arousal). How the outputs answer the inputs is probed
once on the portrait itself; after each pass Broyden's rank-one update (1965) makes that answer
agree with what was seen. Commands stay near what was asked: a face that overacts is no success.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recognizer.facs import AU_MAX, AU_NAMES

#: Action units that can be steered. Those that part, round or press the lips are the words' own.
STEERED = ("AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU09", "AU12", "AU14", "AU15", "AU20")
#: Errors that weigh the same: levels of intensity, and distance in valence and arousal.
UNIT_SCALE, PLACE_SCALE = 0.5, 0.2
#: An emotion read less surely than this is steered to as well, a factor of e weighing as much:
#: between two emotions valence and arousal jump, and their slope says nothing beforehand.
_SURE, _LEAST_LIKELY = 0.8, 0.01
#: An action unit of which less than this is read back for each level commanded is not told on this
#: portrait: its error steers nothing.
LEAST_GAIN = 0.08


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
    """

    units: float
    place: float | None

    @classmethod
    def between(cls, asked: Seen, seen: Seen, told: np.ndarray) -> Errors:
        """The errors over the action units ``told`` (bool ``[24]``, one at least)."""
        units = float(np.abs(asked.units - seen.units)[told].mean())
        if not np.isfinite(asked.place).all():
            return cls(units, None)
        return cls(units, float(np.sqrt(((asked.place - seen.place) ** 2).mean())))

    @property
    def score(self) -> float:
        """Both as one number, 0 where all is as asked."""
        return self.units / UNIT_SCALE + (self.place or 0.0) / PLACE_SCALE


@dataclass(frozen=True)
class Limits:
    """How far commands may leave what was asked.

    Attributes:
        told: factor, up or down, of an asked action unit that the recognizer tells.
        untold: the same of one that it does not tell, which only valence and arousal steer.
        step: the most that a command changes in one pass.
        effort: cost of a level's departure from what was asked, in units of squared error.
    """

    told: float = 2.5
    untold: float = 1.5
    step: float = 2.0
    effort: float = 0.01

    def bounds(self, asked: np.ndarray, told: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest commands ``[24]`` for asked intensities ``[24]``."""
        factor = np.where(told, self.told, self.untold)
        return asked / factor, np.minimum(asked * factor, AU_MAX)


class Controller:
    """Steers one demand.

    Args:
        asked: what a perfect clip would be read as.
        told: bool ``[24]``: action units whose readings can be relied on.
        steered: bool ``[24]``: action units whose commands may change.
        command: ``[24]`` intensities that are commanded at first.
        gains: ``[34, 24]``: what a level of each command adds to each output (see
            :meth:`Seen.outputs`).
        limits: see :class:`Limits`.
    """

    def __init__(
        self,
        asked: Seen,
        told: np.ndarray,
        steered: np.ndarray,
        command: np.ndarray,
        gains: np.ndarray,
        limits: Limits | None = None,
    ) -> None:
        self.asked, self.told, self.limits = asked, np.asarray(told, bool), limits or Limits()
        self._inputs = np.flatnonzero(steered)
        self._first = np.asarray(command, np.float64)
        self._gains = np.array(gains, np.float64)
        self._low, self._high = self.limits.bounds(self._first, self.told)
        self._step = self.limits.step
        self._best: tuple[float, np.ndarray, np.ndarray] | None = None  # score, command, outputs

    def next(self, command: np.ndarray, seen: Seen, allowed: bool = True) -> np.ndarray:
        """What to command after a pass.

        A pass that did worse than the best one before, or was not allowed, is stepped back from:
        the next step starts from the best one with the better known gains, and is half as long.

        Args:
            command: ``[24]`` of the pass.
            seen: what was read of it.
            allowed: whether it may be kept for all else that counts.

        Returns:
            ``[24]``, within the limits.
        """
        command, outputs = np.asarray(command, np.float64), seen.outputs()
        score = Errors.between(self.asked, seen, self.told).score
        if self._best is None:
            self._best = score, command, outputs
        else:
            _, known, before = self._best
            self._learn(command - known, outputs - before)
            if allowed and score < self._best[0]:
                self._best = score, command, outputs
            else:
                self._step /= 2
        return self._solved(*self._best[1:])

    def _learn(self, moved: np.ndarray, answered: np.ndarray) -> None:
        """Broyden's update: the smallest change of the gains that explains the answer."""
        length = moved @ moved
        if length > 1e-6:
            self._gains += np.outer(answered - self._gains @ moved, moved) / length

    def _solved(self, command: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        from scipy.optimize import lsq_linear

        told = self.told & (np.diag(self._gains[: len(AU_NAMES)]) >= LEAST_GAIN)
        goal = np.concatenate([self.asked.units, self.asked.place, np.full(8, np.log(_SURE))])
        doubted = (np.arange(8) == self.asked.felt) & (outputs[-8:] < goal[-8:])
        weight = np.concatenate([
            told / (UNIT_SCALE * np.sqrt(max(self.told.sum(), 1))),
            np.isfinite(self.asked.place) / (PLACE_SCALE * np.sqrt(2)),
            doubted,
        ])  # fmt: skip
        missing = weight * np.nan_to_num(goal - outputs)
        effort = np.sqrt(self.limits.effort)
        # Unknown: the change of each input. Rows: errors after it; distance from what was asked.
        free = self._inputs
        rows = np.vstack([weight[:, None] * self._gains[:, free], effort * np.eye(len(free))])
        wanted = np.concatenate([missing, effort * (self._first - command)[free]])
        low = np.maximum(self._low - command, -self._step)[free]
        high = np.minimum(self._high - command, self._step)[free]
        change = np.zeros(len(command))
        change[free] = lsq_linear(rows, wanted, (low, np.maximum(high, low + 1e-9))).x
        return command + change
