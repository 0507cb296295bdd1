"""Folds that skin lays itself into as muscles draw it together: shading in the texture.

Geometry moves a cheek, but the furrow beside it is finer than the mesh and not in the photograph.
"""

from __future__ import annotations

import cv2
import numpy as np
import scipy  # its packages load when they are asked for

from gen.renderers.fold_lines import Crease, creases
from gen.renderers.kernels import shade
from recognizer.face_model import LIPS, LOWER_LID, UPPER_LID
from recognizer.facs import ARKIT_INDEX

#: The skin that bulges beside a furrow gains light: how far away and how broadly (in widths).
_BULGE = (2.5, 1.5)
#: Steepness of a furrow's sides for each share of light that its bottom loses: a light from the
#: side darkens the side that turns away, and brightens the other.
_STEEP = 2.0
#: Shadow in skin is warm, as red scatters farther in it: the share of red, green and blue.
_WARM = np.float32([0.7, 1.0, 1.15])
#: Lips carry no fold, nor skin this near to them; nor do eyes (face widths).
_CLEAR, _CLEAR_EYES = 0.02, 0.006
#: The boss of a raised chin is pitted like a peach's stone: what raises it, its middle, half its
#: size and the size of a pit in face widths, how uneven its light is, and where that begins.
_PITTED = {"mouthShrugLower": 1.0}
_BOSS, _BOSS_SIZE, _PIT, _UNEVEN, _PIT_ONSET = 199, (0.12, 0.075), 0.016, 0.045, 0.15


class Folds:
    """Draws the folds of an expression into a texture.

    Args:
        texture: uint8 ``[H, W, C]``, colours in the first three channels: the portrait's own.
        points: ``[478, 3]`` landmarks in its pixels.
        basis: ``[52, 478, 3]`` pixels by which the coefficients move them.
        head: ``[3, 3]`` rotation of the portrait's head.
        scale: pixels of a face width.
        slant: ``[2]``: by what share light grows for skin that turns to the right and down by 45
            degrees (see :attr:`gen.renderers.light.Light.slant`); 0 for light from the front.
    """

    def __init__(
        self,
        texture,
        points: np.ndarray,
        basis: np.ndarray,
        head,
        scale: float,
        slant=(0.0, 0.0),
    ) -> None:
        size = texture.shape[:2]
        lines = list(creases(points, basis, head, scale))
        free = _free(points[:, :2], size, scale)
        layers = [_profile(line, size, scale, np.asarray(slant)) for line in lines]
        layers.append(_pits(points[_BOSS, :2], np.asarray(head)[:2, :2] * scale, size, scale))
        self._causes = np.zeros((len(layers), len(ARKIT_INDEX)), np.float32)
        for row, causes in zip(self._causes, [*(c.causes for c in lines), _PITTED], strict=True):
            for name, share in causes.items():
                row[ARKIT_INDEX[name]] = share
        self._onset = np.float32([*(line.onset for line in lines), _PIT_ONSET])
        self._amounts = np.zeros(len(layers), np.float32)
        # By pixel: which folds shade it, and how much each does.
        fold = np.repeat(np.arange(len(layers)), [len(place) for place, _ in layers])
        place = np.concatenate([place for place, _ in layers]).astype(np.int64)
        gain = np.concatenate([gain for _, gain in layers]) * free.ravel()[place]
        kept = np.flatnonzero(np.abs(gain) > 0.002)
        kept = kept[np.argsort(place[kept], kind="stable")]
        pixels, starts = np.unique(place[kept], return_index=True)
        self._rows, self._columns = np.divmod(pixels, size[1])
        self._starts = np.append(starts, len(kept)).astype(np.int64)
        self._fold, self._gain = fold[kept].astype(np.int32), gain[kept].astype(np.float32)
        self._own = np.ascontiguousarray(texture[self._rows, self._columns][:, :3])

    def draw(self, texture: np.ndarray, delta: np.ndarray) -> None:
        """Shade a texture in place.

        Args:
            texture: uint8 ``[H, W, C]``.
            delta: ``[52]`` coefficients relative to the portrait's: its own folds it shows already.
        """
        caused = self._causes @ np.asarray(delta, np.float32)
        amounts = np.clip((caused - self._onset) / (1 - self._onset), 0, 1)
        if np.array_equal(amounts, self._amounts):
            return
        self._amounts = amounts
        shade(
            texture, self._rows, self._columns, self._own, self._starts, self._fold, self._gain,
            amounts, _WARM,
        )  # fmt: skip


def _free(points: np.ndarray, size: tuple[int, int], scale: float) -> np.ndarray:
    """How much of a fold may be seen: float32 ``[H, W]``, 0 on lips and eyes, 1 beside them."""
    out = np.ones(size, np.float32)
    eyes = [[*upper, *lower] for upper, lower in zip(UPPER_LID, LOWER_LID, strict=True)]
    for outline, clear in ((LIPS, _CLEAR), *((eye, _CLEAR_EYES) for eye in eyes)):
        mask = np.ones(size, np.uint8)
        hull = cv2.convexHull(points[list(outline)].astype(np.float32))
        cv2.fillConvexPoly(mask, np.round(hull).astype(np.int32), 0)
        away = cv2.distanceTransform(mask, cv2.DIST_L2, 5) / (clear * scale)
        out *= np.clip(away - 0.5, 0, 1)
    return out


def _profile(line: Crease, size: tuple[int, int], scale: float, slant: np.ndarray):
    """What a fold does to light: indices of pixels ``[N]`` and relative changes ``[N]``."""
    width = line.width * scale
    far, broad = _BULGE
    reach = width * (far + 1.5 * broad)
    low = np.clip(np.floor(line.curve.min(0) - reach).astype(int), 0, size[::-1])
    high = np.clip(np.ceil(line.curve.max(0) + reach).astype(int), 0, size[::-1])
    ys, xs = np.mgrid[low[1] : high[1], low[0] : high[0]]
    pixels = np.stack([xs.ravel(), ys.ravel()], -1)
    away, nearest = scipy.spatial.cKDTree(line.curve).query(pixels, distance_upper_bound=reach)
    seen = np.isfinite(away)
    pixels, away, nearest = pixels[seen], away[seen] / width, nearest[seen]
    tangent = np.gradient(line.curve, axis=0)[nearest]
    offset = (pixels - line.curve[nearest]) / width
    side = tangent[:, 0] * offset[:, 1] - tangent[:, 1] * offset[:, 0]
    along = nearest / (len(line.curve) - 1)
    fade = np.minimum(along / line.taper[0], (1 - along) / line.taper[1]).clip(0, 1)
    valley = np.exp(-(away**2))
    bulge = np.exp(-(((away - far) / broad) ** 2)) * (side * line.swell > 0)
    # The skin's height is -valley: light grows where it rises away from the lamp.
    lit = -2 * _STEEP * line.depth * valley * (offset @ slant)
    gain = abs(line.swell) * bulge - line.depth * valley + lit
    return pixels[:, 1] * size[1] + pixels[:, 0], gain * fade * fade * (3 - 2 * fade)


def _pits(centre: np.ndarray, frame: np.ndarray, size: tuple[int, int], scale: float):
    """A pitted chin, as :func:`_profile`."""
    reach = max(_BOSS_SIZE) * scale
    low = np.clip(np.floor(centre - reach).astype(int), 0, size[::-1])
    high = np.clip(np.ceil(centre + reach).astype(int), 0, size[::-1])
    ys, xs = np.mgrid[low[1] : high[1], low[0] : high[0]]
    if not xs.size:
        return np.zeros(0, int), np.zeros(0)
    x, y = np.moveaxis((np.stack([xs, ys], -1) - centre) @ np.linalg.inv(frame).T, -1, 0)
    inside = np.clip(1 - (x / _BOSS_SIZE[0]) ** 2 - (y / _BOSS_SIZE[1]) ** 2, 0, 1)
    noise = np.random.default_rng(0).normal(size=xs.shape).astype(np.float32)
    fine, coarse = (cv2.GaussianBlur(noise, (0, 0), s * _PIT * scale) for s in (0.6, 1.2))
    grain = (fine - coarse) / max(float(np.std(fine - coarse)), 1e-6)
    gain = _UNEVEN * (np.clip(grain, -2, 1.2) - 0.3) * inside
    return (ys * size[1] + xs).ravel(), gain.ravel()
