"""What emotion does to a speaking face besides its expression: head, gaze, lids, articulation.

Directions are those that studies report; amounts are moderate choices, since most of the studies
give none:

* head up in happiness, down in sadness (Livingstone and Palmer 2016; Wallbott 1998), lowered and
  forward in anger (Coulson 2004; Witkower and Tracy 2019 on lowered heads and dominance), back in
  surprise and fear (Coulson 2004), turned away in disgust, raised and tilted in contempt;
* eyes on the viewer in joy and anger, averted in fear, down in sadness (Adams and Kleck 2005);
* a head that moves more in excited speech and less, and slower, in sad speech (Busso et al. 2007);
* more blinks when aroused (Ponder and Kennedy 1927);
* a jaw that opens wider in excited speech and less in sad speech (Lee et al. 2005).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from gen.data.upper_face import blinks
from recognizer.facs import ARKIT_INDEX, EMOTIONS, sides

#: Emotion at full strength → offsets: pitch (up), yaw, roll (either side, by chance) in degrees, z
#: (away from the viewer) in face widths, gaze to either side and down in degrees.
BEARINGS: Mapping[str, tuple[float, float, float, float, float, float]] = MappingProxyType({
    "neutral": (0, 0, 0, 0, 0, 0),
    "happiness": (2.5, 0, 1.5, -0.01, 0, 0),
    "surprise": (2.5, 0, 0, 0.05, 0, 0),
    "sadness": (-7.0, 0, 2.0, 0.01, 2, 6),
    "anger": (-4.0, 0, 0, -0.05, 0, 0),
    "disgust": (-1.0, 4.0, 1.0, 0.04, 2, 1),
    "fear": (1.0, 2.0, 0, 0.06, 4, 1),
    "contempt": (4.0, 2.0, 3.0, 0.02, 3, 2),
})  # fmt: skip
_OFFSETS = np.array([BEARINGS[name] for name in EMOTIONS])
#: Share by which one person's bearing differs from another's (standard deviation).
_PEOPLE = 0.35
#: Relative change of the head's movement and of the jaw's opening at arousal 1.
_HEAD_GAIN, _JAW_GAIN = 0.4, 0.12
#: Frames over which a slow head's movement is averaged.
_SLOW = 13
#: Degrees at which an eyeLook coefficient is 1, to the sides and up or down.
_SIDEWAYS, _UPRIGHT = 30.0, 25.0
_OUT, _IN = (
    [ARKIT_INDEX[f"eyeLook{a}Left"], ARKIT_INDEX[f"eyeLook{b}Right"]]
    for a, b in (("Out", "In"), ("In", "Out"))
)
_DOWN, _UP = ([ARKIT_INDEX[n] for n in sides(f"eyeLook{way}")] for way in ("Down", "Up"))
_LIDS = [ARKIT_INDEX[n] for n in sides("eyeBlink")]
_JAW = [ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]]


def articulated(blendshapes: np.ndarray, arousal: np.ndarray) -> np.ndarray:
    """Speech ``[T, 52]`` as an aroused ``[T]`` speaker opens the jaw for it; shut lips stay shut.

    Jaw and the lips' closing over it grow together.
    """
    out = np.array(blendshapes, np.float32)
    out[:, _JAW] = np.clip(out[:, _JAW] * (1 + _JAW_GAIN * arousal)[:, None], 0, 1)
    return out


def carried(
    vectors: np.ndarray, emotion: np.ndarray, arousal: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Motion with the bearing of an emotion: head, gaze and blinks.

    Args:
        vectors: ``[T, 58]`` at 25 fps.
        emotion: ``[T, 8]`` weights, shown.
        arousal: ``[T]``, -1..1, shown.
        rng: chance: people differ.

    Returns:
        float32 ``[T, 58]``.
    """
    out = np.array(vectors, np.float32)
    person = np.clip(1 + _PEOPLE * rng.standard_normal(6), 0.3, 1.8)
    side = rng.choice([-1.0, 1.0])
    pitch, yaw, roll, z, sideways, down = (emotion @ (_OFFSETS * person)).T
    yaw, roll, sideways = side * yaw, side * roll, side * sideways
    slow = _averaged(out[:, 52:], _SLOW)
    calm = np.clip(-1.2 * arousal, 0, 0.7)[:, None]
    gain = np.clip(1 + _HEAD_GAIN * arousal * person[0], 0.5, 1.6)[:, None]
    out[:, 52:] = gain * (out[:, 52:] + calm * (slow - out[:, 52:]))
    out[:, 52:55] += np.stack([pitch, yaw, roll], axis=1)
    out[:, 57] += z
    # Eyes stay on the viewer while the head turns, but for what the emotion averts.
    _look(out, sideways - 0.8 * yaw, down + 0.8 * pitch)
    if rng.random() < 0.8 * max(0.0, float(arousal.mean())):
        more = blinks(len(out), rng)[:, None]
        out[:, _LIDS] = np.maximum(out[:, _LIDS], more)
    return out


def _look(vectors: np.ndarray, right: np.ndarray, down: np.ndarray) -> None:
    """Turn the eyes by degrees ``[T]``, in place."""
    for forth, back, turn, full in (
        (_OUT, _IN, right, _SIDEWAYS),
        (_DOWN, _UP, down, _UPRIGHT),
    ):
        angle = vectors[:, forth] - vectors[:, back] + (turn / full)[:, None]
        vectors[:, forth], vectors[:, back] = np.clip(angle, 0, 1), np.clip(-angle, 0, 1)


def _averaged(rows: np.ndarray, frames: int) -> np.ndarray:
    kernel = np.hanning(frames + 2)[1:-1]
    kernel /= kernel.sum()
    padded = np.pad(rows, ((frames // 2, frames // 2), (0, 0)), mode="edge")
    return np.stack([np.convolve(c, kernel, "valid") for c in padded.T], axis=1)
