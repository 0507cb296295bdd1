"""Emotion on top of speech: a residual that leaves the closing of the lips to the words."""

from __future__ import annotations

import numpy as np

from recognizer.easing import smoothstep
from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX, ARKIT_NAMES, sides

#: Coefficients that part the lips, and those that shut them: speech decides on both.
_PARTING = ("jawOpen", "mouthFunnel", "mouthLowerDown", "mouthUpperUp", "mouthShrugUpper")
_SHUTTING = ("mouthPress", "mouthRollLower", "mouthRollUpper", "mouthClose")
#: Rounded lips hold their corners.
_CORNERS = ("mouthSmile", "mouthStretch", "mouthFrown", "mouthDimple")
#: Brows that an expression lowers are not raised by accents.
_RAISING, _LOWERING = ("browInnerUp", "browOuterUp"), "browDown"
#: Openings in face heights: below the first lips count as closed, above the second as open.
_CLOSED, _OPEN = 0.010, 0.030
_PAUSE = 8
#: How many frames to either side a frame's result depends on.
MARGIN = 3 * _PAUSE


def _columns(stems: tuple[str, ...]) -> np.ndarray:
    return np.array([ARKIT_INDEX[name] for stem in stems for name in sides(stem)])


def add_expression(speech: np.ndarray, expression: np.ndarray) -> np.ndarray:
    """Combine speech and expression.

    Args:
        speech: ``[T, 52]`` coefficients of neutral speech.
        expression: ``[T, 52]`` coefficients of the wanted expression.

    Returns:
        float32 ``[T, 52]``, 0..1. Where speech closes the lips they are closed in the result,
        whatever the expression does to the jaw or the lips.
    """
    # Lips that speak are never pressed; lips that rest may be parted by a jaw drop, but less.
    parted, silent = (share[:, None] for share in _lips(speech))
    residual = np.array(expression, np.float64)
    residual[:, _columns(_PARTING)] *= np.maximum(parted, 0.6 * silent)
    residual[:, _columns(_SHUTTING)] *= 1 - parted
    rounded = np.clip(
        speech[:, [ARKIT_INDEX["mouthPucker"], ARKIT_INDEX["mouthFunnel"]]].sum(1), 0, 1
    )
    residual[:, _columns(_CORNERS)] *= 1 - 0.5 * rounded[:, None]
    residual = np.clip(residual, 0, 1)
    spoken = np.clip(speech, 0, 1)
    lowered = residual[:, _columns((_LOWERING,))].mean(1, keepdims=True)
    spoken[:, _columns(_RAISING)] *= 1 - lowered
    # Two sources of one movement do not add up beyond its end: 1 - (1 - a)(1 - b).
    total = 1 - (1 - spoken) * (1 - residual)
    return keep_closures(total, speech)


def keep_closures(total: np.ndarray, speech: np.ndarray) -> np.ndarray:
    """Close the lips where speech closes them.

    Args:
        total: ``[T, 52]`` coefficients of speech with an expression.
        speech: ``[T, 52]`` those of the speech alone.

    Returns:
        float32 ``[T, 52]``, 0..1.
    """
    model = FaceModel.load()
    parted, silent = _lips(speech)
    closed = 1 - np.maximum(parted, 0.6 * silent)
    return _close_lips(np.array(total, np.float64), model.lip_opening(speech), closed, model)


def _lips(speech: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far speech ``[T, 52]`` parts the lips, 0..1, and whether it pauses; ``[T]`` each."""
    model = FaceModel.load()
    rest = model.lip_opening(np.zeros((1, len(ARKIT_NAMES))))[0]
    parted = smoothstep((model.lip_opening(speech) - rest - _CLOSED) / (_OPEN - _CLOSED))
    return parted, _silence(parted)


def _silence(parted: np.ndarray, frames: int = _PAUSE) -> np.ndarray:
    """1 in pauses: closed for longer than a consonant, faded in and out."""
    closed = parted < 0.2
    padded = np.pad(closed, frames, constant_values=True)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * frames + 1)
    pause = windows.all(1).astype(np.float64)
    # Grow back what the erosion took, then soften.
    grown = np.lib.stride_tricks.sliding_window_view(
        np.pad(pause, frames, mode="edge"), 2 * frames + 1
    )
    kernel = np.hanning(frames + 2)[1:-1]
    soft = np.convolve(np.pad(grown.max(1), frames, mode="edge"), kernel / kernel.sum(), "same")
    return soft[frames:-frames] * closed


def _close_lips(total, wanted_opening, closed, model: FaceModel) -> np.ndarray:
    """Raise mouthClose until the lips are as close as speech wants them where it closes them."""
    surplus = model.lip_opening(total) - wanted_opening
    strength = -model.lip_opening_rows[ARKIT_INDEX["mouthClose"]] / model.face_height
    total[:, ARKIT_INDEX["mouthClose"]] += np.clip(surplus, 0, None) * closed / strength
    return np.clip(total, 0, 1).astype(np.float32)
