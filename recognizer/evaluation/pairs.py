"""Two systems over the clips that both have: paired differences with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from recognizer.evaluation.catalogue import METRICS
from recognizer.evaluation.comparison import EvaluatedClip
from recognizer.evaluation.measures import ClipMeasures
from recognizer.evaluation.pooled import POOLED, Pooled
from recognizer.metrics.sampling import paired_difference

#: With fewer pairs than this no system is called better: five clips that all point one way do so
#: by chance once in sixteen.
LEAST_PAIRS = 6
#: Ratios to real clips, whose best value is 1.
_RATIOS = ("std_r_", "vc_r_")


@dataclass(frozen=True)
class Pair:
    """Two systems.

    Attributes:
        a, b: their names.
        clips: how many both have.
        metrics: name → ``{"difference", "ci95", "n", "superiority", "better", "of", "over"}``:
            mean of a less b with its 95 % interval, pairs, how often a is better than b (half of
            the ties), the better system's name or None, ``"value"`` or ``"distance from real"``,
            and what ``superiority`` counts: ``"clips"``, or ``"draws"`` of the bootstrap for
            figures that no clip has by itself.
    """

    a: str
    b: str
    clips: int
    metrics: dict[str, dict]


def compare_pairs(
    systems: Mapping[str, Sequence[EvaluatedClip]], references: Sequence[ClipMeasures]
) -> list[Pair]:
    """Every two systems; clips of one name (without ending) belong together.

    Args:
        systems: name → clips, no name twice in one system.
        references: measures of the real clips.
    """
    named = {
        system: {clip.request.clip.stem: clip for clip in clips}
        for system, clips in systems.items()
    }
    draw = _Draws(named, references)
    return [_pair(a, b, named, references, draw) for a, b in combinations(systems, 2)]


def _pair(a: str, b: str, named: Mapping, references, draw: _Draws) -> Pair:
    stems = [stem for stem in named[a] if stem in named[b]]
    found: dict[str, dict] = {}
    pooled = {name for one in POOLED for name in one.names}
    for name in METRICS:
        if name not in pooled:
            rows = np.array([_both(name, named[a][s], named[b][s], references) for s in stems])
            _put(found, a, b, name, *rows.reshape(-1, 2).T)
    for one in POOLED:
        found |= _pooled(one, a, b, stems, draw)
    ordered = {name: found[name] for name in METRICS if name in found}
    return Pair(a, b, len(stems), ordered)


def _both(name: str, first: EvaluatedClip, second: EvaluatedClip, references) -> tuple:
    """A measure of two clips; of one whose best value is the real clips', its distance from it."""
    values = [clip.metrics.get(name, (np.nan, 0))[0] for clip in (first, second)]
    if METRICS[name].better != "real":
        return tuple(values)
    own = first.reference or second.reference
    real = np.nan if own is None else own.scalars.get(name, np.nan)
    if not np.isfinite(real):
        others = [one.scalars[name] for one in references if name in one.scalars]
        real = np.mean(others) if others else np.nan
    return tuple(abs(value - real) for value in values)


def _put(found: dict, a: str, b: str, name: str, first: np.ndarray, second: np.ndarray) -> None:
    higher = METRICS[name].better == "higher"
    row = paired_difference(first, second, higher)
    if row["n"]:
        of = "distance from real" if METRICS[name].better == "real" else "value"
        found[name] = dict(row) | {
            "better": _better(a, b, row["ci95"], row["n"], higher), "of": of, "over": "clips",
        }  # fmt: skip


def _better(a: str, b: str, interval, n: int, higher: bool) -> str | None:
    if interval is None or n < LEAST_PAIRS or interval[0] <= 0 <= interval[1]:
        return None
    return a if (interval[0] > 0) == higher else b


class _Draws:
    """Figures of bootstrap draws, made once for each system and set of clips."""

    def __init__(self, named: Mapping, references: Sequence[ClipMeasures]) -> None:
        self._named = named
        self._real = {one.names: one.real_rows(references) for one in POOLED}
        self._rows: dict = {}
        self._done: dict = {}

    def row(self, one: Pooled, system: str, stem: str):
        """What a clip adds."""
        key = one.names, system, stem
        if key not in self._rows:
            self._rows[key] = one.row(self._named[system][stem])
        return self._rows[key]

    def __call__(self, one: Pooled, system: str, stems: tuple[str, ...]) -> np.ndarray:
        """Figures ``[1 + draws, names]``: first of all clips, then of clips drawn anew."""
        key = one.names, system, stems
        if key not in self._done:
            rows, real = [self.row(one, system, stem) for stem in stems], self._real[one.names]
            values = one.values(rows, real)
            whole = np.array([[values[name] for name in one.names]])
            self._done[key] = np.concatenate([whole, one.drawn(rows, real, one.draws)])
        return self._done[key]


def _pooled(one: Pooled, a: str, b: str, stems: Sequence[str], draw: _Draws) -> dict[str, dict]:
    both = tuple(s for s in stems if all(draw.row(one, x, s) is not None for x in (a, b)))
    if not both:
        return {}
    first, second = (draw(one, system, both) for system in (a, b))
    found = {}
    for i, name in enumerate(one.names):
        ratio = name.startswith(_RATIOS)
        x, y = (np.abs(rows[:, i] - 1) if ratio else rows[:, i] for rows in (first, second))
        away = x - y
        if not np.isfinite(away[0]):
            continue
        drawn = away[1:][np.isfinite(away[1:])]
        usable = len(both) > 1 and len(drawn) > 0
        interval = np.quantile(drawn, (0.025, 0.975)).tolist() if usable else None
        higher = METRICS[name].better == "higher"
        won = drawn if higher else -drawn
        found[name] = {
            "difference": float(away[0]), "ci95": interval, "n": len(both),
            "superiority": float((won > 0).mean() + (won == 0).mean() / 2) if usable else None,
            "better": _better(a, b, interval, len(both), higher),
            "of": "distance from real" if ratio else "value", "over": "draws",
        }  # fmt: skip
    return found
