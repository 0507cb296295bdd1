"""All but the face: hair and neck follow the head, shoulders a little, the background not."""

from __future__ import annotations

import cv2
import numpy as np

from gen.renderers.camera import HeadCamera
from gen.renderers.kernels import draw_map
from gen.renderers.portrait import Portrait
from recognizer.face_model import FACE_OVAL, FaceModel
from recognizer.raster import rasterize

#: Cells of the grid that carries the picture, along its longer side.
_CELLS = 56
#: The backward map is drawn at this fraction of the picture and interpolated.
_MAP_SCALE = 0.25
#: Distances in face widths over which things stop following the head.
_HAIR_REACH, _FALL_OFF, _SKIN_REACH = 0.10, 0.75, 0.22
_SHOULDERS = 0.25


class Backdrop:
    """A smooth backward warp of the whole portrait.

    Args:
        portrait: the framed picture.
        camera: its camera.
    """

    def __init__(self, portrait: Portrait, camera: HeadCamera) -> None:
        self._image = portrait.image
        self._camera = camera
        height, width = portrait.image.shape[:2]
        cell = max(height, width) / _CELLS
        columns, rows = int(np.ceil(width / cell)) + 1, int(np.ceil(height / cell)) + 1
        xs, ys = np.linspace(0, width - 1, columns), np.linspace(0, height - 1, rows)
        grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
        # The face's outline rides along, so that the two layers can be made to agree there.
        outline = portrait.landmarks[list(FACE_OVAL), :2]
        places = np.concatenate([grid, outline])
        depth, distance = _head_depth(portrait, places)
        unit = portrait.pose.scale
        self._follow = _follow(portrait, places, distance / unit)
        self._points = np.concatenate([places, depth[:, None]], axis=1)
        self._space = camera.unproject(self._points)
        away = np.linalg.norm(grid[:, None] - outline[None], axis=-1) / unit
        weights = np.exp(-((away / 0.08) ** 2)) + 1e-9 / (away**2 + 1e-6)
        near = np.exp(-((away.min(1) / _SKIN_REACH) ** 2))
        self._outline = (weights / weights.sum(1, keepdims=True) * near[:, None]).astype(np.float32)
        index = np.arange(rows * columns).reshape(rows, columns)
        a, b, c, d = (
            part.ravel()
            for part in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1])
        )
        cells = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
        self._triangles = np.ascontiguousarray(cells, np.int32)
        self._grid = grid.astype(np.float32)
        self._size = (width, height)
        small = (int(np.ceil(height * _MAP_SCALE)) + 1, int(np.ceil(width * _MAP_SCALE)) + 1)
        self._still = (
            np.stack(np.meshgrid(np.arange(small[1]), np.arange(small[0])), -1) / _MAP_SCALE
        ).astype(np.float32)

    def render(self, rotation, translation, outline: np.ndarray) -> np.ndarray:
        """The backdrop for a head pose.

        Args:
            rotation: ``[3, 3]`` relative to the portrait.
            translation: ``[3]`` in pixels.
            outline: ``[36, 2]``: where the face's outline is now, in pixels.

        Returns:
            uint8 ``[H, W, 3]``.
        """
        moved = self._camera.project(self._camera.move(self._space, rotation, translation))
        shift = (moved[:, :2] - self._points[:, :2]) * self._follow[:, None]
        count = len(self._outline)
        # Where the face itself has gone elsewhere (jaw, cheeks, depth), what adjoins it goes along.
        missing = outline - self._points[count:, :2] - shift[count:]
        shift = shift[:count] + self._outline @ missing
        vertices = np.empty((count, 3), np.float32)
        vertices[:, :2] = (self._grid + shift) * _MAP_SCALE
        vertices[:, 2] = moved[:count, 2]
        back = self._still.copy()
        depth = np.full(back.shape[:2], np.inf, np.float32)
        draw_map(back, depth, vertices, self._grid, self._triangles)
        enlarge = np.array([[_MAP_SCALE, 0, 0], [0, _MAP_SCALE, 0]], np.float32)
        dense = cv2.warpAffine(
            back, enlarge, self._size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        )
        return cv2.remap(
            self._image, dense, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )


def _head_depth(portrait: Portrait, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depth of the head at grid points, continued outside of it, and their distance to it."""
    model = FaceModel.load()
    head = model.vertices + np.tensordot(portrait.identity, model.identity, 1)
    points = portrait.pose.project(head)
    height, width = portrait.image.shape[:2]
    skin = ~model.in_region("inner_mouth", "tongue", "teeth_upper", "teeth_lower", "neck",
                            "gum_upper", "gum_lower")  # fmt: skip
    triangles = model.triangles[skin[model.triangles].all(1)]
    factor = 0.25
    small = points * factor
    rows, columns = int(height * factor), int(width * factor)
    _, _, depth = rasterize(small.astype(np.float32), triangles, rows, columns)
    inside = np.isfinite(depth)
    distance, labels = cv2.distanceTransformWithLabels(
        (~inside).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.zeros(labels.max() + 1, np.float32)
    nearest[labels[inside]] = depth[inside]
    # Beyond the silhouette things lie at its depth (hair, ears), smoothly.
    filled = np.where(inside, depth, nearest[labels]) / factor
    filled = cv2.GaussianBlur(filled, (0, 0), 0.04 * portrait.pose.scale * factor + 1)
    at = (grid * factor).astype(np.float32)
    x, y = at[:, 0].clip(0, columns - 1), at[:, 1].clip(0, rows - 1)
    sample = [
        cv2.remap(field, x[:, None], y[:, None], cv2.INTER_LINEAR)[:, 0]
        for field in (filled, (distance / factor).astype(np.float32))
    ]
    return sample[0].astype(np.float64), sample[1].astype(np.float64)


def _follow(portrait: Portrait, grid: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """How much of the head's movement each point shares, 0..1."""
    far = np.clip((distance - _HAIR_REACH) / _FALL_OFF, 0, 1)
    follow = 1 - far * far * (3 - 2 * far)
    # Below the chin is a neck on shoulders: less and less follows, and never nothing at once.
    down = portrait.pose.rotation[:, 1]
    chin = portrait.landmarks[152, :2]
    below = (grid - chin) @ down[:2] / portrait.pose.scale
    neck = np.clip(1 - below / 0.9, 0, 1)
    neck = _SHOULDERS + (1 - _SHOULDERS) * neck * neck * (3 - 2 * neck)
    reach = np.clip(1.5 - below / 1.6, 0, 1)
    body = np.where(below > 0, neck * reach, 1.0)
    # A body is wider than a head: under the chin the sides fall off later.
    wide = np.clip(below / 0.8, 0, 1)
    side = np.abs((grid - chin) @ portrait.pose.rotation[:2, 0]) / portrait.pose.scale
    torso = np.clip(1.6 - side, 0, 1) * wide
    follow = np.maximum(follow * body, torso * np.where(below > 0, neck, 0) * reach)
    # The picture's border stays, or its edge would smear.
    height, width = portrait.image.shape[:2]
    margins = (grid[:, 0], grid[:, 1], width - 1 - grid[:, 0], height - 1 - grid[:, 1])
    edge = np.minimum.reduce(margins) / (0.06 * max(height, width))
    return follow * np.clip(edge, 0, 1)
