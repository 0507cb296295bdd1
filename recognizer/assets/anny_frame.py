"""From Anny's frame to the project's."""

from __future__ import annotations

import numpy as np


def to_camera(points: np.ndarray) -> np.ndarray:
    """Anny's frame (x to the subject's left, y backwards, z up) → the camera's."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], axis=-1)
