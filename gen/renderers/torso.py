"""Shoulders that sway a little as the head changes its place: a soft warp of what does not turn.

A head that slides about on shoulders which stand like a wall is a puppet's. The sway is greatest at
the collar, becomes less towards the hips, and ends where the picture's borders cut the body across
it: nothing has to be known beyond them.
"""

from __future__ import annotations

import cv2
import numpy as np

from gen.renderers.matte import bust_coordinates
from gen.renderers.portrait import Portrait
from recognizer.easing import smoothstep

#: Share of the head's change of place, sideways and up: speakers' collars, tracked in clips, have
#: 0.2 to 0.3 and 0 to 0.15.
_SHARE = np.array([0.3, 0.15])
#: Face widths below the chin between which the sway begins, and where the hips stand still.
_BEGINS, _HIPS = (-0.2, 0.15), 3.0
#: Over so many face widths it ends at the picture's borders and beside the person.
_BORDER, _BESIDE = 0.3, 0.1
#: Pixels of sway that nobody sees.
_LEAST = 0.02


class Torso:
    """What of a portrait stands below the head.

    Args:
        portrait: the framed picture.
        person: float32 ``[H, W]``, 0..1: the person's matte.
    """

    def __init__(self, portrait: Portrait, person: np.ndarray) -> None:
        height, width = person.shape
        unit = portrait.pose.scale
        below, _ = bust_coordinates(portrait, (width, height), 1.0)
        begins = (below - _BEGINS[0]) / (_BEGINS[1] - _BEGINS[0])
        upright = smoothstep(begins) * np.clip(1 - below / _HIPS, 0, 1)
        upright *= cv2.GaussianBlur(person, (0, 0), _BESIDE * unit)
        xs, ys = np.arange(width), np.arange(height)[:, None]
        ends = (
            smoothstep(np.minimum(xs, width - 1 - xs) / (_BORDER * unit)),
            smoothstep((height - 1 - ys) / (_BORDER * unit)),
        )
        self._weight = np.stack([upright * end for end in ends], axis=-1).astype(np.float32)
        rows = np.flatnonzero(self._weight.max((1, 2)) > 0.01)
        self._rows = slice(rows[0], rows[-1] + 1) if len(rows) else slice(0, 0)
        grid = np.mgrid[self._rows, :width].astype(np.float32)
        self._x, self._y = np.ascontiguousarray(grid[1]), np.ascontiguousarray(grid[0])

    def sway(self, translation: np.ndarray) -> np.ndarray:
        """Pixels ``[2]`` by which the collar sways for the head's change of place ``[3]``."""
        return _SHARE * translation[:2]

    def share(self, points: np.ndarray) -> np.ndarray:
        """How much of the sway is that of places in the portrait ``[N, 2]``: ``[N, 2]``, 0..1."""
        x, y = points.astype(np.float32).T
        weight = cv2.remap(self._weight, x[:, None], y[:, None], cv2.INTER_LINEAR)
        return weight[:, 0].astype(np.float64)

    def draw(self, frame: np.ndarray, still: np.ndarray, sway: np.ndarray) -> None:
        """Move what is drawn below the head.

        Args:
            frame: uint8 ``[H, W, 3]``, drawn into.
            still: uint8 ``[H, W, 3]``: the picture at rest.
            sway: ``[2]`` pixels.
        """
        if self._rows.stop == self._rows.start or np.abs(sway).max() < _LEAST:
            return
        right, down = cv2.split(self._weight[self._rows])
        x, y = self._x - np.float32(sway[0]) * right, self._y - np.float32(sway[1]) * down
        frame[self._rows] = cv2.remap(still, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
