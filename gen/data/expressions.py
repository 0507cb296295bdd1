"""Expressions as they run over a speaking face: what is asked for, and how people would show it.

No corpus of expressive speech comes with the project, so the pairs that affect is learnt from are
made: a filmed speaker's neutral motion, an intention such as users state, and a performance of it.
The performance follows what is known of the course of expressions:

* an onset, an apex and an offset (Ekman and Friesen 1982). Movements are smooth and take longer the
  larger the muscle's way: brows and lids rise in 0.2 to 0.4 s, spontaneous smiles in 0.4 to 0.7 s
  (Schmidt, Cohn and Tian 2003; Cohn and Schmidt 2004), and they go more slowly than they came;
* lids and brows come before the mouth (Jack, Garrod and Schyns 2014);
* an apex is not still: it wavers by some percent and swells with the speech's accents;
* sides differ, the left one being the stronger a little more often (Ekman, Hager and Friesen 1981;
  Borod, Haywood and Koff 1997).

What emotion does besides is in :mod:`gen.data.bearing`. How all of it joins with speech is
:func:`gen.expression.add_expression`: lips shut where words shut them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from gen.affect_curves import AffectCurves
from gen.conditioning import Affect
from gen.data.bearing import articulated, carried
from gen.data.dataset import MotionWindows
from gen.data.upper_face import band_noise
from gen.expression import MARGIN, add_expression
from recognizer.facs import AU_MAX, AU_NAMES, EMOTIONS

FPS = 25.0
#: Seconds of a timeline before a window begins.
_BEFORE = 6.0
#: Time constants of onsets in seconds (a rise from 10 to 90 % takes 3.4 of them), by where the
#: muscle is, and how much slower an offset is.
_UPPER, _LOWER, _SLOWER = (0.06, 0.11), (0.11, 0.19), (1.2, 1.9)
#: The same of head, gaze and voice.
_FELT = 0.3
_UPPER_UNITS = np.isin(AU_NAMES, ["AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU43", "AU45"])
#: Standard deviations, relative to an action unit's intensity: of its wavering, of one person's
#: strength, and of one side against the other.
_WAVER, _STRENGTH, _SIDES = 0.07, 0.08, 0.06
#: How much an expression swells with the voice at full arousal.
_SWELL = 0.35
#: Units that users command by themselves; blinks and shut eyes are rarely among them.
_COMMANDED = [name for name in AU_NAMES if name not in ("AU43", "AU45")]


def draw_affect(rng: np.random.Generator, seconds: float) -> Affect:
    """An intention for a window that begins :data:`_BEFORE` seconds into its timeline.

    Held throughout, with an onset and an offset, or passing into another one: an emotion, a blend
    of two, a place on the circumplex or action units, of any strength.
    """
    kind = rng.random()
    if kind < 0.4:
        return _content(rng, 0.0)
    begins = _BEFORE + rng.uniform(-1.0, 0.75 * seconds)
    rise, fall = rng.uniform(0.04, 1.2, 2)
    holds = rng.uniform(0.5, 4.0)  # of expressions that are felt: Ekman and Friesen 1982
    calm = Affect.emotion("neutral")
    first = _content(rng, 0.0) if kind < 0.65 else calm
    last = calm if rng.random() < 0.8 else _content(rng, 0.0)
    return _joined(
        (begins, first),
        (begins + rise, apex := _content(rng, 0.0)),
        (begins + rise + holds, apex),
        (begins + rise + holds + fall, last),
    )


def _joined(*keys: tuple[float, Affect]) -> Affect:
    return Affect([replace(affect.keyframes[0], at=at) for at, affect in keys])


def _content(rng: np.random.Generator, at: float) -> Affect:
    kind, strength = rng.random(), rng.uniform(0.2, 1.0)
    first, second = rng.choice(EMOTIONS[1:], 2, replace=False)
    if kind < 0.5:
        return Affect.emotion(str(first), strength, at)
    if kind < 0.62:
        share = rng.uniform(0.3, 0.7)
        return Affect.emotion(str(first), strength * share, at) + Affect.emotion(
            str(second), strength * (1 - share), at
        )
    if kind < 0.78:
        angle, radius = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 1.0)
        return Affect.valence_arousal(radius * np.cos(angle), radius * np.sin(angle), at)
    units = rng.choice(_COMMANDED, rng.integers(1, 5), replace=False)
    side = rng.choice(["", "", "", "L", "R"], len(units))
    levels = rng.uniform(0.5, AU_MAX, len(units))
    return Affect.action_units(
        {f"{u}{s}": float(v) for u, s, v in zip(units, side, levels, strict=True)}, at
    )


def perform(
    speech: np.ndarray, affect: Affect, times: np.ndarray, level: np.ndarray, rng
) -> np.ndarray:
    """Neutral speech, spoken with an affect.

    Args:
        speech: ``[T, 58]`` motion vectors at 25 fps.
        affect: what is asked for.
        times: ``[T]`` seconds of its timeline.
        level: ``[T]`` loudness of the voice, 0..1 (:func:`gen.data.upper_face.loudness`).
        rng: chance.

    Returns:
        float32 ``[T, 58]``.
    """
    shown = performed_curves(affect, times, level, rng)
    arousal = shown.valence_arousal[:, 1]
    out = np.array(speech, np.float32)
    out[:, :52] = articulated(out[:, :52], arousal)
    out = carried(out, shown.emotion, arousal, rng)
    out[:, :52] = add_expression(out[:, :52], shown.blendshapes())
    return out


def performed_curves(
    affect: Affect, times: np.ndarray, level: np.ndarray, rng: np.random.Generator
) -> AffectCurves:
    """The course that a face takes where ``affect`` is asked for; arguments as of :func:`perform`.

    Muscles need time to move; they begin early, so that what is asked for is half there when it is
    half asked for.
    """
    frames = len(times)
    rise = np.where(_UPPER_UNITS, rng.uniform(*_UPPER), rng.uniform(*_LOWER))
    rise = np.repeat(rise * rng.uniform(0.8, 1.25, len(rise)), 2)
    lead = 2 * float(rise.mean())
    asked = affect.curves(times + lead)
    targets = [asked.aus.reshape(frames, -1), asked.valence_arousal, asked.emotion]
    felt = np.full(2 + len(EMOTIONS), _FELT)
    fall = rise * rng.uniform(*_SLOWER)
    moved = _moved(np.hstack(targets), np.append(rise, felt), np.append(fall, felt))
    shown, place, emotion = np.split(moved, [2 * len(AU_NAMES), 2 * len(AU_NAMES) + 2], axis=1)
    strength = 1 + _STRENGTH * np.repeat(rng.standard_normal(len(AU_NAMES)), 2)
    strength *= 1 + _SIDES * (rng.standard_normal(2 * len(AU_NAMES)) + np.tile([0.25, -0.25], 24))
    common = band_noise(frames, 0.3, 2.5, rng)
    own = np.stack([band_noise(frames, 0.3, 2.5, rng) for _ in range(4)])
    waver = 0.7 * common + 0.7 * own[rng.integers(len(own), size=len(AU_NAMES))]
    swell = _SWELL * np.clip(place[:, 1], 0, 1) * (level - level.mean())
    factor = strength * (1 + _WAVER * np.repeat(waver, 2, axis=0).T + swell[:, None])
    shown = np.clip(shown * factor, 0, AU_MAX)
    return AffectCurves(
        shown.reshape(frames, -1, 2).astype(np.float32),
        place.astype(np.float32),
        emotion.astype(np.float32),
    )


def _moved(target: np.ndarray, rise: np.ndarray, fall: np.ndarray) -> np.ndarray:
    """Critically damped pursuit of targets ``[T, K]``, each with its time constants ``[K]``."""
    step = 1 / FPS
    place, speed = target[0].astype(np.float64), np.zeros(target.shape[1])
    out = np.empty(target.shape)
    for i, goal in enumerate(target):
        tau = np.where(goal >= place, rise, fall)
        decay = np.exp(-step / tau)
        away = place - goal
        drive = (speed + away / tau) * step
        speed = (speed - drive / tau) * decay
        place = goal + (away + drive) * decay
        out[i] = place
    return out


@dataclass(frozen=True)
class ExpressiveWindows:
    """Windows of speech, each with an intention and its performance.

    Args:
        windows: neutral speech.
    """

    windows: MotionWindows

    def batch(
        self, rng: np.random.Generator, size: int, frames: int, context: int
    ) -> Mapping[str, np.ndarray]:
        """``size`` random windows; the same ``rng`` gives the same ones.

        Returns:
            What :meth:`gen.data.dataset.MotionWindows.batch` returns, ``motion`` being neutral, and
            ``shown`` float32 ``[B, frames, 58]``, the performance; ``aus`` ``[B, frames, 48]``,
            ``valence_arousal`` ``[B, frames, 2]`` and ``emotion`` ``[B, frames, 8]``, what was
            asked for; ``known`` bool ``[B, 3]``, of which of them the intention speaks.
        """
        # Pauses of speech are told by the frames around them.
        batch = self.windows.batch(rng, size, frames + 2 * MARGIN, context)
        times = _BEFORE + (np.arange(frames + 2 * MARGIN) - MARGIN + 0.5) / FPS
        inner = slice(MARGIN, MARGIN + frames)
        rows: dict[str, list[np.ndarray]] = {
            name: [] for name in ("shown", "aus", "valence_arousal", "emotion", "known")
        }
        for speech, level in zip(batch["motion"], batch["level"], strict=True):
            affect = draw_affect(rng, frames / FPS)
            asked = affect.curves(times[inner])
            rows["shown"].append(perform(speech, affect, times, level, rng)[inner])
            rows["aus"].append(asked.aus.reshape(frames, -1))
            rows["valence_arousal"].append(asked.valence_arousal)
            rows["emotion"].append(asked.emotion)
            rows["known"].append(np.array(affect.known))
        batch["motion"] = batch["motion"][:, inner]
        batch["speech"] = batch["speech"][:, MARGIN : MARGIN + frames + 2 * context]
        return batch | {name: np.stack(values) for name, values in rows.items()}
