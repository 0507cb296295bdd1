"""Give a speaker who was filmed holding still the head, lids, brows and eyes of a lively one."""

from __future__ import annotations

import numpy as np

from gen.data.upper_face import blinks, brow_motion, gaze, head_motion
from recognizer.facs import ARKIT_INDEX, ARKIT_NAMES, sides

#: bool ``[58]``: columns that :func:`liven` writes: pose, eyes and brows.
LIVENED = np.array([name.startswith(("eye", "brow")) for name in ARKIT_NAMES] + [True] * 6)
_LIPS = [i for i, name in enumerate(ARKIT_NAMES) if name.startswith(("jaw", "mouth"))]
#: Degrees at which an eyeLook coefficient is 1, to the sides and up or down.
_SIDEWAYS, _UPRIGHT = 30.0, 25.0


def liven(
    vectors: np.ndarray, waveform: np.ndarray, rng: np.random.Generator, variety: float = 0.0
) -> np.ndarray:
    """Motion with the same lips under a new upper face that moves with the speech.

    Args:
        vectors: float32 ``[T, 58]`` at 25 fps.
        waveform: float32 ``[N]`` at 16 kHz, the speech that goes with them.
        rng: chance.
        variety: how much one call's liveliness differs from the next one's: deviation of the
            logarithm of amplitudes and of the number of blinks; half of it for the lips.

    Returns:
        float32 ``[T, 58]``; columns outside :data:`LIVENED` are unchanged but for the lips'
        amplitude.
    """
    frames = len(vectors)
    whole, brow, pace, *axes = np.exp(variety * rng.standard_normal(6))
    out = np.array(vectors, np.float32)
    out[:, LIVENED] = 0
    out[:, _LIPS] *= np.exp(variety / 2 * rng.standard_normal())
    out[:, 52:] = head_motion(waveform, frames, rng, liveliness=whole * np.sqrt(axes))
    right, down = gaze(frames, rng, out[:, 52:]).T
    raised, knitted = (brow * curve for curve in brow_motion(waveform, frames, rng))
    brows = raised.mean(axis=1)
    curves = {
        "eyeBlink": blinks(frames, rng, pace=pace),
        "browInnerUp": 0.8 * brows,
        "browOuterUpLeft": raised[:, 0],
        "browOuterUpRight": raised[:, 1],
        "browDown": knitted,
        "eyeWide": 0.2 * brows,
        "eyeLookOutLeft": right / _SIDEWAYS,
        "eyeLookInRight": right / _SIDEWAYS,
        "eyeLookInLeft": -right / _SIDEWAYS,
        "eyeLookOutRight": -right / _SIDEWAYS,
        "eyeLookDown": down / _UPRIGHT,
        "eyeLookUp": -down / _UPRIGHT,
    }
    for stem, curve in curves.items():
        for name in sides(stem):
            out[:, ARKIT_INDEX[name]] = curve
    out[:, :52] = out[:, :52].clip(0, 1)
    return out
