"""Landmarks → the aligned grey face crop that the appearance network looks at.

The framing is that of FER2013 (and so of FER+), whose faces were cut out by a face detector. It was
measured with MediaPipe on 275 of 300 training images (the landmarker found no face in the rest):
where ten points that expressions hardly move lie in the picture, median over the images, made
symmetric. A single FER+ image lies around that framing with a deviation of 14 % in size, 7 degrees
in roll and 3 % of the side in position, which is what the network has to bear in training anyway.
"""

from __future__ import annotations

import cv2
import numpy as np

from recognizer.landmarks import LANDMARK_COUNT

#: Side of the crops that trackers keep, a multiple of what networks take of them: that of the
#: network for emotions (48), half as much again as of that for action units.
CROP_PIXELS, UNIT_PIXELS = 96, 64

#: Landmark → its place in the crop, in shares of the side, x to the right and y down.
FRAMING: dict[int, tuple[float, float]] = {
    33: (0.240, 0.386), 133: (0.396, 0.401), 362: (0.604, 0.401), 263: (0.760, 0.386),
    168: (0.500, 0.376), 6: (0.500, 0.425), 4: (0.500, 0.581), 2: (0.500, 0.649),
    98: (0.403, 0.637), 327: (0.597, 0.637),
}  # fmt: skip
_POINTS = list(FRAMING)
_PLACES = np.array([complex(*place) for place in FRAMING.values()])


def crop_transform(points: np.ndarray, pixels: int = CROP_PIXELS) -> np.ndarray:
    """The similarity that brings a face into the framing, least squares over ten points.

    Args:
        points: ``[478, 2]`` or ``[478, 3]`` landmarks in pixels.
        pixels: side of the crop.

    Returns:
        float64 ``[2, 3]``: picture coordinates → crop coordinates, where a pixel's centre has whole
        numbers (as ``cv2.warpAffine`` takes it).

    Raises:
        ValueError: not the landmarks of a face.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[0] != LANDMARK_COUNT or points.shape[1] < 2:
        raise ValueError(f"a crop needs landmarks [478, 2 or 3], got {list(points.shape)}")
    # In complex numbers a similarity is z → a z + b. Landmarks count from the picture's corner.
    source = points[_POINTS, 0] + 1j * points[_POINTS, 1]
    target = _PLACES * pixels
    centred = source - source.mean()
    spread = (np.abs(centred) ** 2).sum()
    if not (np.isfinite(spread) and spread > 0):
        raise ValueError("a crop needs landmarks that are finite and not all in one place")
    turn = (np.conj(centred) * (target - target.mean())).sum() / spread
    # From corner to centre coordinates: half a pixel in either picture.
    half = 0.5 + 0.5j
    shift = target.mean() - turn * source.mean() + turn * half - half
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def face_crop(image: np.ndarray, points: np.ndarray, pixels: int = CROP_PIXELS) -> np.ndarray:
    """The aligned crop of a face.

    Args:
        image: uint8 ``[H, W, 3]`` RGB or ``[H, W]`` grey.
        points: ``[478, 2 or 3]`` landmarks in its pixels.
        pixels: side of the crop.

    Returns:
        uint8 ``[pixels, pixels]`` grey. What lies outside the picture repeats its border.

    Raises:
        ValueError: not the landmarks of a face.
    """
    transform = crop_transform(points, pixels)
    # Large faces are drawn finely and averaged down: single samples would alias.
    fine = max(1, int(np.ceil(1 / np.hypot(*transform[:, 0]))))
    scaled = transform * fine
    scaled[:, 2] += (fine - 1) / 2
    size = (pixels * fine, pixels * fine)
    crop = cv2.warpAffine(
        image, scaled, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    if crop.ndim == 3:
        crop = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return cv2.resize(crop, (pixels, pixels), interpolation=cv2.INTER_AREA) if fine > 1 else crop


def shrunk(crops: np.ndarray, pixels: int) -> np.ndarray:
    """Crops uint8 ``[N, S, S]`` averaged down to ``[N, pixels, pixels]``; smaller ones stay."""
    if crops.shape[-1] <= pixels:
        return crops
    size = (pixels, pixels)
    return np.stack([cv2.resize(crop, size, interpolation=cv2.INTER_AREA) for crop in crops])
