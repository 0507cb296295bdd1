"""Width and protrusion of the lips, generated against the speaker's own.

With the opening these are the three numbers that describe a speaking mouth from outside (Abry and
Boë, "Laws for lips", Speech Communication 5, 1986).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recognizer.face_model import LIP_CORNERS, FaceModel
from recognizer.metrics.agreement import lagged_correlation
from recognizer.metrics.sampling import summarize
from recognizer.motion import MotionTrack

#: The middle of the upper lip's edge: it comes forward as lips round, and no jaw moves it.
_UPPER_LIP = [0, 13]
#: Frames within which lips may lie about their sound: 80 ms.
_LAG = 2


def lip_shape(blendshapes: np.ndarray) -> dict[str, np.ndarray]:
    """How wide and how far forward the lips are, ``[T]`` each, on the mean head in face heights.

    Args:
        blendshapes: ``[T, 52]``.

    Returns:
        ``width``: between the inner corners; ``protrusion``: of the upper lip, 0 at rest.
    """
    model = FaceModel.load()
    rest, field = model.landmarks, model.landmark_blendshapes
    left, right = LIP_CORNERS
    width = rest[right, 0] - rest[left, 0] + blendshapes @ (field[:, right, 0] - field[:, left, 0])
    forward = -field[:, _UPPER_LIP, 2].mean(1)
    return {
        "width": width / model.face_height,
        "protrusion": blendshapes @ forward / model.face_height,
    }


def lip_shape_benchmark(made: Sequence[MotionTrack], real: Sequence[MotionTrack]) -> dict:
    """Pearson's r of generated and real width and protrusion, averaged over clips.

    Args:
        made, real: tracks of the same sounds at 25 fps; what one has more frames is left out.

    Returns:
        ``{"width": {"r": Summary, "r_best": Summary}, "protrusion": {…}}``: at lag 0 and at the
        best lag within 80 ms (:class:`recognizer.metrics.sampling.Summary`).
    """
    found: dict[str, list] = {"width": [], "protrusion": []}
    for ours, theirs in zip(made, real, strict=True):
        frames = min(len(ours), len(theirs))
        ours, theirs = (lip_shape(track.blendshapes[:frames]) for track in (ours, theirs))
        for name, rows in found.items():
            rows.append(lagged_correlation(ours[name], theirs[name], _LAG)[:2])
    return {
        name: {
            key: summarize([np.nan if row[i] is None else row[i] for row in rows])
            for i, key in enumerate(("r", "r_best"))
        }
        for name, rows in found.items()
    }
