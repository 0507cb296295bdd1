"""Give a speaker who was filmed holding still the head, lids, brows and eyes of a lively one."""

from __future__ import annotations

import numpy as np

from gen.data.upper_face import blinks, brow_accents, gaze, head_motion
from recognizer.facs import ARKIT_INDEX, ARKIT_NAMES, sides

#: bool ``[58]``: columns that :func:`liven` writes: pose, eyes and brows.
LIVENED = np.array([name.startswith(("eye", "brow")) for name in ARKIT_NAMES] + [True] * 6)
#: Degrees at which an eyeLook coefficient is 1, to the sides and up or down.
_SIDEWAYS, _UPRIGHT = 30.0, 25.0


def liven(vectors: np.ndarray, waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Motion with the same lips under a new upper face that moves with the speech.

    Args:
        vectors: float32 ``[T, 58]`` at 25 fps.
        waveform: float32 ``[N]`` at 16 kHz, the speech that goes with them.
        rng: chance.

    Returns:
        float32 ``[T, 58]``; columns outside :data:`LIVENED` are unchanged.
    """
    frames = len(vectors)
    out = np.array(vectors, np.float32)
    out[:, LIVENED] = 0
    out[:, 52:] = head_motion(waveform, frames, rng)
    right, down = gaze(frames, rng, out[:, 52:]).T
    brows = brow_accents(waveform, frames, rng)
    curves = {
        "eyeBlink": blinks(frames, rng),
        "browInnerUp": 0.6 * brows,
        "browOuterUp": brows,
        "eyeWide": 0.15 * brows,
        "eyeLookOutLeft": right / _SIDEWAYS,
        "eyeLookInRight": right / _SIDEWAYS,
        "eyeLookInLeft": -right / _SIDEWAYS,
        "eyeLookOutRight": -right / _SIDEWAYS,
        "eyeLookDown": down / _UPRIGHT,
        "eyeLookUp": -down / _UPRIGHT,
    }
    for stem, curve in curves.items():
        for name in sides(stem):
            out[:, ARKIT_INDEX[name]] = np.clip(curve, 0, 1)
    return out
