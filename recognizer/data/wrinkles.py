"""Lines that skin lays itself into as muscles draw it together, on heads that have none.

Coders of action units go by them as much as by what moves (Ekman, Friesen and Hager 2002): crow's
feet and the line below the eye for AU6, wrinkles across the root of the nose for AU9, the
nasolabial furrow for AU9 to AU12, furrows across the forehead for AU1 and AU2 and between the
brows for AU4, dimples for AU14, the chin's pits for AU17.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from recognizer.facs import ARKIT_INDEX

#: Outer and inner corner of the eye, lower lid's middle, brow from the temple inwards, wing of the
#: nose, corner of the lips: right side of the face, left side.
_EYE = ((33, 133, 145), (263, 362, 374))
_BROW = ((70, 63, 105, 66, 107), (300, 293, 334, 296, 336))
_WING, _CORNER = (129, 358), (61, 291)
_HAIRLINE, _BRIDGE, _CHIN, _LOWER_LIP = 10, (168, 6, 197), (200, 199), 17
#: Share of the light that the bottom of the deepest line loses, and its width in face widths.
_DEPTH, _WIDTH = 0.45, 0.012
#: Shadow in skin is warm: the share of red, green and blue.
_WARM = np.float32([0.75, 1.0, 1.1])
_YOUNG = 0.35
_SUBPIXEL = 4


class Wrinkles:
    """Where and how deeply one person's skin folds.

    Args:
        rng: chooses it; a third of the people have smooth skin.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        age = 0.0 if rng.random() < _YOUNG else rng.uniform(0.2, 1.0)
        self._depth = {kind: age * rng.uniform(0.2, 1.0) for kind in _KINDS}
        self._bend = rng.normal(0, 0.15, 64)
        self._pits = rng.uniform(-1, 1, (12, 2))
        self._width = _WIDTH * rng.uniform(0.6, 1.5)

    def draw(self, frame: np.ndarray, points: np.ndarray, moved: np.ndarray, scale: float) -> None:
        """Shade a picture in place.

        Args:
            frame: float32 ``[H, W, 3]``.
            points: ``[478, 3]`` landmarks in its pixels.
            moved: ``[52]`` coefficients of the expression.
            scale: pixels of a face width.
        """
        shade = np.zeros(frame.shape[:2], np.uint8)
        thick = max(1, round(0.6 * self._width * scale))
        for kind, amount, line in _lines(points[:, :2], moved, self._bend, self._pits):
            value = int(255 * min(1.0, amount) * self._depth[kind])
            if value > 2:
                pixels = np.round(line * 2**_SUBPIXEL).astype(np.int32)
                cv2.polylines(shade, [pixels], False, value, thick, cv2.LINE_AA, _SUBPIXEL)
        if shade.any():
            soft = cv2.GaussianBlur(shade.astype(np.float32) / 255, (0, 0), self._width * scale)
            # A blurred line is lower than it was drawn by about its width over the blur's.
            soft = np.minimum(2.5 * soft, 1)[..., None]
            frame *= 1 - _DEPTH * soft * _WARM


_KINDS = ("forehead", "frown", "crow", "eyebag", "nose", "cheek", "dimple", "mouth", "chin")


def _lines(
    points: np.ndarray, moved: np.ndarray, bend: np.ndarray, pits: np.ndarray
) -> Iterator[tuple[str, float, np.ndarray]]:
    """Kind, strength 0..1 and course ``[K, 2]`` of every line."""

    def of(name: str) -> float:
        return float(moved[ARKIT_INDEX[name]])

    across = points[_EYE[1][0]] - points[_EYE[0][0]]  # between the outer corners of the eyes
    down = np.array([-across[1], across[0]])
    top = points[_HAIRLINE]
    for side, tag in enumerate(("Right", "Left")):
        out = across * (-1, 1)[side]
        outer, inner, under = points[list(_EYE[side])]
        wing, corner = points[_WING[side]], points[_CORNER[side]]
        brow = points[list(_BROW[side])]
        eye = np.linalg.norm(outer - inner)
        for row, height in enumerate((0.25, 0.42, 0.6)):
            line = brow + (height + 0.06 * bend[row]) * (top - points[9])
            yield "forehead", of("browOuterUp" + tag), line[:4]
            yield "forehead", of("browInnerUp"), line[2:] + 0.01 * down
        middle = points[8] + 0.045 * out
        frown = np.stack([middle - 0.12 * down, middle, middle + (0.1 + 0.05 * bend[3]) * down])
        yield "frown", of("browDown" + tag), frown
        for row, slope in enumerate((-0.5, -0.05, 0.45)):
            ray = out / np.linalg.norm(out) + (slope + 0.2 * bend[4 + row]) * _unit(down)
            start = outer + 0.22 * eye * _unit(ray)
            line = np.stack([start, start + 0.35 * eye * ray, start + 0.55 * eye * ray])
            yield "crow", of("cheekSquint" + tag) + 0.3 * of("eyeSquint" + tag), line
        bag = np.stack([0.8 * inner + 0.2 * under, under, 0.75 * outer + 0.25 * under])
        squint = 0.7 * of("cheekSquint" + tag) + 0.5 * of("eyeSquint" + tag)
        yield "eyebag", squint, bag + np.array([[0.08], [0.13], [0.1]]) * down
        for row, root in enumerate(points[list(_BRIDGE)]):
            line = np.stack([root, root + 0.09 * out + (0.02 + 0.05 * bend[8 + row]) * down])
            yield "nose", of("noseSneer" + tag), line + 0.02 * down
        crease = np.stack([wing - 0.08 * down, wing + 0.04 * out - 0.02 * down])
        yield "nose", 0.8 * of("noseSneer" + tag) + 0.4 * of("mouthUpperUp" + tag), crease
        start = wing + 0.03 * out - 0.04 * down
        end = corner + (0.1 + 0.03 * bend[12]) * out
        furrow = _arc(start, end, 0.03 * out)
        lifted = 0.4 * of("noseSneer" + tag) + 0.6 * of("mouthUpperUp" + tag)
        yield "cheek", of("mouthSmile" + tag) + 0.25 * of("cheekSquint" + tag), furrow
        yield "cheek", lifted, furrow[:4]
        dimple = corner + 0.07 * out
        yield (
            "dimple",
            of("mouthDimple" + tag),
            _arc(dimple - 0.04 * down, dimple + 0.05 * down, 0.02 * out),
        )
        fold = corner + 0.03 * out
        yield "mouth", of("mouthFrown" + tag), np.stack([fold, fold + 0.14 * down + 0.03 * out])
    shrug = (of("mouthShrugLower") + 0.3 * of("mouthShrugUpper")) * 0.9
    boss, lip = points[_CHIN[0]], points[_LOWER_LIP]
    hollow = 0.5 * (boss + lip)
    yield "chin", shrug, _arc(hollow - 0.12 * across, hollow + 0.12 * across, -0.03 * down)
    for pit in pits:
        at = points[_CHIN[1]] + 0.11 * pit[0] * across + 0.07 * pit[1] * down
        yield "chin", shrug, np.stack([at, at + 0.015 * down])


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def _arc(start: np.ndarray, end: np.ndarray, bulge: np.ndarray, count: int = 7) -> np.ndarray:
    """``[count, 2]`` from one point to the other, displaced by ``bulge`` in the middle."""
    at = np.linspace(0, 1, count)[:, None]
    return start + at * (end - start) + np.sin(np.pi * at) * bulge
