"""What the loop saw and did, as figures and as lines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gen.loop.controller import Errors

#: Changes of a command, in levels, that a line names.
_NAMED = 0.25
#: What a loss of the lips' r by 1 weighs against the errors' score.
_SYNC_WEIGHT = 5.0


@dataclass(frozen=True)
class Pass:
    """One rendering.

    Attributes:
        name: ``"open loop"``, ``"pass 1"`` … or ``"seed 7"``.
        errors: over all that was asked, each demand by how much of the clip is its.
        sync: Pearson's r of the lips' opening with that of the same speech without expression;
            NaN where the lips do not move.
        emotion: probability that the recognizer gives to the emotion that was asked for; None
            where none was.
        changed: for each demand, action unit → levels commanded beyond those asked for.
        seconds: what it took.
        shown: how much of the action units that were asked for is shown (see
            :func:`gen.loop.controller.share_shown`).
    """

    name: str
    errors: Errors
    sync: float
    emotion: float | None
    changed: tuple[Mapping[str, float], ...] = ()
    seconds: float = 0.0
    shown: float = 1.0

    @property
    def score(self) -> float:
        """Errors and lost sync as one number; less is better."""
        lost = 0.0 if math.isnan(self.sync) else 1 - self.sync
        return self.errors.score + _SYNC_WEIGHT * lost

    def __str__(self) -> str:
        parts = []
        if self.errors.place is not None:
            parts.append(f"valence-arousal off by {self.errors.place:.3f}")
        asked = self.errors.asked_units
        those = "" if asked is None else f" (those asked for by {asked:.2f})"
        parts.append(f"action units off by {self.errors.units:.2f}{those}")
        if self.emotion is not None:
            parts.append(f"the emotion asked for given {self.emotion:.0%}")
        parts.append("lips still" if math.isnan(self.sync) else f"lips r {self.sync:.3f}")
        moves = [
            " ".join(f"{name} {by:+.1f}" for name, by in one.items() if abs(by) >= _NAMED)
            for one in self.changed
        ]
        told = f" ({'; '.join(moves)})" if any(moves) else ""
        return f"{self.name}: {', '.join(parts)}{told}"


@dataclass(frozen=True)
class LoopReport:
    """What was rendered before the clip, and what of it is used.

    Attributes:
        passes: in the order in which they were made: seeds, then the open loop and its passes.
        kept: names of those whose seed and commands the clip has.
        told: action units over which their error is taken.
        ended: why no more passes were made.
    """

    passes: tuple[Pass, ...] = ()
    kept: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    ended: str = ""

    def __add__(self, other: LoopReport) -> LoopReport:
        """One after the other."""
        ended = "; ".join(filter(None, (self.ended, other.ended)))
        return LoopReport(
            (*self.passes, *other.passes), (*self.kept, *other.kept), other.told or self.told, ended
        )

    def __str__(self) -> str:
        kept = f"kept: {', '.join(self.kept)}" if self.kept else ""
        return "\n".join([*map(str, self.passes), "; ".join(filter(None, (self.ended, kept)))])
