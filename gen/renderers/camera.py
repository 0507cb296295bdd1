"""The camera of a portrait: pixels ↔ space, and the head's movement in it."""

from __future__ import annotations

import numpy as np

from recognizer.fitting import CAMERA_DISTANCE, Pose


class HeadCamera:
    """A pinhole camera some six face widths before the head.

    Space is in pixels, with the head's pivot (between the ears) at the origin; a point at the
    pivot's depth projects one to one.

    Args:
        pose: the fitted weak-perspective pose.
    """

    def __init__(self, pose: Pose) -> None:
        self.centre = pose.shift[:2].copy()
        self.pivot_depth = float(pose.shift[2])
        self.distance = CAMERA_DISTANCE * pose.scale
        self.unit = pose.scale

    def unproject(self, points: np.ndarray) -> np.ndarray:
        """Pixels with depth ``[..., 3]`` → space."""
        z = points[..., 2:] - self.pivot_depth
        xy = (points[..., :2] - self.centre) * (1 + z / self.distance)
        return np.concatenate([xy, z], axis=-1)

    def project(self, space: np.ndarray) -> np.ndarray:
        """Space ``[..., 3]`` → pixels with depth: the inverse of :meth:`unproject`."""
        z = space[..., 2:]
        xy = space[..., :2] / (1 + z / self.distance) + self.centre
        return np.concatenate([xy, z + self.pivot_depth], axis=-1)

    def move(self, space: np.ndarray, rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
        """Turn about the pivot, then shift (pixels)."""
        return space @ rotation.T + translation
