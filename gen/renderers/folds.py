"""Folds that skin lays itself into as muscles draw it together: shading in the texture.

Geometry moves a cheek, but the furrow beside it is finer than the mesh and not in the photograph.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from scipy.interpolate import CubicSpline, RBFInterpolator
from scipy.spatial import cKDTree

from recognizer.face_model import LIPS
from recognizer.facs import ARKIT_INDEX

#: The nasolabial furrow deepens with AU 12, 10, 9 and 6; AU 4 stands the skin between the brows in
#: vertical folds (FACS).
_SMILE = {"mouthSmile": 1.0, "mouthUpperUp": 0.6, "noseSneer": 0.6, "cheekSquint": 0.3}
_FROWN = {"browDown": 1.0}
#: Landmarks by side: wing of the nose, corner of the lips; from between the brows upwards.
_WING, _CORNER = (129, 358), (61, 291)
_GLABELLA = ((9, 55, 107), (9, 285, 336))
#: A nasolabial furrow begins above the wing, bends outwards and ends beside and below the corner
#: of a smiling mouth (face widths).
_ABOVE, _BEND, _BESIDE, _BELOW = 0.03, 0.02, 0.07, 0.03
#: Share of the light lost at the bottom of each, and its width in face widths.
_SMILE_DEPTH, _SMILE_WIDTH = 0.16, 0.016
_FROWN_DEPTH, _FROWN_WIDTH = 0.13, 0.009
#: The cheek that bulges beside the furrow gains light: how much, how far away and how broadly (in
#: widths of the furrow).
_SWELL, _BULGE = 0.05, (2.5, 1.5)
#: A furrow fades over these shares of its length where it begins and where it ends.
_TAPER = (0.2, 0.5)
#: Shadow in skin is warm, as red scatters farther in it: the share of red, green and blue.
_WARM = np.float32([0.7, 1.0, 1.15])
#: Lips carry no fold, nor skin this near to them (face widths).
_CLEAR = 0.02
#: A smaller change (of full depth) is not worth drawing.
_STEP = 0.01


class Folds:
    """Draws the folds of an expression into a texture.

    Args:
        texture: uint8 ``[H, W, C]``, colours in the first three channels: the portrait's own.
        points: ``[478, 3]`` landmarks in its pixels.
        basis: ``[52, 478, 3]`` pixels by which the coefficients move them.
        head: ``[3, 3]`` rotation of the portrait's head.
        scale: pixels of a face width.
    """

    def __init__(self, texture, points: np.ndarray, basis: np.ndarray, head, scale: float) -> None:
        lips = points[list(LIPS), :2]
        self._furrows = []
        for side, tag in enumerate(("Right", "Left")):
            smile = basis[ARKIT_INDEX["mouthSmile" + tag]]
            curve = _nasolabial(points, smile, side, head[:2, :2] * scale)
            self._furrows += [
                _Furrow(_with_side(_SMILE, tag), curve, texture, _SMILE_DEPTH,
                        _SMILE_WIDTH * scale, (-1, 1)[side] * _SWELL),
                _Furrow(_with_side(_FROWN, tag), _smooth(points[list(_GLABELLA[side]), :2]),
                        texture, _FROWN_DEPTH, _FROWN_WIDTH * scale),
            ]  # fmt: skip
        for furrow in self._furrows:
            furrow.keep_off(lips, _CLEAR * scale)

    def draw(self, texture: np.ndarray, delta: np.ndarray) -> None:
        """Shade a texture in place.

        Args:
            texture: uint8 ``[H, W, C]``.
            delta: ``[52]`` coefficients relative to the portrait's: its own folds it shows already.
        """
        for furrow in self._furrows:
            furrow.draw(texture, delta)


class _Furrow:
    """One fold on one portrait.

    Args:
        causes: coefficient → how much of the fold it makes.
        curve: ``[K, 2]`` along it, in pixels.
        texture: uint8 ``[H, W, C]``.
        depth: share of the light that its bottom loses.
        width: in pixels.
        swell: share that the skin beside it gains, negative for the curve's other side.
    """

    def __init__(self, causes, curve: np.ndarray, texture, depth, width, swell=0.0) -> None:
        self._index = [ARKIT_INDEX[name] for name in causes]
        self._share = np.array(list(causes.values()), np.float32)
        self._amount = 0.0
        pad = width * sum(_BULGE) * 1.5
        limit = np.array(texture.shape[1::-1])
        low = np.clip(np.floor(curve.min(0) - pad).astype(int), 0, limit)
        high = np.clip(np.ceil(curve.max(0) + pad).astype(int), 0, limit)
        gain = _profile(curve - low, tuple(high - low), depth, width, swell)
        rows, columns = np.nonzero(np.abs(gain) > 0.003)
        self._place = (rows + low[1], columns + low[0])
        self._gain = gain[rows, columns, None] * _WARM
        self._own = texture[self._place][:, :3].astype(np.float32)

    def keep_off(self, polygon: np.ndarray, clear: float) -> None:
        """Fade out near points ``[N, 2]`` (within their hull), ``clear`` pixels from them."""
        hull = cv2.convexHull(polygon.astype(np.float32))
        rows, columns = self._place
        for i, place in enumerate(zip(columns.tolist(), rows.tolist(), strict=True)):
            away = -cv2.pointPolygonTest(hull, place, True)
            self._gain[i] *= np.clip(away / clear - 0.5, 0, 1)

    def draw(self, texture: np.ndarray, delta: np.ndarray) -> None:
        amount = float(np.clip(self._share @ delta[self._index], 0, 1))
        amount = _STEP * round(amount / _STEP)
        if amount == self._amount:
            return
        self._amount = amount
        shaded = self._own * (1 + amount * self._gain) + 0.5
        texture[(*self._place, slice(0, 3))] = np.clip(shaded, 0, 255).astype(np.uint8)


def _with_side(causes: Mapping[str, float], tag: str) -> dict[str, float]:
    return {stem + tag: share for stem, share in causes.items()}


def _nasolabial(points: np.ndarray, smile: np.ndarray, side: int, frame: np.ndarray) -> np.ndarray:
    """Where in the portrait ``[K, 2]`` the furrow's skin lies.

    A furrow is not a line of the skin: it is where the cheek comes to rest on a smiling lip. It is
    laid out on the smiling face and carried back to the portrait's.

    Args:
        points: ``[478, 3]`` landmarks in pixels.
        smile: ``[478, 3]`` how that side's smile moves them.
        side: 0 for the subject's right (image left), 1 for the left.
        frame: ``[2, 2]``: its columns are a face width to the right and down in the picture.
    """
    outward, down = frame[:, 0] * (-1, 1)[side], frame[:, 1]
    moved = (points + smile)[:, :2]
    begin = moved[_WING[side]] - _ABOVE * down
    end = moved[_CORNER[side]] + _BESIDE * outward + _BELOW * down
    bend = (begin + end) / 2 + 2 * _BEND * outward
    t = np.linspace(0, 1, 200)[:, None]
    curve = (1 - t) ** 2 * begin + 2 * t * (1 - t) * bend + t**2 * end
    skin = RBFInterpolator(moved[:468], -smile[:468, :2], neighbors=12, kernel="linear")
    return curve + skin(curve)


def _smooth(chain: np.ndarray) -> np.ndarray:
    """A curve ``[200, 2]`` through points."""
    along = np.cumsum(np.r_[0, np.linalg.norm(np.diff(chain, axis=0), axis=1)])
    return CubicSpline(along, chain)(np.linspace(0, along[-1], 200))


def _profile(curve: np.ndarray, size, depth: float, width: float, swell: float) -> np.ndarray:
    """Relative change of light ``[h, w]`` around a curve ``[K, 2]``."""
    ys, xs = np.mgrid[: size[1], : size[0]]
    pixels = np.stack([xs, ys], -1)
    away, nearest = cKDTree(curve).query(pixels)
    tangent, offset = np.gradient(curve, axis=0)[nearest], pixels - curve[nearest]
    side = tangent[..., 0] * offset[..., 1] - tangent[..., 1] * offset[..., 0]
    share = nearest / (len(curve) - 1)
    fade = np.minimum(share / _TAPER[0], (1 - share) / _TAPER[1]).clip(0, 1)
    far, broad = _BULGE
    bulge = np.exp(-(((away / width - far) / broad) ** 2)) * (side * swell > 0)
    gain = abs(swell) * bulge - depth * np.exp(-((away / width) ** 2))
    return (gain * fade * fade * (3 - 2 * fade)).astype(np.float32)
