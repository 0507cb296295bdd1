"""Lashes of a closing eye: a dark line along the margin and hairs that hang from it."""

from __future__ import annotations

import cv2
import numpy as np

_SAMPLES = 2  # a side, within a pixel
_HAIRS = 26
#: Length of the longest hair and thickness of the line, in eye apertures.
_LENGTH, _LINE = 0.42, 0.12

#: Opacity of a line that the portrait gives no reason for.
_FAINTEST = 0.6


class Lashes:
    """The upper lashes of one eye, seen from above.

    Args:
        image: uint8 ``[H, W, 3]``, the portrait.
        margin: ``[K, 2]`` upper lid margin in its pixels, outer to inner corner.
        down: ``[2]`` unit vector from the upper to the lower lid.
        aperture: greatest distance of the lids in pixels.
        tone: ``[3]`` colour of the lid's skin.
    """

    def __init__(self, image, margin: np.ndarray, down: np.ndarray, aperture: float, tone) -> None:
        band = np.concatenate([margin - share * aperture * down for share in (0.0, 0.06, 0.12)])
        band = np.round(band).astype(int).clip(0, np.array(image.shape[1::-1]) - 1)
        seen = np.percentile(image[band[:, 1], band[:, 0]].astype(np.float32), 25, axis=0)
        # A faint margin (a painting's, a child's) gets a faint line: shut lids always have one.
        contrast = 1 - seen.mean() / max(float(tone.mean()), 1.0)
        self._strength = float(np.clip(_FAINTEST + 1.2 * contrast, _FAINTEST, 1.0))
        self._colour = np.minimum(seen, tone * 0.6) * 0.8
        self._aperture, self._down = aperture, down
        self._outward = margin[0] - margin[-1]
        self._outward = self._outward / max(np.linalg.norm(self._outward), 1e-6)
        rng = np.random.default_rng(0)
        place = np.linspace(0.04, 0.93, _HAIRS) + rng.normal(0, 0.008, _HAIRS)
        self._place = np.clip(place, 0, 1)
        # Longest on the outer third, fanning out from the eye's middle.
        self._length = _LENGTH * aperture * np.interp(
            place, [0, 0.15, 0.4, 0.8, 1], [0.75, 1, 0.9, 0.5, 0.3]
        ) * rng.uniform(0.75, 1.1, _HAIRS)  # fmt: skip
        self._length *= 0.8 + 0.6 * max(contrast, 0.0)  # made-up lashes are long
        self._lean = np.interp(place, [0, 0.5, 1], [1.1, 0.25, -0.35])

    def draw(self, frame: np.ndarray, margin: np.ndarray, share: float, hang: float) -> None:
        """Paint them.

        Args:
            frame: uint8 ``[H, W, 3]``, drawn into.
            margin: ``[K, 2]`` the margin now.
            share: 0..1: opacity.
            hang: 0..1: how far they point down instead of forward.
        """
        if share <= 0:
            return
        margin = _smooth(margin)
        pad = int(0.7 * self._aperture) + 3
        limit = np.array(frame.shape[1::-1])
        low = np.clip(np.floor(margin.min(0)).astype(int) - pad, 0, limit)
        high = np.clip(np.ceil(margin.max(0)).astype(int) + pad, 0, limit)
        if (high <= low).any():
            return
        size = tuple(int(v) for v in high - low)
        mask = np.zeros((size[1] * _SAMPLES, size[0] * _SAMPLES), np.uint8)
        self._line(mask, margin - low)
        self._hairs(mask, margin - low, hang)
        mask = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
        mask = cv2.GaussianBlur(mask, (0, 0), 0.02 * self._aperture + 0.35)
        alpha = mask[..., None].astype(np.float32) * (0.9 * self._strength * share / 255)
        region = frame[low[1] : high[1], low[0] : high[0]]
        region[:] = np.clip(region + alpha * (self._colour - region) + 0.5, 0, 255)

    def _line(self, mask: np.ndarray, margin: np.ndarray) -> None:
        """A line that thins towards the inner corner."""
        count = len(margin)
        thick = _LINE * self._aperture * np.interp(
            np.linspace(0, 1, count), [0, 0.2, 0.7, 1], [0.5, 1, 0.7, 0.25]
        )[:, None]  # fmt: skip
        outline = np.concatenate([margin - 0.4 * thick * self._down,
                                  (margin + 0.6 * thick * self._down)[::-1]])  # fmt: skip
        cv2.fillPoly(mask, [_fixed(outline)], 255, cv2.LINE_AA, 4)

    def _hairs(self, mask: np.ndarray, margin: np.ndarray, hang: float) -> None:
        knots = np.linspace(0, 1, len(margin))
        root = np.stack([np.interp(self._place, knots, margin[:, i]) for i in (0, 1)], -1)
        length = self._length[:, None] * (0.1 + 0.9 * hang)
        lean = self._lean[:, None] * self._outward
        # Hairs leave the lid downward and curl outward.
        bend = root + 0.55 * length * (self._down + 0.6 * lean)
        tip = root + length * (0.85 * self._down + 1.2 * lean)
        half = 0.5 * max(0.35, 0.035 * self._aperture)
        side = half * np.array([-self._down[1], self._down[0]])
        blades = np.stack([root - side, bend - 0.7 * side, tip, bend + 0.7 * side, root + side], 1)
        cv2.fillPoly(mask, list(_fixed(blades)), 200, cv2.LINE_AA, 4)


def _smooth(curve: np.ndarray) -> np.ndarray:
    """A curve ``[K, 2]`` without its kinks; the ends stay."""
    for _ in range(len(curve) // 3):
        curve = np.concatenate(
            [curve[:1], 0.25 * curve[:-2] + 0.5 * curve[1:-1] + 0.25 * curve[2:], curve[-1:]]
        )
    return curve


def _fixed(points: np.ndarray) -> np.ndarray:
    """Pixels → the oversampled mask's fixed-point coordinates."""
    return np.round(((points + 0.5) * _SAMPLES - 0.5) * 16).astype(np.int32)
