"""Lips that meet: they never cross, and those of an open-mouthed portrait can close."""

from __future__ import annotations

import cv2
import numpy as np

from gen.renderers.lip_shapes import Corners
from gen.renderers.skin import continue_skin
from gen.renderers.topology import Topology
from recognizer.face_model import FaceModel

#: A fold leaves this much of the height that skin had beyond the red of the lips.
_FOLD = 0.3
#: How far from the lips skin folds, in widths of the mouth.
_FOLD_REACH = 0.45
#: Lips this far apart (face widths) are parted, and their inner rims so wide.
_PARTED, _RIM = 0.02, 0.02
#: How much darker the line is where closed lips meet.
_SHADOW = 0.4


class Lips:
    """Corrects the lips after the blendshapes have moved them.

    Args:
        rest: ``[M, 3]`` mesh vertices of the portrait.
        topology: the mesh.
        worn: ``[52]``: the portrait's own expression.
        opening: ``[M, 3]`` pixels by which ``jawOpen`` moves the vertices.
        rotation: ``[3, 3]`` of the portrait's head.
    """

    def __init__(
        self, rest: np.ndarray, topology: Topology, worn: np.ndarray, opening, rotation
    ) -> None:
        self._corners = Corners(opening, rest, topology, rotation, worn)
        self._upper, self._lower = topology.upper_lip, topology.lower_lip
        self._rows = FaceModel.load().lip_opening_rows
        self._worn_gap = max(float(self._rows @ worn), 0.0)
        self._rest_across = rest[self._lower] - rest[self._upper]
        width = np.linalg.norm(rest[self._upper[0]] - rest[self._upper[-1]])
        to_upper, near_upper = _nearest(rest, rest[self._upper])
        to_lower, near_lower = _nearest(rest, rest[self._lower])
        self._groups = []
        for own, near, other, sign in (
            (to_upper, near_upper, to_lower, 1.0), (to_lower, near_lower, to_upper, -1.0),
        ):  # fmt: skip
            weight = np.exp(-((own / (0.22 * width)) ** 2)) * (own <= other + 1e-9)
            weight[self._upper[[0, -1]]] = 0
            members = np.flatnonzero(weight > 0.02)
            self._groups.append((members, near[members], 0.5 * sign * weight[members, None]))
        lips = np.concatenate([self._upper, self._lower])
        self._folds = [
            _Fold(rest, topology.outer_upper_lip, -1, width, lips),
            _Fold(rest, topology.outer_lower_lip, 1, width, lips),
        ]

    def settle(self, space: np.ndarray, wanted: np.ndarray) -> None:
        """Correct mesh vertices ``[M, 3]`` in place for the expression ``wanted [52]``."""
        self._corners.drop(space, wanted)
        across = space[self._lower] - space[self._upper]
        excess = np.minimum(across, 0) * np.array([0.0, 1.0, 0.0])  # crossed lips
        if self._worn_gap > 0.01:
            # What the fit could not explain of the portrait's opening goes as the lips close.
            open_share = np.clip(float(self._rows @ wanted) / self._worn_gap, 0, 1)
            surplus = across - self._rest_across * open_share
            wide = surplus[:, 1:2] > 0
            excess = np.where(wide, surplus * (1 - open_share), excess)
        for members, nearest, weight in self._groups:
            space[members] += weight * excess[nearest]
        for fold in self._folds:
            fold.open(space)


class LipRims:
    """The inner rims of parted lips, which in a photograph show teeth, as they look when closed.

    Args:
        texture: uint8 ``[H, W, 4]``: what the mesh carries, with its matte.
        rest: ``[M, 3]`` mesh vertices in its pixels.
        topology: the mesh.
        scale: pixels of a face width.
    """

    def __init__(
        self, texture: np.ndarray, rest: np.ndarray, topology: Topology, scale: float
    ) -> None:
        self._upper, self._lower = topology.upper_lip, topology.lower_lip
        self._rest_gap = self._gap(rest)
        self._parted = None
        if self._rest_gap < _PARTED * scale:
            return
        inner = np.concatenate([rest[self._upper, :2], rest[self._lower[::-1], :2]])
        border = (topology.outer_upper_lip, topology.outer_lower_lip[::-1])
        outer = np.concatenate([rest[chain, :2] for chain in border])
        pad = 0.06 * scale
        limit = np.array(texture.shape[1::-1])
        (x0, y0) = corner = np.clip(np.floor(outer.min(0) - pad).astype(int), 0, limit)
        x1, y1 = np.clip(np.ceil(outer.max(0) + pad).astype(int), 0, limit)
        patch = texture[y0:y1, x0:x1].astype(np.float32)
        hole, red = (_filled(curve - corner, patch.shape[:2]) for curve in (inner, outer))
        far = cv2.distanceTransform(255 - hole, cv2.DIST_L2, 5) / scale  # from the opening
        known = (red > 0) & (far > _RIM)
        if not known.any():
            return
        lips = continue_skin(patch, known, 0.03 * scale)
        # Where lips meet lies a shadow.
        lips[..., :3] *= 1 - _SHADOW * np.exp(-((3 * far / _RIM) ** 2))[..., None]
        self._place = (slice(y0, y1), slice(x0, x1))
        self._parted = patch
        share = np.clip(2 - far / _RIM, 0, 1) * cv2.GaussianBlur(red, (0, 0), 0.005 * scale) / 255
        self._change = share[..., None] * (lips - patch)

    def draw(self, texture: np.ndarray, points: np.ndarray) -> None:
        """Change the texture in place for mesh vertices that lie at ``points [N, 3]``."""
        if self._parted is not None:
            share = float(np.clip(2 - 2 * self._gap(points) / self._rest_gap, 0, 1))
            patch = self._parted + share * self._change
            texture[self._place] = np.clip(patch + 0.5, 0, 255).astype(np.uint8)

    def _gap(self, points: np.ndarray) -> float:
        across = points[self._lower, :2] - points[self._upper, :2]
        return float(np.linalg.norm(across, axis=1).max())


def _filled(curve: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A closed curve ``[K, 2]`` as a mask uint8, 255 inside."""
    mask = np.zeros(size, np.uint8)
    cv2.fillPoly(mask, [np.round(curve * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
    return mask


class _Fold:
    """Skin beyond the red of one lip, which the lip may push together but not pass.

    Args:
        rest: ``[M, 3]`` mesh vertices.
        border: the lip's outer border.
        side: -1 for skin above it, 1 for skin below it.
        width: of the mouth in pixels.
        lips: vertices that are no skin.
    """

    def __init__(self, rest: np.ndarray, border: np.ndarray, side: int, width: float, lips) -> None:
        away, nearest = _nearest(rest, rest[border])
        along = rest[border[-1]] - rest[border[0]]
        along[2] = 0
        along /= max(np.linalg.norm(along), 1e-6)
        self._out = side * np.array([-along[1], along[0], 0.0])
        height = (rest - rest[border][nearest]) @ self._out
        # Beside the mouth there is nothing to fold.
        inner = (nearest > 0) & (nearest < len(border) - 1)
        inner[lips] = False
        self._members = np.flatnonzero((height > 0) & (away < _FOLD_REACH * width) & inner)
        self._border = border[nearest[self._members]]
        self._height = _FOLD * height[self._members]

    def open(self, space: np.ndarray) -> None:
        """Push skin outward in place where too little of it is left."""
        height = (space[self._members] - space[self._border]) @ self._out
        space[self._members] += np.clip(self._height - height, 0, None)[:, None] * self._out


def _nearest(points: np.ndarray, chain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance in the picture to the closest vertex of a chain, and which one it is."""
    distance = np.linalg.norm(points[:, None, :2] - chain[None, :, :2], axis=-1)
    return distance.min(1), distance.argmin(1)
