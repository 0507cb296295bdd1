"""Eyeballs behind the lids: a white with the iris painted out, and an iris that moves with gaze."""

from __future__ import annotations

import cv2
import numpy as np

from gen.renderers.camera import HeadCamera
from gen.renderers.portrait import Portrait
from gen.renderers.skin import continue_skin
from recognizer.face_model import IRIS, LOWER_LID, UPPER_LID
from recognizer.facs import ARKIT_INDEX

#: Radius of an eyeball in face widths (12 of 140 mm), and how far eyeLook = 1 turns it:
#: sideways about as far as filmed people's do, up and down farther.
_BALL_RADIUS = 0.086
_SIDEWAYS, _UPDOWN = np.sin(np.deg2rad(33)), np.sin(np.deg2rad(30))
#: A gaze that has moved so far (in radii of the ball) leaves the lids' old shadows behind.
_BARE_AT = 0.12
#: A reflection of a lamp is so much lighter (of 255) than its ring of the iris, and goes this share
#: of the iris's way: the cornea's middle lies nearer to the centre of the eye than the pupil.
_GLINT, _GLINT_TRAVEL = 25.0, 0.55
#: How far an iris moves in the picture at eyeLookUp or eyeLookDown = 1, in face widths.
VERTICAL_TRAVEL = float(_BALL_RADIUS * _UPDOWN)


class Eye:
    """One eye of a portrait.

    Args:
        portrait: the framed picture.
        camera: its camera.
        side: 0 for the subject's right eye (image left), 1 for the left.
    """

    def __init__(self, portrait: Portrait, camera: HeadCamera, side: int) -> None:
        self._camera = camera
        self._rotation = portrait.pose.rotation
        self._radius = _BALL_RADIUS * portrait.pose.scale
        points = portrait.landmarks
        outline = points[[*UPPER_LID[side], *LOWER_LID[side][-2:0:-1]]]
        iris = points[list(IRIS[side])]
        width = np.ptp(outline[:, 0])
        low = np.floor(outline[:, :2].min(0) - 0.35 * width).astype(int)
        high = np.ceil(outline[:, :2].max(0) + 0.35 * width).astype(int)
        limit = np.array(portrait.image.shape[1::-1])
        self._low, high = np.clip(low, 0, limit), np.clip(high, 0, limit)
        patch = portrait.image[self._low[1] : high[1], self._low[0] : high[0]]
        self._space = camera.unproject(
            outline.mean(0) + np.array([[0, 0, 0], [10, 0, 0], [0, 10, 0]])
        )
        polygon = np.zeros(patch.shape[:2], np.uint8)
        cv2.fillPoly(polygon, [np.round((outline[:, :2] - self._low) * 16).astype(int)], 255,
                     cv2.LINE_AA, 4)  # fmt: skip
        inner = outline[len(UPPER_LID[side]) - 1, :2] - self._low
        self._white, self._bare, self._iris, self._glint = _separate(
            patch, polygon, iris[:, :2] - self._low, inner, width
        )
        # Only what the lids may frame is painted.
        reach = max(1, round(0.22 * width))
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
        window = cv2.dilate(polygon, disc)
        self._window = cv2.GaussianBlur(window, (0, 0), 1.0)
        tag = "Right" if side == 0 else "Left"
        # Right of the image is the subject's left: out for the left eye, in for the right one.
        outward, inward = ("Out", "In") if side == 1 else ("In", "Out")
        self._terms = [
            (ARKIT_INDEX[f"eyeLook{outward}{tag}"], (_SIDEWAYS, 0)),
            (ARKIT_INDEX[f"eyeLook{inward}{tag}"], (-_SIDEWAYS, 0)),
            (ARKIT_INDEX[f"eyeLookDown{tag}"], (0, _UPDOWN)),
            (ARKIT_INDEX[f"eyeLookUp{tag}"], (0, -_UPDOWN)),
        ]

    def draw(self, frame: np.ndarray, blendshapes, rotation, translation) -> None:
        """Paint the eyeball where the lids will frame it (the lids are drawn later).

        Args:
            frame: uint8 ``[H, W, 3]``, drawn into.
            blendshapes: ``[52]`` relative to the portrait's own.
            rotation: ``[3, 3]`` and
            translation: ``[3]`` in pixels: the head's movement.
        """
        moved = self._camera.project(self._camera.move(self._space, rotation, translation))
        here = self._camera.project(self._space)
        affine = cv2.getAffineTransform(
            (here[:, :2] - self._low).astype(np.float32), moved[:, :2].astype(np.float32)
        )
        height, width = self._white.shape[:2]
        corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], float)
        box = corners @ affine.T
        limit = np.array(frame.shape[1::-1])
        low = np.clip(np.floor(box.min(0)).astype(int), 0, limit)
        high = np.clip(np.ceil(box.max(0)).astype(int), 0, limit)
        if (high <= low).any():
            return
        size = tuple(int(v) for v in high - low)
        affine[:, 2] -= low
        look = np.zeros(3)
        for index, (right, down) in self._terms:
            look[:2] += blendshapes[index] * np.array([right, down])
        share = min(1.0, float(np.abs(look).max()) / _BARE_AT)
        white = self._white if share == 0 else self._bare
        if 0 < share < 1:
            white = cv2.addWeighted(self._white, 1 - share, self._bare, share, 0)
        white = cv2.warpAffine(
            white, affine, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        offset = (rotation @ self._rotation @ look)[:2] * self._radius
        turned = affine.copy()
        turned[:, 2] += offset
        iris = cv2.warpAffine(self._iris, turned, size, flags=cv2.INTER_LINEAR)
        alpha = iris[..., 3:].astype(np.float32) / 255
        region = frame[low[1] : high[1], low[0] : high[0]]
        eye = white + alpha * (iris[..., :3].astype(np.float32) - white)
        turned[:, 2] -= (1 - _GLINT_TRAVEL) * offset
        eye += cv2.warpAffine(self._glint, turned, size, flags=cv2.INTER_LINEAR)
        window = cv2.warpAffine(self._window, affine, size, flags=cv2.INTER_LINEAR)
        window = window[..., None].astype(np.float32) / 255
        region[:] = np.clip(region + window * (eye - region) + 0.5, 0, 255)


def _separate(patch: np.ndarray, polygon: np.ndarray, iris: np.ndarray, inner, width: float):
    """Take an eye apart.

    Args:
        patch: uint8 ``[h, w, 3]``.
        polygon: uint8 ``[h, w]``, 255 between the lids.
        iris: ``[5, 2]`` its centre and rim in the patch.
        inner: ``[2]`` the inner corner, whose flesh is no white.
        width: of the eye in pixels.

    Returns:
        The white with its iris painted out, as it lies between its lids and as it would look
        without their shadows and lashes (uint8 ``[h, w, 3]``), the iris completed behind the lids
        (uint8 ``[h, w, 4]``), and the lamps that it reflects (uint8 ``[h, w, 3]``, to be added).
    """
    ys, xs = np.mgrid[: polygon.shape[0], : polygon.shape[1]].astype(np.float32)
    distance = np.hypot(xs - iris[0, 0], ys - iris[0, 1])
    inside = polygon > 127
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 3)  # from the lids
    light = patch.astype(np.float32).mean(-1)
    radius = max(2.0, float(np.linalg.norm(iris[1:] - iris[0], axis=1).mean()))
    rim = radius
    radius = _limbus(light, distance, depth > 0.25 * radius, radius)
    rim = 1.2 * max(radius, rim)
    flesh = np.hypot(xs - inner[0], ys - inner[1]) < 0.2 * width
    clean = (depth > 0.2 * radius) & (distance > rim) & ~flesh
    if clean.sum() < 12:
        tone = np.percentile(patch[inside], 80, axis=0) if inside.any() else np.full(3, 200.0)
        filled = np.broadcast_to(tone.astype(np.float32), patch.shape)
    else:
        clean &= light >= np.percentile(light[clean], 35)  # neither lashes nor shadow
        filled = continue_skin(patch.astype(np.float32), clean, 1.5 * radius)
    keep = (inside & (distance > radius * 1.12)).astype(np.float32)
    keep = cv2.GaussianBlur(keep, (0, 0), 0.7)
    calm = np.maximum(np.clip(depth / (0.2 * radius) - 0.5, 0, 1), flesh) * (distance > rim)
    calm = keep * cv2.GaussianBlur(calm.astype(np.float32), (0, 0), max(0.7, 0.1 * radius))
    white, bare = (
        (filled + share[..., None] * (patch - filled)).clip(0, 255).astype(np.uint8)
        for share in (keep, calm)
    )
    return white, bare, *_complete(patch, depth, distance, radius)


def _complete(patch: np.ndarray, depth, distance: np.ndarray, radius: float) -> np.ndarray:
    """An iris (uint8 ``[h, w, 4]``) whose unseen parts look as the seen ones on the same ring.

    And the lamps reflected in it (uint8 ``[h, w, 3]``), which are no part of it.
    """
    seen = (depth > 0.3 * radius) & (distance < radius * 1.2)
    rings = np.arange(0, radius * 1.3, 1.0)
    profile = np.full((len(rings), 3), np.nan)
    for i, step in enumerate(rings):
        ring = seen & (np.abs(distance - step - 0.5) < 1)
        if ring.any():
            profile[i] = np.median(patch[ring], axis=0)
    colours = patch.astype(np.float32)
    glint = np.zeros_like(colours)
    known = np.isfinite(profile[:, 0])
    if known.any():
        guess = np.stack(
            [np.interp(distance, rings[known] + 0.5, profile[known, i]) for i in range(3)], -1
        )
        trust = np.clip((depth - 0.1 * radius) / (0.25 * radius), 0, 1)[..., None]
        lighter = (colours - guess).mean(-1, keepdims=True)
        share = np.clip(1 - _GLINT / np.maximum(lighter, 1), 0, 1)
        share *= np.clip((0.95 * radius - distance) / (0.1 * radius), 0, 1)[..., None]
        glint = share * trust * (colours - guess)
        colours = guess + trust * (colours - guess) - glint
    alpha = np.clip((radius * 1.03 - distance) / max(1.5, 0.2 * radius) + 0.5, 0, 1)
    iris = np.dstack([colours, alpha * 255]).clip(0, 255).astype(np.uint8)
    return iris, glint.clip(0, 255).astype(np.uint8)


def _limbus(light: np.ndarray, distance: np.ndarray, seen: np.ndarray, radius: float) -> float:
    """Where an iris ends: the ring across which it becomes lighter most, near ``radius``."""
    steps = radius * np.linspace(0.9, 1.1, 6)
    half = 0.12 * radius
    rise = []
    for step in steps:
        within = seen & (np.abs(distance - step + half) < half)
        beyond = seen & (np.abs(distance - step - half) < half)
        few = within.sum() < 4 or beyond.sum() < 4
        rise.append(0.0 if few else float(light[beyond].mean() - light[within].mean()))
    return float(steps[int(np.argmax(rise))]) if max(rise) > 0 else radius
