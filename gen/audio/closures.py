"""Bilabials, heard: the log-odds, frame by frame, that the lips meet for an *m*, *b* or *p*."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from gen.audio.ridge import NeighbourRidge
from recognizer.easing import smoothstep
from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX, sides

PACKAGED = Path(__file__).parents[1] / "weights" / "closures"
#: Log-odds at which lips begin to close, and at which they are shut.
_BEGIN, _SHUT = 1.0, 4.0
#: What parts lips beside the jaw, and goes as they shut; how firmly they press then.
_PARTING = [
    ARKIT_INDEX[n]
    for stem in ("mouthFunnel", "mouthLowerDown", "mouthUpperUp", "mouthShrugUpper")
    for n in sides(stem)
]
_PRESS, _PRESSING = [ARKIT_INDEX[n] for n in sides("mouthPress")], 0.15
_CLOSE = ARKIT_INDEX["mouthClose"]


def load_closures(path: str | os.PathLike | None = None) -> NeighbourRidge:
    """Speech features → log-odds ``[T, 1]``, from a folder; the packaged map without one.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file is not such a map.
    """
    ridge = NeighbourRidge.load(path or PACKAGED, "map of closures")
    if ridge.rest.shape != (1,):
        raise ValueError(f"{path}: a map of closures has one output, not {len(ridge.rest)}")
    return ridge


def close_lips(blendshapes: np.ndarray, log_odds: np.ndarray) -> np.ndarray:
    """Let the lips meet where they are heard to.

    Args:
        blendshapes: ``[T, 52]``, 0..1.
        log_odds: ``[T]``.

    Returns:
        float32 ``[T, 52]``: the jaw stays as it is, the lips close over it.
    """
    model = FaceModel.load()
    share = smoothstep((np.asarray(log_odds, np.float64) - _BEGIN) / (_SHUT - _BEGIN))
    out = np.array(blendshapes, np.float64)
    out[:, _PARTING] *= (1 - share)[:, None]
    rest = model.lip_opening(np.zeros((1, out.shape[1])))[0]
    wanted = rest + (1 - share) * (model.lip_opening(out) - rest)
    strength = -model.lip_opening_rows[_CLOSE] / model.face_height
    out[:, _CLOSE] += np.clip(model.lip_opening(out) - wanted, 0, None) / strength
    out[:, _PRESS] = np.maximum(out[:, _PRESS], _PRESSING * share[:, None])
    return np.clip(out, 0, 1).astype(np.float32)
