"""Closing an eye: the upper lid's margin travels to the lower one and brings clean skin with it."""

from __future__ import annotations

import cv2
import numpy as np

from gen.renderers.lashes import Lashes
from gen.renderers.skin import continue_skin
from gen.renderers.topology import Topology
from recognizer.facs import ARKIT_INDEX
from recognizer.raster import draw_textured

#: Lashes and make-up reach this far above the margin, in eye apertures, but not into the brow.
_LASHES, _BROW_SHARE = 1.2, 0.75
#: Above the margin lie liner and the lashes' roots: the lid's own skin begins here (apertures).
_LINER = 0.3
#: A shut lid is at most so much lighter than the skin below the eye (between these apertures).
_AS_CHEEK, _CHEEK = 1.05, (0.5, 1.5)
#: Darker than this share of the lid's skin is neither skin nor shadow.
_FRAME = 0.35
#: The lower lid's wet rim, hidden when shut (apertures), by the last of the way: so much of an eye
#: is open as is asked for.
_RIM, _RIM_LAST = 0.25, 3
#: A fold leaves this much of the height that skin had above the margin, and of the lashes' strip.
_FOLD, _LASHES_KEPT = 0.12, 0.45
#: How far above the margin (apertures) skin gives way when it is pushed up, and by what share.
_FOLD_REACH, _YIELD = 3.0, 0.7
#: Travel of the margin (in apertures) over which the photographed lashes, which stand up,
#: foreshorten from their tips to their roots; the skin that comes to light has so soft a rim.
_BARE_FROM, _BARE_TO, _SOFT = 0.05, 0.65, 0.3
#: Before the roots have gone the lashes that hang have come; they lengthen until the lid is shut.
_HANG_FROM, _HANG_TO = 0.15, 0.45
#: Lids ride on the eyeball: travel of the upper and of the lower margin as a share of the iris's.
#: (The head model's own eyes turn by 13 degrees up and 19 down where a portrait's turn by 30.)
_LOOK = {"eyeLookUp": (-1.0, 0.0), "eyeLookDown": (0.9, 0.5)}
#: Looking up, the lid slides under its fold: lashes and liner (so many apertures) stay as they are,
#: the skin above them is left this share of its height.
_LASH_STRIP, _UNDER_FOLD = 0.3, 0.4
#: The lower lid takes skin along so far below it (apertures).
_LOWER_REACH = 0.8
#: A lid that comes down from the first to the second (apertures) takes up to this share of light
#: from the ball below its margin, as far as this: margin and lashes stand out before the ball.
_SHADED, _SHADOW, _SHADOW_REACH = (0.35, 0.7), 0.6, 0.28
_BROW = ((46, 53, 52, 65, 55), (276, 283, 282, 295, 285))


class Lid:
    """The upper lid of one eye.

    Args:
        image: uint8 ``[H, W, 3]``, the portrait.
        rest: ``[M, 3]`` mesh vertices in its pixels; the first 478 are MediaPipe's points.
        topology: the mesh.
        side: 0 for the subject's right eye, 1 for the left.
        blink: ``[M, 3]`` displacement of the vertices at eyeBlink = 1 on the head model.
        space: ``[M, 3]`` the vertices in the camera's space.
    """

    def __init__(
        self, image, rest: np.ndarray, topology: Topology, side: int, blink, space: np.ndarray
    ) -> None:
        upper, lower = topology.upper_lid[side], topology.lower_lid[side]
        self._upper, self._lower = upper, lower
        self._side = ("Right", "Left")[side]
        self._aperture = float(np.linalg.norm(rest[lower] - rest[upper], axis=1).max())
        middle = len(upper) // 2
        down = rest[lower[middle]] - rest[upper[middle]]
        self._down = down / max(np.linalg.norm(down), 1e-6)
        size = np.linalg.norm(blink, axis=1)
        away = np.linalg.norm(rest[:, None, :2] - rest[None, upper, :2], axis=-1)
        nearest, height = away.argmin(1), away.min(1) / max(self._aperture, 1e-6)
        weight = np.clip(size / np.maximum(size[upper][nearest], 0.3 * size.max()), 0, 1)
        # Narrow eyes have less to travel than the head model's.
        self._narrow = min(1.0, 1.1 * self._aperture / max(size[upper].max(), 1e-6))
        # Lashes stand on the margin: a strip above it moves with it, the skin beyond stretches.
        strip = np.clip(1.35 - height / 0.35, 0, 1)
        below = rest[:, 1] > rest[upper, 1][nearest]
        weight = np.where(below, 0, np.maximum(weight, strip * (weight > 0.25)))
        tall = (rest[upper][nearest] - rest) @ self._down
        above = np.flatnonzero((tall > 0) & (away.min(1) < _FOLD_REACH * self._aperture))
        self._above = above[np.lexsort((tall[above], nearest[above]))]  # up each column of skin
        self._near_above, self._height = nearest[self._above], tall[self._above]
        self._yield = _YIELD * np.clip(_FOLD_REACH - self._height / self._aperture, 0, 1)
        self._skin, corner, bared, frame, tone, self._tall = _bare(
            image, rest[upper, :2], rest[lower, :2], rest[list(_BROW[side]), :2], self._aperture
        )
        uv = rest[:, :2] - corner
        self._uv = uv.astype(np.float32)
        inside = ((uv > 1) & (uv < np.array(self._skin.shape[1::-1]) - 2)).all(1)
        column, row = uv[inside].astype(int).T
        # The mesh is coarse: what borders on a frame must not pull at it either.
        near = cv2.dilate(frame, np.ones((2 * round(0.25 * self._aperture) + 1,) * 2))
        held = weight > 0.02
        held[upper[[0, -1]]] = False
        self._own = np.flatnonzero(held)
        weight[inside] *= 1 - near[row, column]
        covered = np.zeros(len(rest), bool)
        covered[inside] = bared[row, column] > 0
        covered[upper] = True
        chosen = covered[topology.triangles].any(1) & inside[topology.triangles].all(1)
        self._triangles = np.ascontiguousarray(topology.triangles[chosen])
        weight[upper] = 1.0
        weight[upper[[0, -1]]] = 0.0
        self.members = np.flatnonzero(weight > 0.02)
        self._weight, self._nearest = weight[self.members, None], nearest[self.members]
        self._middle = slice(middle - len(upper) // 8, middle + len(upper) // 8 + 1)
        self._below, self._below_weight = self._lower_strip(rest)
        self._rest_margin = space[upper]
        arch = np.sin(np.linspace(0, np.pi, len(upper)))[:, None]
        self._rim = _RIM * self._aperture * arch * self._down
        self._lashes = Lashes(image, rest[upper, :2], self._down[:2], self._aperture, tone)

    def _lower_strip(self, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Vertices of the lower lid and their share ``[K, 1]`` of its margin's movement."""
        margin = rest[self._lower]
        away = np.linalg.norm(rest[:, None, :2] - margin[None, :, :2], axis=-1)
        nearest, away = away.argmin(1), away.min(1) / max(self._aperture, 1e-6)
        under = (rest - margin[nearest]) @ self._down
        weight = np.exp(-((away / _LOWER_REACH) ** 2)) * (under >= -1e-6)
        weight *= np.sin(np.linspace(0, np.pi, len(margin)))[nearest]
        weight[self._upper] = 0
        members = np.flatnonzero(weight > 0.02)
        return members, weight[members, None]

    def follow(self, basis: np.ndarray, travel: float) -> None:
        """Let the lids follow the eye in displacements ``[52, M, 3]``; it blinks by its own rule.

        Args:
            basis: changed in place.
            travel: pixels by which the iris moves at eyeLookUp or eyeLookDown = 1.
        """
        middle_upper, middle_lower = self._upper[self._middle], self._lower[self._middle]
        for stem, (above, below) in _LOOK.items():
            field = basis[ARKIT_INDEX[stem + self._side]]
            # Narrow eyes have less room to look down.
            wanted = above * travel * (self._narrow if above > 0 else 1.0)
            factor = wanted / (field[middle_upper] @ self._down).mean()
            field[self.members] *= 1 + (factor - 1) * self._weight
            if above < 0:
                high = np.clip(self._height - _LASH_STRIP * self._aperture, 0, None)
                share = np.clip(1 + (1 - _UNDER_FOLD) * high / wanted, 0, 1)[:, None]
                margin = field[self._upper][self._near_above]
                field[self._above] += share * (margin - field[self._above])
            surplus = below * travel - (field[middle_lower] @ self._down).mean()
            field[self._below] += surplus * self._below_weight * self._down
        basis[ARKIT_INDEX["eyeBlink" + self._side]][self._own] = 0

    def close(self, space: np.ndarray, amount: float) -> float:
        """Move the lid in place; ``amount`` is 0 for as in the portrait, 1 for shut.

        Returns:
            How far the margin has come down, in apertures, whatever brought it down.
        """
        self._unfold(space)
        across = space[self._lower] - space[self._upper]
        share = np.full((len(across), 1), amount)
        share[across @ self._down < 0] = 1.0  # a lowered brow must not push one lid past the other
        moved = share * across + share**_RIM_LAST * self._rim
        space[self.members] += moved[self._nearest] * self._weight
        travel = ((space[self._upper] - self._rest_margin) @ self._down).max()
        return float(travel) / max(self._aperture, 1e-6)

    def _unfold(self, space: np.ndarray) -> None:
        """Lowered brows push skin down to the margin, not past it."""
        height = (space[self._upper][self._near_above] - space[self._above]) @ self._down
        lashes = np.minimum(self._height, _LASH_STRIP * self._aperture)
        least = _FOLD * np.minimum(self._height, self._aperture)
        least += (_LASHES_KEPT - _FOLD) * lashes
        deficit = np.clip(least - height, 0, None)
        # What is pushed up pushes up what lies above it: a brow stops as a whole.
        column = (1 + deficit.max(initial=0.0)) * self._near_above
        pushed = self._yield * (np.maximum.accumulate(deficit + column) - column)
        space[self._above] -= np.maximum(deficit, pushed)[:, None] * self._down

    def shade(self, frame: np.ndarray, points: np.ndarray, amount: float) -> None:
        """Darken the eyeball below the margin (the lid itself is drawn later).

        Args:
            frame: uint8 ``[H, W, 3]``, changed.
            points: ``[N, 3]`` vertices in pixels.
            amount: how far the margin has come down, in apertures.
        """
        strength = _SHADOW * min((amount - _SHADED[0]) / (_SHADED[1] - _SHADED[0]), 1.0)
        if strength < 0.02:
            return
        reach = _SHADOW_REACH * self._aperture
        margin = points[self._upper, :2]
        band = np.concatenate([margin - reach * self._down[:2],
                               (margin + 0.5 * reach * self._down[:2])[::-1]])  # fmt: skip
        limit = np.array(frame.shape[1::-1])
        low = np.clip(np.floor(margin.min(0) - reach).astype(int) - 1, 0, limit)
        high = np.clip(np.ceil(margin.max(0) + 2 * reach).astype(int) + 2, 0, limit)
        if (high - low < 2).any():
            return
        mask = np.zeros((high - low)[::-1], np.float32)
        cv2.fillPoly(mask, [np.round((band - low) * 16).astype(np.int32)], strength, cv2.LINE_8, 4)
        mask = cv2.GaussianBlur(mask, (0, 0), 0.5 * reach)
        region = frame[low[1] : high[1], low[0] : high[0]]
        cv2.multiply(region, cv2.merge([1 - mask] * 3), dst=region, dtype=cv2.CV_8U)

    def draw(self, frame: np.ndarray, depth: np.ndarray, points: np.ndarray, amount: float) -> None:
        """Lay bare skin and lashes that hang down over the drawn lid as it closes.

        What a photograph shows above an open eye is lashes and shadow; stretched over the eye
        they would be a smear.

        Args:
            frame: uint8 ``[H, W, 3]``, drawn into.
            depth: float32 ``[H, W]`` z-buffer.
            points: ``[N, 3]`` vertices in pixels.
            amount: how far the margin has come down, in apertures.
        """
        progress = (amount - _BARE_FROM) / (_BARE_TO - _BARE_FROM)
        if progress <= 0:
            return
        vertices = np.array(points[: len(self._uv)], np.float32)
        vertices[:, 2] -= 0.1 * self._aperture  # before the skin already drawn there
        opaque = np.ones(len(vertices), np.float32)
        bare = self._bared(min(progress, 1.0))
        draw_textured(frame, depth, vertices, self._uv, opaque, self._triangles, bare)
        hanging = _eased((amount - _HANG_FROM) / (_HANG_TO - _HANG_FROM))
        self._lashes.draw(frame, points[self._upper, :2], hanging, _eased(amount))

    def _bared(self, progress: float) -> np.ndarray:
        """The skin uint8 ``[h, w, 4]`` above what is left of the photographed lashes."""
        tips = _LASHES * (1 - progress) ** 2 - _SOFT * progress
        opacity = np.clip((self._tall - tips) / _SOFT, 0, 1)[..., None]
        return np.concatenate([self._skin * opacity, 255 * opacity], axis=-1).astype(np.uint8)


def _bare(image, upper, lower, brow, aperture: float):
    """The skin around an eye with eye, lashes and liner painted out.

    Args:
        image: uint8 ``[H, W, 3]``.
        upper, lower: ``[K, 2]`` lid margins in pixels, outer to inner corner.
        brow: ``[5, 2]`` the brow's lower edge, outer to inner.
        aperture: pixels.

    Returns:
        The patch uint8 ``[h, w, 3]``, its corner in the picture ``[2]``, where it differs from the
        picture and where spectacles are (float32 ``[h, w]``, 0..1), the lid's tone ``[3]``, and the
        height over the margin (float32 ``[h, w]``, apertures).
    """
    width = np.linalg.norm(upper[-1] - upper[0])
    along = (upper[-1] - upper[0]) / max(width, 1e-6)
    middle = len(upper) // 2
    up = upper[middle] - lower[middle]
    up = up - (up @ along) * along
    up /= max(np.linalg.norm(up), 1e-6)
    everything = np.concatenate([upper, lower, brow])
    pad = 0.4 * width + 4
    limit = np.array(image.shape[1::-1])
    corner = np.clip(np.floor(everything.min(0) - pad).astype(int), 0, limit)
    end = np.clip(np.ceil(everything.max(0) + pad).astype(int), 0, limit)
    patch = np.ascontiguousarray(image[corner[1] : end[1], corner[0] : end[0]])
    ys, xs = np.mgrid[: patch.shape[0], : patch.shape[1]].astype(np.float32)
    place = np.stack([xs, ys], -1) + corner - upper[0]
    across, tall = place @ along, place @ up

    def edge(curve):
        s, t = (curve - upper[0]) @ along, (curve - upper[0]) @ up
        order = np.argsort(s)
        return np.interp(across, s[order], t[order])

    top = edge(upper)
    height = (tall - top) / aperture
    free = np.maximum((edge(brow) - top) / aperture, 0.4)  # of the brow
    reach = np.minimum(_LASHES, _BROW_SHARE * free)
    beside = np.where(across < 0, -across / 0.4, (across - width) / 0.12) / width
    fade = np.clip((reach - height) / (0.4 * reach), 0, 1) * np.clip(2 - 2 * beside, 0, 1)
    # Lashes fan out beyond the outer corner and below it, nowhere else.
    fade *= np.where(across < 0, np.clip(2 + 2 * height, 0, 1), height > -0.15)
    # A closing (Serra 1982) takes out what is dark and thinner than its disc: lashes.
    disc = 2 * max(1, round(0.2 * aperture)) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (disc, disc))
    combed = cv2.morphologyEx(patch, cv2.MORPH_CLOSE, disc)
    combed = cv2.GaussianBlur(combed, (0, 0), max(0.6, 0.07 * aperture))
    # What stays dark is liner or the lashes' roots; the lid's own skin is lighter.
    light = combed.mean(-1)
    area = (height > _LINER) & (height < 0.8 * free) & (across > 0) & (across < width)
    bright = np.percentile(light[area], 75) if area.any() else 0.0
    known = (height > np.minimum(_LINER, 0.7 * reach)) & (height < free) & (light > 0.8 * bright)
    known &= (across > -0.3 * width) & (across < 1.1 * width)
    margin = (np.abs(height) < 0.25) & (across > 0) & (across < width)
    frame = _spectacles(patch.mean(-1) < _FRAME * bright, margin, aperture)
    fade *= 1 - frame
    if not known.any():  # a brow on the lid, or all dark: nothing to paint with
        known = height > 0
    skin = continue_skin(combed.astype(np.float32), known, aperture)
    # A highlight above the fold is not the lid's own shade.
    depth = (edge(lower) - tall) / aperture
    cheek = (depth > _CHEEK[0]) & (depth < _CHEEK[1]) & (across > 0) & (across < width)
    covered = (height < 1.0) & (tall > edge(lower)) & (across > 0) & (across < width)
    if cheek.any() and covered.any():
        lightest = _AS_CHEEK * np.median(light[cheek])
        skin = skin * min(1.0, lightest / max(float(np.median(skin[covered])), 1.0))
    # Drawn out over the eye, any detail would be a streak.
    skin = cv2.GaussianBlur(skin, (0, 0), 0.2 * aperture)
    # The ball beneath: it catches light from above, and the margin turns in.
    swell = 0.06 * np.exp(-(((height - 0.4) / 0.3) ** 2)) - 0.12 * np.exp(-((height / 0.12) ** 2))
    swell -= 0.06 * np.clip(2 * across / width - 1, -1, 1) ** 2
    skin *= 1 + swell[..., None]
    grain = patch - cv2.GaussianBlur(patch, (0, 0), 1.5).astype(np.float32)
    calm = known & (height > 0.5)
    noise = min(float(np.std(grain[calm])), 4.0) * 0.6 if calm.any() else 0.0
    skin += np.random.default_rng(0).normal(0, noise, patch.shape[:2])[..., None]
    weight = cv2.GaussianBlur(fade.astype(np.float32), (0, 0), max(0.7, 0.08 * aperture))
    skin = np.clip(patch + weight[..., None] * (skin - patch), 0, 255).astype(np.uint8)
    lid = (height > 0) & (height < reach) & (across > 0) & (across < width)
    tone = np.median(skin[lid], axis=0) if lid.any() else np.full(3, 128.0)
    return skin, corner, weight, frame, tone, height.astype(np.float32)


def _eased(x: float) -> float:
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


def _spectacles(dark: np.ndarray, margin: np.ndarray, aperture: float) -> np.ndarray:
    """Where a frame is, float32 ``[h, w]``: dark, large and clear of the lashes."""
    disc = 2 * max(1, round(0.08 * aperture)) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (disc, disc))
    thick = cv2.morphologyEx(dark.astype(np.uint8), cv2.MORPH_OPEN, disc)
    _, parts, statistics, _ = cv2.connectedComponentsWithStats(thick)
    large = np.flatnonzero(statistics[:, cv2.CC_STAT_AREA] > aperture**2)
    frame = (thick > 0) & np.isin(parts, large) & ~np.isin(parts, parts[margin])
    soft = cv2.GaussianBlur(frame.astype(np.float32), (0, 0), 0.12 * aperture)
    return np.clip(3 * soft, 0, 1)
