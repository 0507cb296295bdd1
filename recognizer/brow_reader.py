"""How far brows are from where they rest → action units 1, 2 and 4.

Brows are seen by their place. A network that looks at pictures of strangers goes by the forehead's
wrinkles and the company that raised brows keep (wide eyes, a dropped jaw), and a clip's own fit
takes brows that never come down for the shape of the person. Who knows a person at rest needs
neither: the landmarks of the brows are compared with those at rest, and the difference is what the
face model's brows do at some strengths of AU1, AU2 and AU4.
"""

from __future__ import annotations

import functools

import numpy as np

from recognizer.face_model import BROWS, FaceModel
from recognizer.facs import ARKIT_INDEX, AU_MAX, AU_TO_ARKIT, PRESENT, sides
from recognizer.fitting import similarity

#: The action units that are read.
BROW_UNITS = ("AU01", "AU02", "AU04")
#: Landmarks follow brows a part of the way: on portraits drawn with whole movements 0.7 of it for
#: AU1, 0.95 for AU2, 0.55 for AU4 (on rendered heads, whose brows are painted on, 0.5 to 0.65).
_FOLLOWED = 0.7, 1.0, 0.55
#: A nose that wrinkles more than this draws the heads of the brows down with it (AU9 in FACS'
#: manual); frowns are taken for less of it.
_WRINKLED = PRESENT
#: What neither brows nor jaw carry along: bridge and tip of the nose, corners of the eyes, temples.
_BONES = (4, 5, 6, 168, 195, 197, 33, 133, 362, 263, 98, 327, 127, 356, 234, 454)


def brow_places(points: np.ndarray) -> np.ndarray:
    """Where brows are in the head's own frame.

    Args:
        points: ``[T, 478, 3]`` landmarks in pixels.

    Returns:
        float64 ``[T, 20, 2]`` in face widths, x to the image's right and y down, in the order of
        :data:`recognizer.face_model.BROWS`; NaN where there is no face.
    """
    model = FaceModel.load().landmarks.astype(np.float64)[list(_BONES)]
    weights, brows = np.ones(len(_BONES)), list(BROWS)
    out = np.full((len(points), len(brows), 2), np.nan)
    for row, face in enumerate(np.asarray(points, np.float64)):
        if np.isfinite(face[0, 0]):
            pose = similarity(model, face[list(_BONES)], weights)
            out[row] = pose.unproject(face[brows])[:, :2]
    return out


def without_nose(places: np.ndarray, nose: np.ndarray) -> np.ndarray:
    """Where brows would be, did the nose not wrinkle.

    Args:
        places: ``[T, 20, 2]`` (see :func:`brow_places`).
        nose: ``[T]`` intensities 0-5 of AU9.
    """
    share = np.maximum(np.asarray(nose, np.float64) - _WRINKLED, 0) / AU_MAX
    return places - share[:, None, None] * _moved_by("noseSneer")


def resting_brows(places: np.ndarray, quantile: float = 0.5) -> np.ndarray:
    """Where brows rest: ``[20, 2]``.

    People who talk raise their brows and let them fall back, so that rest is low: the mean over the
    given share of the frames, those in which the brows are lowest.

    Args:
        places: ``[T, 20, 2]`` (see :func:`brow_places`).
        quantile: 0..1.

    Raises:
        ValueError: no frame has a face.
    """
    seen = places[np.isfinite(places[:, 0, 0])]
    if not len(seen):
        raise ValueError("brows at rest need a frame with a face")
    lowest = np.argsort(-seen[:, :, 1].mean(axis=1), kind="stable")
    return seen[lowest[: max(1, round(quantile * len(seen)))]].mean(axis=0)


def brow_intensities(places: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Intensities ``[T, 3]`` 0-5 of :data:`BROW_UNITS`; arguments as of :func:`brow_shares`."""
    return AU_MAX * np.clip(brow_shares(places, rest) / _FOLLOWED, 0, 1)


def brow_shares(places: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Which shares of the face model's whole movements explain how far brows are from rest.

    Args:
        places: ``[T, 20, 2]`` (see :func:`brow_places`).
        rest: ``[20, 2]`` of the same person at rest.

    Returns:
        ``[T, 3]`` of :data:`BROW_UNITS`, 0 and above, the mean of both sides; NaN where there is
        no face.
    """
    from scipy.optimize import nnls

    out = np.full((len(places), len(BROW_UNITS)), np.nan)
    half = len(BROWS) // 2
    for frame in np.flatnonzero(np.isfinite(places[:, 0, 0])):
        sides_moved = (places[frame] - rest).reshape(2, 2 * half)
        out[frame] = np.mean(
            [nnls(rows, moved)[0] for rows, moved in zip(_movements(), sides_moved, strict=True)],
            axis=0,
        )
    return out


@functools.cache
def _movements() -> np.ndarray:
    """What each unit does to the right brow and to the left one: ``[2, 20, 3]``."""
    moved = np.stack([sum(map(_moved_by, AU_TO_ARKIT[unit])) for unit in BROW_UNITS])
    return moved.reshape(len(BROW_UNITS), 2, -1).transpose(1, 2, 0)


@functools.cache
def _moved_by(stem: str) -> np.ndarray:
    """What both sides of a coefficient do to the brows: ``[20, 2]``."""
    fields = FaceModel.load().landmark_blendshapes.astype(np.float64)
    return sum(fields[ARKIT_INDEX[name]][list(BROWS), :2] for name in sides(stem))
