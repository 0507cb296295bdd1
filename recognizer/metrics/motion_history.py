"""Histograms of how the points of a face move: features of windows of landmarks, after FVMD."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from recognizer.face_model import FACE_BOTTOM, FACE_TOP
from recognizer.metrics.keypoints import KEYPOINT_GROUPS

_BINS = 8
#: Sizes count by their logarithm to base 2, up to 255 units, of which a face is 256 high.
_FACE, _STEPS = 256.0, 8


def motion_history(
    points: np.ndarray,
    length: int = 16,
    stride: int | None = None,
    groups: Mapping[str, tuple[int, ...]] = KEYPOINT_GROUPS,
) -> np.ndarray:
    """Velocity and acceleration of landmarks as histograms of direction, one row a window.

    FVMD (Liu et al., *Fréchet Video Motion Distance*, 2024; github.com/DSL-Lab) counts for each
    cell of a grid of tracked points how much moves in each of eight directions:
    ``h[b] = Σ ⌈log₂(1 + ‖v‖)⌉ / 8`` over vectors ``v`` of that direction, of the velocities and of
    the accelerations. Read otherwise here: the points are a face's landmarks and a cell is a part
    of the face; sizes are in 1/256 of the face's height, not in pixels, so that they are free of
    the picture's size; they are not rounded up, which would count a tracker's tremor as motion by a
    whole unit; the mean takes the place of the sum, and a window is one cell in time instead of
    four, so that 64 numbers describe it.

    Args:
        points: ``[T, 478, 2 or 3]`` landmarks in pixels; windows with NaN are left out.
        length: frames of a window, three or more.
        stride: frames between windows; ``length`` by default.
        groups: name → indices of a part's points.

    Returns:
        float64 ``[N, 2 * groups * 8]``, 0..1.

    Raises:
        ValueError: another shape, or no window without NaN fits.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 3 or points.shape[2] < 2 or length < 3:
        raise ValueError(
            f"landmarks [T, 478, 2 or 3] and windows of 3 frames or more are needed, got "
            f"{list(points.shape)} and {length}"
        )
    points = points[..., :2]
    rows = []
    for start in range(0, len(points) - length + 1, stride or length):
        window = points[start : start + length]
        if np.isfinite(window).all():
            height = np.linalg.norm(window[:, FACE_TOP] - window[:, FACE_BOTTOM], axis=-1).mean()
            velocity = np.diff(window, axis=0) * (_FACE / height)
            rows.append(
                [
                    _histogram(vectors[:, list(index)])
                    for vectors in (velocity, np.diff(velocity, axis=0))
                    for index in groups.values()
                ]
            )
    if not rows:
        raise ValueError(f"no window of {length} frames with a face in {len(points)} frames")
    return np.array(rows).reshape(len(rows), -1)


def _histogram(vectors: np.ndarray) -> np.ndarray:
    """Mean size of ``[..., 2]`` by direction ``[8]``."""
    angle = np.arctan2(vectors[..., 0], vectors[..., 1]) + np.pi
    where = np.minimum((angle // (2 * np.pi / _BINS)).astype(int), _BINS - 1)
    size = np.linalg.norm(vectors, axis=-1).clip(0, 2**_STEPS - 1)
    weight = np.log2(size + 1) / _STEPS
    return np.bincount(where.ravel(), weight.ravel(), minlength=_BINS) / where.size
