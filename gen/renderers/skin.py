"""Painting out: what a portrait's own skin would look like where something lies on it."""

from __future__ import annotations

import cv2
import numpy as np


def continue_skin(values: np.ndarray, known: np.ndarray, scale: float) -> np.ndarray:
    """Continue a patch smoothly to where it is not known.

    Normalised convolution (Knutsson and Westin 1993), coarser with the distance to what is known.

    Args:
        values: float32 ``[h, w, C]``.
        known: bool ``[h, w]``, somewhere true.
        scale: pixels of a typical gap.

    Returns:
        float32 ``[h, w, C]``, unchanged where known.
    """
    weights = known.astype(np.float32)
    out = np.broadcast_to(np.median(values[known], axis=0), values.shape)
    for sigma in scale * np.array([1.2, 0.6, 0.3, 0.15]):
        total = cv2.GaussianBlur(weights, (0, 0), sigma)[..., None]
        level = cv2.GaussianBlur(values * weights[..., None], (0, 0), sigma)
        out = out + np.clip(4 * total, 0, 1) * (level / np.maximum(total, 1e-6) - out)
    return np.where(known[..., None], values, out)
