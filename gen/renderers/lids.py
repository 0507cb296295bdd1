"""Closing an eye: the upper lid's margin travels to the lower one and brings clean skin with it."""

from __future__ import annotations

import cv2
import numpy as np

from gen.renderers.kernels import draw_textured
from gen.renderers.topology import Topology

#: Lashes and make-up reach this far above the margin, in eye apertures.
_LASHES = 0.55
#: A fold leaves this much of the height that skin had above the margin.
_FOLD = 0.25


class Lid:
    """The upper lid of one eye.

    Args:
        image: uint8 ``[H, W, 3]``, the portrait.
        rest: ``[M, 3]`` mesh vertices in its pixels.
        topology: the mesh.
        side: 0 for the subject's right eye, 1 for the left.
        blink: ``[M, 3]`` displacement of the vertices at eyeBlink = 1 on the head model.
    """

    def __init__(self, image, rest: np.ndarray, topology: Topology, side: int, blink) -> None:
        upper, lower = topology.upper_lid[side], topology.lower_lid[side]
        self._upper, self._lower = upper, lower
        self._aperture = float(np.linalg.norm(rest[lower] - rest[upper], axis=1).max())
        middle = len(upper) // 2
        down = rest[lower[middle]] - rest[upper[middle]]
        self._down = down / max(np.linalg.norm(down), 1e-6)
        size = np.linalg.norm(blink, axis=1)
        away = np.linalg.norm(rest[:, None, :2] - rest[None, upper, :2], axis=-1)
        nearest, height = away.argmin(1), away.min(1) / max(self._aperture, 1e-6)
        weight = np.clip(size / np.maximum(size[upper][nearest], 0.3 * size.max()), 0, 1)
        # Lashes stand on the margin: a strip above it moves with it, the skin beyond stretches.
        strip = np.clip(1.35 - height / 0.35, 0, 1)
        below = rest[:, 1] > rest[upper, 1][nearest]
        weight = np.where(below, 0, np.maximum(weight, strip * (weight > 0.25)))
        tall = (rest[upper][nearest] - rest) @ self._down
        self._above = np.flatnonzero((tall > 0) & (away.min(1) < 1.1 * self._aperture))
        self._near_above, self._height = nearest[self._above], tall[self._above]
        weight[upper] = 1.0
        weight[upper[[0, -1]]] = 0.0
        self.members = np.flatnonzero(weight > 0.02)
        self._weight, self._nearest = weight[self.members, None], nearest[self.members]
        chosen = np.isin(topology.triangles, self.members).any(1)
        self._triangles = np.ascontiguousarray(topology.triangles[chosen])
        self._cover = np.clip(weight * 1.6 - 0.15, 0, 1).astype(np.float32)
        self._uv = rest[:, :2].astype(np.float32)
        self._skin, self._lash = self._bare(image, rest)

    def close(self, space: np.ndarray, amount: float) -> None:
        """Move the lid in place; ``amount`` is 0 for as in the portrait, 1 for shut."""
        self._unfold(space)
        across = space[self._lower] - space[self._upper]
        share = np.full((len(across), 1), amount)
        share[across @ self._down < 0] = 1.0  # a lowered brow must not push one lid past the other
        space[self.members] += (share * across)[self._nearest] * self._weight

    def _unfold(self, space: np.ndarray) -> None:
        """Lowered brows push skin down to the margin, not past it."""
        height = (space[self._upper][self._near_above] - space[self._above]) @ self._down
        deficit = np.clip(_FOLD * self._height - height, 0, None)
        space[self._above] -= deficit[:, None] * self._down

    def draw(self, frame: np.ndarray, depth: np.ndarray, points: np.ndarray, amount: float) -> None:
        """Lay bare skin and a lash line over the drawn lid as it closes.

        What a photograph shows above an open eye is lashes and shadow; stretched over the eye
        they would be a smear.
        """
        if amount < 0.05:
            return
        vertices = np.ascontiguousarray(points[: len(self._cover)], np.float32)
        vertices[:, 2] -= 0.1 * self._aperture  # before the skin already drawn there
        opacity = min(1.0, 1.5 * amount)
        draw_textured(
            frame, depth, vertices, self._uv,
            self._cover * np.float32(opacity), self._triangles, self._skin,
        )  # fmt: skip
        self._draw_lashes(frame, points[self._upper, :2], opacity)

    def _draw_lashes(self, frame: np.ndarray, margin: np.ndarray, opacity: float) -> None:
        thick = max(1.0, 0.16 * self._aperture)
        pad = int(3 * thick) + 2
        limit = np.array(frame.shape[1::-1])
        low = np.clip(np.floor(margin.min(0)).astype(int) - pad, 0, limit)
        high = np.clip(np.ceil(margin.max(0)).astype(int) + pad, 0, limit)
        if (high <= low).any():
            return
        mask = np.zeros((high - low)[::-1], np.uint8)
        line = np.round((margin - low) * 16).astype(np.int32)
        cv2.polylines(mask, [line], False, 255, max(1, round(thick)), cv2.LINE_AA, 4)
        mask = cv2.GaussianBlur(mask, (0, 0), 0.4 * thick + 0.3)
        alpha = mask[..., None].astype(np.float32) * (0.85 * opacity / 255)
        region = frame[low[1] : high[1], low[0] : high[0]]
        region[:] = np.clip(region + alpha * (self._lash - region) + 0.5, 0, 255)

    def _bare(self, image: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The portrait with eye, lashes and shadow painted out by skin, and the lashes' colour."""
        upper, lower = rest[self._upper, :2], rest[self._lower, :2]
        across = lower - upper
        length = np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
        middle = len(upper) // 2
        up = -across[middle] / length[middle]
        raised = upper + up * _LASHES * self._aperture
        outline = np.concatenate([raised, (lower - up * 0.25 * self._aperture)[::-1]])
        centre = outline.mean(0)
        outline = centre + (outline - centre) * (1.12, 1.0)
        mask = np.zeros(image.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, shift=4)
        reach = int(1.2 * np.ptp(upper[:, 0])) + 4
        x0, y0 = np.maximum(np.round(centre).astype(int) - reach, 0)
        x1, y1 = np.round(centre).astype(int) + reach
        patch, hole = np.ascontiguousarray(image[y0:y1, x0:x1]), mask[y0:y1, x0:x1]
        # Skin comes from above: bring the row below the brow's shadow down, then smooth.
        filled = cv2.inpaint(patch, hole, 5, cv2.INPAINT_TELEA)
        soft = cv2.GaussianBlur(filled, (0, 0), max(1.0, 0.25 * self._aperture))
        weight = cv2.GaussianBlur(hole, (0, 0), max(0.7, 0.08 * self._aperture))
        weight = weight[..., None].astype(np.float32) / 255
        grain = patch.astype(np.float32) - cv2.GaussianBlur(patch, (0, 0), 1.5)
        texture = np.clip(np.std(grain[hole == 0]), 0, 4) * 0.5
        noise = np.random.default_rng(0).normal(0, texture, patch.shape[:2])[..., None]
        skin = image.copy()
        skin[y0:y1, x0:x1] = np.clip(filled + weight * (soft + noise - filled), 0, 255)
        band = np.round(upper + up * 0.05 * self._aperture).astype(int)
        band = band.clip(0, np.array(image.shape[1::-1]) - 1)
        tones = image[band[:, 1], band[:, 0]].astype(np.float32)
        return skin, np.percentile(tones, 25, axis=0) * 0.8
