"""What an evaluation found, and how it is written as JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from recognizer.evaluation.aggregate import entry
from recognizer.evaluation.comparison import EvaluatedClip
from recognizer.evaluation.measures import ClipMeasures
from recognizer.evaluation.pairs import Pair
from recognizer.evaluation.radar import normalised
from recognizer.evaluation.requests import short_names
from recognizer.facs import AU_NAMES, EMOTIONS

_DIGITS = 6


@dataclass
class Evaluation:
    """What was found.

    Attributes:
        clips: those that could be measured.
        references: the real clips, by file.
        metrics: name → ``{"value", "n", "ci95", "backend", …}`` over all clips.
        unavailable: name → why there is no figure.
        failed: file and reason of what could not be measured.
    """

    clips: list[EvaluatedClip]
    references: dict[Path, ClipMeasures]
    metrics: dict[str, dict]
    unavailable: dict[str, str]
    failed: list[dict[str, str]]

    def to_json(self) -> dict:
        """JSON's types alone; numbers have six digits, and none is NaN. ``rest`` counts clips by
        whether the person at rest was known."""
        return plain(_body(self) | _around(self.references, self.failed))


@dataclass
class SystemsEvaluation:
    """Several systems side by side.

    Attributes:
        systems: name → its evaluation; all have the same references.
        pairs: every two systems, over the clips that both have.
        real: figures of the real clips by themselves.
        failed: file and reason of what could not be measured.
    """

    systems: dict[str, Evaluation]
    pairs: list[Pair]
    real: dict[str, dict]
    failed: list[dict[str, str]] = field(default_factory=list)

    @property
    def references(self) -> dict[Path, ClipMeasures]:
        """The real clips, by file."""
        return next(iter(self.systems.values())).references

    @property
    def best(self) -> dict[str, str]:
        """Measure → the system that is better than each of the others, if one is."""
        best = {}
        for name in dict.fromkeys(key for pair in self.pairs for key in pair.metrics):
            wins = Counter(p.metrics[name]["better"] for p in self.pairs if name in p.metrics)
            best.update((name, one) for one in self.systems if wins[one] == len(self.systems) - 1)
        return best

    def to_json(self) -> dict:
        """JSON's types alone; numbers have six digits, and none is NaN."""
        return plain(
            {
                "systems": {name: _body(found) for name, found in self.systems.items()},
                "pairs": [vars(pair) for pair in self.pairs],
                "best": self.best,
                "real": {"aggregate": self.real},
                **_around(self.references, self.failed),
            }
        )


def _body(found: Evaluation) -> dict:
    return {
        "clips": [_clip(clip) for clip in found.clips],
        "aggregate": found.metrics,
        "radar": normalised(found.metrics),
        "rest": Counter(clip.measures.rest for clip in found.clips),
        "unavailable": found.unavailable,
    }


def _around(references: dict[Path, ClipMeasures], failed: list[dict[str, str]]) -> dict:
    return {"failed": failed, "references": list(short_names(list(references)).values())}


def _clip(clip: EvaluatedClip) -> dict:
    request, measures = clip.request, clip.measures
    seen = measures.success
    emotion = measures.emotion[seen].mean(axis=0)
    valence, arousal = measures.valence_arousal[seen].mean(axis=0)
    return {
        "clip": clip.name,
        "file": str(request.clip),
        **{
            name: None if getattr(request, name) is None else str(getattr(request, name))
            for name in ("reference", "audio", "portrait")
        },
        "asked": None if request.asked is None else request.asked.name,
        "rest": measures.rest,
        "frames": len(measures),
        "fps": measures.fps,
        "shown": {
            "strongest": EMOTIONS[int(emotion.argmax())],
            "emotion": dict(zip(EMOTIONS, emotion, strict=True)),
            "valence": valence,
            "arousal": arousal,
            "aus": dict(zip(AU_NAMES, measures.aus[seen].mean(axis=0), strict=True)),
        },
        "metrics": {name: entry(name, value, n, None) for name, (value, n) in clip.metrics.items()},
        "unavailable": clip.reasons,
        "worst": clip.worst,
    }


def plain(value):
    """JSON's types; what is not finite is None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None
    return value
