"""Phones with times → lips: articulation targets, coarticulation by dominance, closures kept.

Each phone pulls every group of articulators towards its own target with a strength that falls off
in time before and after it; the face is the weighted mean of all pulls (Cohen and Massaro 1993,
*Modeling coarticulation in synthetic visual speech*; after Löfqvist 1990). Rounding reaches
furthest ahead (Bell-Berti and Harris 1982), the jaw is slower than the lips. What that mean and
its smoothing would blur is imposed afterwards: lips meet for /p b m/, the lower lip goes under the
teeth for /f v/.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from scipy.signal import butter, sosfiltfilt

from gen.data.visemes import BILABIALS, LABIODENTALS, VISEMES, VOWELS, symbols
from gen.data.voices import Phone
from recognizer.facs import ARKIT_INDEX, sides

#: Articulator groups: their coefficients, then anticipation and carry-over in seconds (the time in
#: which a phone's pull falls to 1/e, before and after it).
GROUPS = MappingProxyType({
    "jaw": (("jawOpen",), 0.045, 0.045),
    "round": (("mouthFunnel", "mouthPucker"), 0.095, 0.060),
    "spread": (("mouthStretch", "mouthSmile", "mouthDimple"), 0.065, 0.055),
    "lips": (
        ("mouthLowerDown", "mouthUpperUp", "mouthRollLower", "mouthRollUpper", "mouthShrugLower",
         "mouthShrugUpper", "mouthPress"), 0.032, 0.032,
    ),
    "tongue": (("tongueOut",), 0.030, 0.030),
})  # fmt: skip

_RATE = 200  # frames a second before sampling at the motion's rate; 25 divides it, and its halves
_CUTOFF = 8.0  # hertz
_TYPICAL_PHONE = 0.080  # seconds
_HOLD = (0.065, 0.110)  # shortest and longest closure of a bilabial, seconds
_APPROACH, _RELEASE = 0.060, 0.050


@dataclass(frozen=True)
class Articulation:
    """How one speaker moves the lips: factors of the table, 1 on average.

    Attributes:
        strength: of all targets, 0.7 (mumbling) to 1.2.
        jaw, rounding, spread, lips: further factors by group.
        press: pressure of closed lips.
        balance: ``[52]`` factors, left against right.
    """

    strength: float = 1.0
    jaw: float = 1.0
    rounding: float = 1.0
    spread: float = 1.0
    lips: float = 1.0
    press: float = 1.0
    balance: np.ndarray | None = None

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Articulation:
        """A speaker by chance."""
        balance = np.ones(52)
        for stem in ("mouthStretch", "mouthSmile", "mouthDimple", "mouthLowerDown", "mouthUpperUp",
                     "mouthPress"):  # fmt: skip
            lean = np.clip(rng.normal(0, 0.05), -0.12, 0.12)
            left, right = (ARKIT_INDEX[name] for name in sides(stem))
            balance[left], balance[right] = 1 + lean, 1 - lean
        factors = np.clip(rng.normal(1, 0.1, 5), 0.8, 1.25)
        return cls(float(rng.uniform(0.75, 1.15)), *map(float, factors), balance)

    def varied(self, rng: np.random.Generator) -> Articulation:
        """The same speaker in another utterance."""
        return replace(self, strength=float(np.clip(self.strength * rng.normal(1, 0.06), 0.7, 1.2)))


def articulate(
    phones: Sequence[Phone],
    frames: int,
    articulation: Articulation | None = None,
    emphasis: Sequence[float] | None = None,
    fps: float = 25.0,
) -> np.ndarray:
    """Mouth and jaw of an utterance: float32 ``[T, 52]``, 0..1; frame i shows (i + 0.5) / fps.

    Args:
        phones: in order, adjoining.
        frames: length of the result.
        articulation: the speaker; the table as it is if absent.
        emphasis: factor of each phone's opening, for stress; only vowels use it.
        fps: frames a second.

    Raises:
        ValueError: no phones, an unknown sound, or times that run backwards.
    """
    if not phones:
        raise ValueError("an utterance needs at least one phone")
    if any(p.end < p.start for p in phones) or any(b.start < a.start for a, b in pairwise(phones)):
        raise ValueError("phones must be in order of time")
    speaker = articulation or Articulation()
    gains = np.ones(len(phones)) if emphasis is None else np.asarray(emphasis, float)
    segments = [
        (symbol, phone.start + k * step, phone.start + (k + 1) * step, gain)
        for phone, gain in zip(phones, gains, strict=True)
        for parts in (symbols(phone.ipa),)
        for step in ((phone.end - phone.start) / len(parts),)
        for k, symbol in enumerate(parts)
    ]
    time = np.arange(int(np.ceil(frames / fps * _RATE)) + 1) / _RATE
    curves = _blend(segments, time, speaker)
    low_pass = butter(2, _CUTOFF, fs=_RATE, output="sos")
    curves = sosfiltfilt(low_pass, curves, axis=0, padlen=min(60, len(time) - 1))
    _constrain(curves, segments, time, speaker)
    if speaker.balance is not None:
        curves *= speaker.balance
    # Times of frames fall between the fine ones at odd rates.
    at = (np.arange(frames) + 0.5) / fps
    sampled = np.stack([np.interp(at, time, column) for column in curves.T], axis=1)
    return np.clip(sampled, 0, 1).astype(np.float32)


def _blend(segments, time: np.ndarray, speaker: Articulation) -> np.ndarray:
    """Weighted mean of all targets by dominance, ``[K, 52]``."""
    visemes = [VISEMES[symbol] for symbol, *_ in segments]
    starts = np.array([start for _, start, _, _ in segments])
    ends = np.array([end for _, _, end, _ in segments])
    opening = np.array([g if s in VOWELS else 1.0 for s, _, _, g in segments])
    spoken = np.array([bool(symbol) for symbol, *_ in segments])
    lengths = (ends - starts)[spoken] if spoken.any() else ends - starts
    # Fast speech overlaps in less time, but not in proportion: its targets are undershot.
    haste = np.clip(np.median(lengths) / _TYPICAL_PHONE, 0.5, 1.6) ** 0.7
    # A phone holds its target through its middle half; a pause, which is no gesture, all along.
    core = np.where(spoken, 0.25, 0.5) * (ends - starts)
    distance = time[:, None] - (starts + ends) / 2
    before = np.maximum(-distance - core, 0)
    after = np.maximum(distance - core, 0)
    factors = {"jaw": speaker.jaw, "round": speaker.rounding, "spread": speaker.spread,
               "lips": speaker.lips, "tongue": 1.0}  # fmt: skip
    out = np.zeros((len(time), 52))
    for group, (stems, ahead, behind) in GROUPS.items():
        strength = np.array([v.dominance[group] for v in visemes])
        pull = strength * np.exp(-before / (ahead * haste) - after / (behind * haste))
        pull /= pull.sum(1, keepdims=True) + 1e-6
        for stem in stems:
            target = np.array([v.targets.get(stem, 0.0) for v in visemes])
            if stem in ("jawOpen", "mouthLowerDown", "mouthUpperUp"):
                target = target * opening
            curve = pull @ target * factors[group] * speaker.strength
            for name in sides(stem):
                out[:, ARKIT_INDEX[name]] = curve
    return out


def _constrain(curves, segments, time: np.ndarray, speaker: Articulation) -> None:
    """Impose what speech cannot do without: closures, lip under teeth, lips at rest in pauses."""
    np.maximum(curves, 0, out=curves)
    seal, bite, rest = (np.zeros(len(time)) for _ in range(3))
    for symbol, start, end, _ in segments:
        if symbol in BILABIALS:
            # A stop's last third is its burst, when the lips have parted.
            stop = end if symbol == "m" else end - 0.3 * (end - start)
            length = np.clip(stop - start, *_HOLD)
            middle = (start + stop) / 2 if symbol == "m" else stop - length / 2
            window = (middle - length / 2, middle + length / 2)
            seal = np.maximum(seal, _plateau(time, *window, _APPROACH, _RELEASE))
        elif symbol in LABIODENTALS:
            middle, length = (start + end) / 2, max(0.05, 0.7 * (end - start))
            window = (middle - length / 2, middle + length / 2)
            bite = np.maximum(bite, _plateau(time, *window, _APPROACH, _RELEASE))
        elif symbol == "" and end - start > 0.2:
            opens = start - 9 if start <= time[0] else start + 0.15
            closes = end + 9 if end >= time[-1] - 0.05 else end - 0.12
            window = (opens, closes)
            rest = np.maximum(rest, _plateau(time, *window, 0.14, 0.12))
    bite *= 1 - seal
    closed = np.maximum(seal, rest)

    def scale(stem: str, factor: np.ndarray) -> None:
        for name in sides(stem):
            curves[:, ARKIT_INDEX[name]] *= factor

    def raise_to(stem: str, floor: np.ndarray) -> None:
        for name in sides(stem):
            column = curves[:, ARKIT_INDEX[name]]
            np.maximum(column, floor, out=column)

    scale("jawOpen", (1 - 0.4 * seal) * (1 - 0.5 * bite) * (1 - 0.8 * rest))
    for stem in ("mouthLowerDown", "mouthUpperUp"):
        scale(stem, 1 - closed)
    scale("mouthLowerDown", 1 - bite)
    scale("mouthFunnel", (1 - 0.85 * seal) * (1 - 0.7 * bite) * (1 - rest))
    scale("mouthPucker", (1 - 0.25 * seal) * (1 - 0.4 * bite))
    scale("tongueOut", (1 - closed) * (1 - bite))
    raise_to("mouthRollLower", 0.42 * bite)
    raise_to("mouthUpperUp", 0.08 * bite)
    raise_to("mouthPress", speaker.press * (0.12 * seal + 0.02 * rest))
    # In ARKit's terms the lips of an open jaw meet where mouthClose equals jawOpen.
    curves[:, ARKIT_INDEX["mouthClose"]] = curves[:, ARKIT_INDEX["jawOpen"]] * closed


def _plateau(time, start: float, end: float, rise: float, fall: float) -> np.ndarray:
    """1 from start to end, with raised cosines before and after."""
    up = np.clip((time - start + rise) / rise, 0, 1)
    down = np.clip((end + fall - time) / fall, 0, 1)
    return 0.25 * (1 - np.cos(np.pi * up)) * (1 - np.cos(np.pi * down))


def lips_closed(blendshapes: np.ndarray, gap: float = 0.02) -> np.ndarray:
    """bool ``[T]``: frames ``[T, 52]`` in which nothing parts the lips by more than ``gap``."""
    parting = blendshapes[:, ARKIT_INDEX["jawOpen"]] - blendshapes[:, ARKIT_INDEX["mouthClose"]]
    for stem in ("mouthLowerDown", "mouthUpperUp"):
        for name in sides(stem):
            parting = np.maximum(parting, blendshapes[:, ARKIT_INDEX[name]])
    return parting < gap
