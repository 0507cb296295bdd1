"""Parts of a face as boxes of one size that follow it through a clip."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from recognizer.face_model import FACE_BOTTOM, FACE_OVAL, FACE_TOP, LIPS, LOWER_LID, UPPER_LID

#: Region → its points and how far the box reaches beyond them, in face heights.
REGIONS: Mapping[str, tuple[tuple[int, ...], float]] = {
    "face": (FACE_OVAL, 0.05),
    "mouth": (LIPS, 0.08),
    "eyes": ((*UPPER_LID[0], *UPPER_LID[1], *LOWER_LID[0], *LOWER_LID[1]), 0.06),
}


def region_boxes(points: np.ndarray, region: str, size: tuple[int, int]) -> np.ndarray:
    """Boxes of one part of the face.

    The size is the largest extent in the clip plus padding, so that all crops of a clip are alike
    and nothing needs resampling; the place follows the part's middle.

    Args:
        points: ``[T, 478, 2 or 3]`` landmarks in pixels, no NaN.
        region: a key of :data:`REGIONS`.
        size: ``(width, height)`` of the pictures; boxes are moved (and cut) to lie inside.

    Returns:
        int64 ``[T, 4]``: left, top, right, bottom; all of one size.

    Raises:
        ValueError: an unknown region.
    """
    if region not in REGIONS:
        raise ValueError(f"region must be one of {', '.join(REGIONS)}, got {region!r}")
    index, padding = REGIONS[region]
    points = np.asarray(points, np.float64)[..., :2]
    part = points[:, list(index)]
    low, high = part.min(1), part.max(1)
    height = np.linalg.norm(points[:, FACE_TOP] - points[:, FACE_BOTTOM], axis=-1)
    extent = (high - low).max(0) + 2 * padding * np.median(height)
    extent = np.minimum(np.ceil(extent), size).astype(np.int64)
    corner = np.rint((low + high) / 2 - extent / 2).astype(np.int64)
    corner = np.clip(corner, 0, np.array(size) - extent)
    return np.concatenate([corner, corner + extent], axis=1)


def crop(frames, boxes: np.ndarray) -> np.ndarray:
    """Pictures ``[H, W, 3]`` and their boxes → ``[T, h, w, 3]``."""
    return np.stack(
        [
            frame[top:bottom, left:right]
            for frame, (left, top, right, bottom) in zip(frames, boxes, strict=True)
        ]
    )
