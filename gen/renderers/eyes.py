"""Eyeballs behind the lids: a white with the iris painted out, and an iris that moves with gaze."""

from __future__ import annotations

import cv2
import numpy as np

from gen.renderers.camera import HeadCamera
from gen.renderers.portrait import Portrait
from recognizer.face_model import IRIS, LOWER_LID, UPPER_LID
from recognizer.facs import ARKIT_INDEX

#: Radius of an eyeball in face widths (12 of 140 mm), and how far eyeLook = 1 turns it.
_BALL_RADIUS = 0.086
_SIDEWAYS, _UPDOWN = np.sin(np.deg2rad(30)), np.sin(np.deg2rad(25))


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
        self._white, self._iris = _separate(patch, polygon, iris[:, :2] - self._low)
        # Only what the lids may frame is painted.
        reach = max(1, round(0.12 * width))
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
        white = cv2.warpAffine(
            self._white, affine, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        look = np.zeros(3)
        for index, (right, down) in self._terms:
            look[:2] += blendshapes[index] * np.array([right, down])
        offset = (rotation @ self._rotation @ look)[:2] * self._radius
        turned = affine.copy()
        turned[:, 2] += offset
        iris = cv2.warpAffine(self._iris, turned, size, flags=cv2.INTER_LINEAR)
        alpha = iris[..., 3:].astype(np.float32) / 255
        region = frame[low[1] : high[1], low[0] : high[0]]
        eye = white + alpha * (iris[..., :3].astype(np.float32) - white)
        window = cv2.warpAffine(self._window, affine, size, flags=cv2.INTER_LINEAR)
        window = window[..., None].astype(np.float32) / 255
        region[:] = np.clip(region + window * (eye - region) + 0.5, 0, 255)


def _separate(patch: np.ndarray, polygon: np.ndarray, iris: np.ndarray):
    """An eye patch → the white without its iris, and the iris (RGBA) completed behind the lids."""
    height, width = polygon.shape
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    centre = iris[0]
    radius = max(2.0, float(np.linalg.norm(iris[1:] - centre, axis=1).mean()))
    distance = np.hypot(xs - centre[0], ys - centre[1])
    inside = polygon > 127
    kernel = np.ones((3, 3), np.uint8)
    core = cv2.erode(polygon, kernel, iterations=max(1, round(0.12 * radius))) > 127
    clean = core & (distance > radius * 1.18)
    if clean.sum() < 12:
        tone = np.percentile(patch[inside], 80, axis=0) if inside.any() else np.full(3, 200.0)
        filled = np.broadcast_to(tone.astype(np.uint8), patch.shape).copy()
    else:
        hidden = (~clean).astype(np.uint8)
        filled = cv2.inpaint(np.ascontiguousarray(patch), hidden, 3, cv2.INPAINT_TELEA)
        # Far from what was seen, inpainting streaks: smooth it.
        soft = cv2.GaussianBlur(filled, (0, 0), 0.35 * radius)
        far = np.clip(cv2.distanceTransform(hidden, cv2.DIST_L2, 3) / (0.6 * radius), 0, 1)
        filled = (filled + far[..., None] * (soft.astype(np.float32) - filled)).astype(np.uint8)
    keep = (inside & (distance > radius * 1.12)).astype(np.float32)
    keep = cv2.GaussianBlur(keep, (0, 0), 0.7)[..., None]
    white = (filled + keep * (patch.astype(np.float32) - filled)).astype(np.uint8)

    alpha = np.clip((radius * 1.10 - distance) / max(1.0, 0.12 * radius) + 0.5, 0, 1)
    colours = patch.astype(np.float32).copy()
    seen = core & (distance < radius * 1.2)
    for step in np.arange(0, radius * 1.3, 1.0):
        ring = (distance >= step) & (distance < step + 1)
        known = ring & seen
        around = known if known.any() else seen & (distance < step + 3)
        if around.any():
            colours[ring & ~inside] = np.median(patch[around], axis=0)
    rgba = np.dstack([colours, alpha * 255]).clip(0, 255).astype(np.uint8)
    return white, rgba
