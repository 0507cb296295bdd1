"""What one intention's clips showed, however they were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gen.loop.controller import Errors
from gen.loop.report import LoopReport


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
        asked, read, calm: ``[24]`` action units as they were asked for, as the recognizer that
            steers reads them, and as it reads them where the same is said without expression.
    """

    errors: Errors
    emotion: float
    sync: float
    scores: float
    judge: Errors
    asked: Sequence[float] = ()
    read: Sequence[float] = ()
    calm: Sequence[float] = ()


@dataclass(frozen=True)
class Trial:
    """One intention's clips.

    Attributes:
        portrait, emotion: names.
        intensity: 0..1.
        shown: ``"open"``, ``"closed"`` and, if they were tried, ``"best_of"``, ``"best_closed"``
            (the closed loop with the best seed), ``"diffused"`` and ``"guided"`` → what was read.
        loop: of the closed one.
    """

    portrait: str
    emotion: str
    intensity: float
    shown: Mapping[str, Shown]
    loop: LoopReport
