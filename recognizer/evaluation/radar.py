"""A system at a glance: a few measures brought to 0..1, where 1 is real clips or perfection.

======================== ======================================================================
axis                     normalised figure
======================== ======================================================================
emotion as asked         (accuracy − 1/8) / (1 − 1/8)
action units as asked    mean CCC
valence, arousal         mean of both CCCs
expressions              floor / E-FID; 1 where it is below its floor (real against real)
motion over time         the same of delta E-FID
liveliness               mean over mouth, eyes, brows, head of min(Std-R, 1 / Std-R)
steadiness               real jitter / jitter
calm pictures            real flicker / flicker
lips with sound          (r − r of other clips' sound) / (real r − r of other clips' sound)
identity                 (similarity − 0.4) / (real similarity − 0.4); 0.4: still the same person
======================== ======================================================================

All are cut to 0..1. An axis whose figures are lacking is left out. A frozen face is steady and
calm; liveliness tells.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from recognizer.facs import EMOTIONS
from recognizer.metrics.dynamics import MOTION_REGIONS
from recognizer.metrics.identity import SAME_PERSON

_CHANCE = 1 / len(EMOTIONS)


def normalised(metrics: Mapping[str, Mapping]) -> dict[str, float]:
    """Axis → 0..1, of those that the figures allow.

    Args:
        metrics: name → ``{"value", "floor", "reference", …}``
            (:func:`recognizer.evaluation.aggregate.aggregate`).
    """

    def value(name: str) -> float:
        return metrics.get(name, {}).get("value", np.nan)

    def real(name: str) -> float:
        return (metrics.get(name, {}).get("reference") or {}).get("value", np.nan)

    def floor(name: str) -> float:
        return (metrics.get(name, {}).get("floor") or {}).get("mean", np.nan)

    spread = np.array([value(f"std_r_{region}") for region in MOTION_REGIONS])
    alike = np.where(spread > 1, 1 / np.maximum(spread, 1), spread)
    person = real("identity_similarity")
    figures = {
        "emotion as asked": _share(value("emotion_accuracy"), _CHANCE, 1.0),
        "action units as asked": value("au_ccc"),
        "valence, arousal": _mean(np.array([value("valence_ccc"), value("arousal_ccc")])),
        "expressions": _ratio(floor("e_fid"), value("e_fid")),
        "motion over time": _ratio(floor("delta_e_fid"), value("delta_e_fid")),
        "liveliness": _mean(alike),
        "steadiness": _ratio(real("jitter"), value("jitter")),
        "calm pictures": _ratio(real("flicker"), value("flicker")),
        "lips with sound": _share(
            value("lip_audio_r_best"), floor("lip_audio_r_best"), real("lip_audio_r_best")
        ),
        "identity": _share(value("identity_similarity"), 1 - SAME_PERSON,
                           person if np.isfinite(person) else 1.0),
    }  # fmt: skip
    return {
        name: float(np.clip(figure, 0, 1)) for name, figure in figures.items() if figure == figure
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean())


def _ratio(real: float, value: float) -> float:
    """``real / value``, at most 1; NaN where either is lacking."""
    if not np.isfinite([real, value]).all():
        return np.nan
    return 1.0 if value <= real else real / value


def _share(value: float, least: float, best: float) -> float:
    """How far from the least to the best; NaN where the best is no better than the least."""
    return (value - least) / (best - least) if best > least else np.nan
