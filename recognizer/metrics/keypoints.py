"""Average keypoint distance: how far the points of a face lie from where they should be."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from recognizer.face_model import (
    BROWS,
    FACE_BOTTOM,
    FACE_OVAL,
    FACE_TOP,
    LIPS,
    LOWER_LID,
    UPPER_LID,
)

#: MediaPipe's points by the part of the face.
KEYPOINT_GROUPS: Mapping[str, tuple[int, ...]] = {
    "lips": LIPS,
    "lids": tuple(sorted({*UPPER_LID[0], *UPPER_LID[1], *LOWER_LID[0], *LOWER_LID[1]})),
    "brows": BROWS,
    "contour": FACE_OVAL,
}
#: Points that no expression moves much: bridge of the nose, corners of the eyes, temples.
STEADY = (6, 168, 197, 195, 5, 4, 33, 133, 263, 362, 127, 356, 234, 454)


def keypoint_distance(
    points: np.ndarray, target: np.ndarray, groups: Mapping[str, tuple[int, ...]] = KEYPOINT_GROUPS
) -> dict[str, np.ndarray]:
    """Mean distance of corresponding points, in % of the target's face height.

    ``100 / |group| Σ ‖p − q‖ / ‖forehead − chin‖`` in the image plane: Siarohin et al. 2019's
    average keypoint distance, by group and free of the picture's size.

    Args:
        points: ``[T, 478, 2 or 3]`` MediaPipe's landmarks in pixels; NaN where no face was found.
        target: the same of the pictures that should have been.
        groups: name → indices.

    Returns:
        Name → float64 ``[T]``, NaN where either has no face.

    Raises:
        ValueError: the shapes differ.
    """
    points, target = (np.asarray(x, np.float64)[..., :2] for x in (points, target))
    if points.shape != target.shape or points.ndim != 3:
        raise ValueError(f"points {list(points.shape)} and target {list(target.shape)} differ")
    away = np.linalg.norm(points - target, axis=-1)
    height = np.linalg.norm(target[:, FACE_TOP] - target[:, FACE_BOTTOM], axis=-1)
    return {name: 100 * away[:, list(index)].mean(1) / height for name, index in groups.items()}


def aligned(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """A face turned, scaled and shifted in the picture so that its bones lie on another's.

    What :func:`keypoint_distance` finds afterwards is expression, and what a head out of the
    picture's plane does (:func:`similarity`).

    Args:
        points: ``[478, 2 or 3]`` landmarks in pixels.
        target: ``[478, 2 or 3]``.

    Returns:
        float64 ``[478, 2]``.
    """
    motion = similarity(points, target)
    return np.asarray(points, np.float64)[:, :2] @ motion[:, :2].T + motion[:, 2]


def similarity(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The turn, scale and shift in the picture that lay one face's bones on another's.

    Least squares over :data:`STEADY` (Umeyama 1991, in the plane).

    Args:
        points: ``[478, 2 or 3]`` landmarks in pixels.
        target: ``[478, 2 or 3]``.

    Returns:
        float64 ``[2, 3]``, to be applied to ``(x, y, 1)``.
    """
    # In the complex plane a similarity is one multiplication and one addition.
    a, b = (np.asarray(x, np.float64)[list(STEADY), :2] @ (1, 1j) for x in (points, target))
    from_ = a - a.mean()
    turn = np.vdot(from_, b - b.mean()) / np.vdot(from_, from_).real
    shift = b.mean() - turn * a.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


class KeypointDistance:
    """Running mean of :func:`keypoint_distance` over frames.

    Args:
        groups: name → indices.

    >>> metric = KeypointDistance({"chin": (152,)})
    >>> face = np.zeros((478, 2)); face[152] = (0, 200)
    >>> metric.update(face + np.array([4, 0]), face)
    >>> metric.compute()
    {'chin': 2.0}
    """

    def __init__(self, groups: Mapping[str, tuple[int, ...]] = KEYPOINT_GROUPS) -> None:
        self._groups = groups
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._sums = dict.fromkeys(self._groups, 0.0)
        self.frames = 0
        self.lost = 0

    def update(self, points: np.ndarray | None, target: np.ndarray) -> None:
        """Add a frame: landmarks ``[478, 2 or 3]``, or None where no face was found in it.

        Attributes ``frames`` and ``lost`` count those with and without a face.
        """
        if points is None:
            self.lost += 1
            return
        away = keypoint_distance(points[None], target[None], self._groups)
        for name, value in away.items():
            self._sums[name] += float(value[0])
        self.frames += 1

    def compute(self) -> dict[str, float | None]:
        """Name → mean in % of face height; None without any frame."""
        if self.frames == 0:
            return dict.fromkeys(self._groups)
        return {name: value / self.frames for name, value in self._sums.items()}
