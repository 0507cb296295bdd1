"""Why a face is read as it is: key observations → interpretation → conclusion.

The chain is that of ExpLLM (X. Lan et al., "ExpLLM: Towards Chain of Thought for Facial Expression
Recognition", 2024), written by rule rather than by a language model: the observations are action
units with FACS' own sentences, the interpretation weighs them by EMFACS' prototypes, and the
conclusion is the recognizer's. A user's language model may phrase the result; it cannot change it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from recognizer.explain_text import write
from recognizer.explanation import Conclusion, Explanation, Interpretation, Observation
from recognizer.facs import (
    ARKIT_INDEX,
    AU_INDEX,
    AU_NAMES,
    AU_SENTENCES,
    AU_TO_ARKIT,
    EMOTION_TO_AU,
    EMOTIONS,
    PRESENT,
    sides,
)

if TYPE_CHECKING:
    from recognizer.affect import AffectTrack

#: FACS' levels A to E by the lowest intensity that is coded so.
LEVELS = ((1.0, "trace"), (1.5, "slight"), (2.5, "marked"), (3.5, "severe"), (4.5, "maximum"))
#: Speech, blinks and closed eyes speak for no emotion and against none.
COMMON = ("AU25", "AU26", "AU27", "AU43", "AU45")
#: One side at twice the other's coefficient is called one-sided; below this sum none is known.
_ONE_SIDED, _LEAST_MOTION = 1 / 3, 0.1
#: A prototype is at its apex where so much of its most is shown.
_APEX = 0.8
#: A prototype is mentioned from this fit on, and at most so many are.
_WORTH_A_WORD, _MOST = 0.15, 3


def explain(
    track: AffectTrack,
    start: float = 0.0,
    end: float | None = None,
    phrase: Callable[[str], str] | None = None,
) -> Explanation:
    """Explain what a face shows.

    Args:
        track: the face.
        start: first second to look at.
        end: last second, the track's own if None.
        phrase: rewrites the finished text, as a language model of the user's might.

    Raises:
        ValueError: no face was found or nothing measured in this time, or ``phrase`` gives no text.
    """
    rows = np.flatnonzero(
        track.success & (track.times >= start) & (track.times <= (math.inf if end is None else end))
    )
    if len(rows) == 0:
        raise ValueError("no face was found in this time")
    measured = [np.isfinite(part[rows]).any() for part in (track.aus, track.emotion)]
    if not any(measured) and track.presence is None:
        raise ValueError("neither action units nor emotions were measured in this time")
    observations = _observe(track, rows)
    interpretation = _interpret(track, rows, observations)
    notes = _notes(observations)
    conclusion = _conclude(track, rows, interpretation)
    seen = measured[0] or track.presence is not None
    plain = write(len(rows) == 1, seen, observations, interpretation, notes, conclusion)
    text = plain
    if phrase is not None:
        text = phrase(plain)
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"the language model gave no text but {text!r:.60}")
    return Explanation(observations, interpretation, notes, conclusion, plain, text)


def _observe(track: AffectTrack, rows: np.ndarray) -> tuple[Observation, ...]:
    inside = np.zeros(len(track), bool)
    inside[rows] = True
    present = track.present() & inside[:, None]
    found = []
    for i, au in enumerate(AU_NAMES):
        if not present[:, i].any():
            continue
        curve = np.where(present[:, i], np.nan_to_num(track.aus[:, i], nan=PRESENT), -1.0)
        apex = int(curve.argmax())
        runs = _runs(present[:, i])
        first, last = next(run for run in runs if run[0] <= apex <= run[1])
        intensity = float(track.aus[apex, i])
        name, movement = AU_SENTENCES[au].split(": ", 1)
        observation = Observation(
            au=au,
            name=name,
            movement=movement,
            intensity=None if math.isnan(intensity) else intensity,
            level=_level(intensity),
            side=_side(track, au, apex),
            onset=first / track.fps,
            apex=apex / track.fps,
            offset=last / track.fps,
            episodes=len(runs),
        )
        found.append(observation)
    return tuple(sorted(found, key=lambda one: (one.au in COMMON, -(one.intensity or PRESENT))))


def _runs(present: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of each unbroken run."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], present, [False]]).astype(int)))
    return [(int(a), int(b) - 1) for a, b in edges.reshape(-1, 2)]


def _level(intensity: float) -> str:
    names = [name for lowest, name in LEVELS if intensity >= lowest]
    return names[-1] if names else "present"


def _side(track: AffectTrack, au: str, apex: int) -> str | None:
    if track.motion is None:
        return None
    shapes = track.motion.blendshapes[max(0, apex - 2) : apex + 3]
    moved = np.zeros(2)
    for stem, weight in AU_TO_ARKIT[au].items():
        pair = sides(stem)
        if len(pair) == 2:
            seen = shapes[:, [ARKIT_INDEX[name] for name in pair]]
            seen = seen[np.isfinite(seen).all(axis=1)]
            moved += weight * seen.sum(axis=0) / max(1, len(seen))
    left, right = moved
    if left + right < _LEAST_MOTION:
        return None
    lean = (left - right) / (left + right)
    return "left" if lean > _ONE_SIDED else "right" if lean < -_ONE_SIDED else "both"


def _interpret(
    track: AffectTrack, rows: np.ndarray, observations: tuple[Observation, ...]
) -> tuple[Interpretation, ...]:
    side = {one.au: one.side for one in observations}
    known = np.isfinite(track.aus[rows]).any(axis=0)
    if track.presence is not None:
        known |= np.isfinite(track.presence[rows]).any(axis=0)
    belonging = {au for prototype in _prototypes().values() for au in prototype}
    found = []
    for emotion, prototype in _prototypes().items():
        usable = {au: value for au, value in prototype.items() if known[AU_INDEX[au]]}
        strength = _at_its_apex(track, rows, usable)
        together = [au for au in usable if au in strength]
        if not set(together) - set(COMMON):
            continue
        reached = sum(min(strength[au], usable[au]) for au in together)
        support = reached / sum(usable.values())
        foreign = sorted((strength.keys() & belonging) - set(COMMON) - set(prototype))
        own = sum(strength[au] for au in together)
        fit = support * own / (own + sum(strength[au] for au in foreign))
        against = list(foreign)
        if emotion == "contempt" and not any(side[au] in ("left", "right") for au in together):
            against.append("contempt shows on one side, and none was seen to lead")
            fit /= 2
        found.append(
            Interpretation(
                emotion, support, fit, tuple(together),
                tuple(au for au in usable if au not in strength),
                tuple(au for au in prototype if au not in usable), tuple(against),
            )
        )  # fmt: skip
    worth = [one for one in found if one.fit >= _WORTH_A_WORD]
    return tuple(sorted(worth, key=lambda one: -one.fit)[:_MOST])


def _at_its_apex(track: AffectTrack, rows: np.ndarray, prototype: dict) -> dict[str, float]:
    """Action units that are there when most of a prototype is, with their mean intensity then.

    What a clip shows at other times neither goes together with it nor speaks against it.
    """
    present = track.present()[rows]
    intensity = np.where(present, np.nan_to_num(track.aus[rows], nan=PRESENT), 0.0)
    telling = [AU_INDEX[au] for au in prototype if au not in COMMON]
    most = np.array([prototype[AU_NAMES[i]] for i in telling])
    shown = np.minimum(intensity[:, telling], most).sum(axis=1)
    apex = shown >= _APEX * shown.max()
    there, mean = present[apex].mean(axis=0) >= 0.5, intensity[apex].mean(axis=0)
    return {au: float(mean[i]) for i, au in enumerate(AU_NAMES) if there[i]}


def _prototypes() -> dict[str, dict[str, float]]:
    """EMFACS' prototypes without their sides, and without neutral, which has none."""
    return {
        emotion: {au[:4]: value for au, value in aus.items()}
        for emotion, aus in EMOTION_TO_AU.items()
        if aus
    }


def _notes(observations: tuple[Observation, ...]) -> tuple[str, ...]:
    seen = {one.au: one for one in observations}
    notes = []
    if "AU12" in seen and "AU06" in seen:
        notes.append("cheeks and lip corners rise together, as in a smile that is felt")
    elif "AU12" in seen:
        notes.append("lip corners without cheeks (AU06) are common in a polite or posed smile")
    if {"AU25", "AU26", "AU27"} & set(seen):
        notes.append("lips and jaw part in speech too")
    if "AU04" in seen and not {"AU01", "AU05", "AU07", "AU09", "AU15", "AU23"} & set(seen):
        notes.append("brows alone are also lowered by effort or bright light")
    return tuple(notes)


def _conclude(
    track: AffectTrack, rows: np.ndarray, interpretation: tuple[Interpretation, ...]
) -> Conclusion:
    certain = float(track.confidence[rows].mean())
    best = interpretation[0].emotion if interpretation else None
    emotion, score = best or "neutral", interpretation[0].fit if interpretation else 0.0
    probability = peak = peak_probability = at = None
    usable = rows[np.isfinite(track.emotion[rows]).all(axis=1)]
    if len(usable):
        weight = np.maximum(track.confidence[usable], 1e-6)
        mean = np.average(track.emotion[usable], axis=0, weights=weight)
        emotion, score = EMOTIONS[int(mean.argmax())], float(mean.max())
        probability = score
        frame, column = np.unravel_index(track.emotion[usable, 1:].argmax(), (len(usable), 7))
        peak, at = EMOTIONS[column + 1], float(usable[frame] / track.fps)
        peak_probability = float(track.emotion[usable[frame], column + 1])
    place = track.valence_arousal[rows]
    place = place[np.isfinite(place).all(axis=1)]
    valence, arousal = map(float, place.mean(axis=0)) if len(place) else (None, None)
    shown = peak if emotion == "neutral" and peak is not None else emotion
    return Conclusion(
        emotion, probability, score * certain, peak, peak_probability, at, valence, arousal,
        agreement=None if best is None else best == shown,
    )  # fmt: skip
