"""All but the face: hair, ears and neck on a mesh around it, before a background that stays."""

from __future__ import annotations

import cv2
import numpy as np
import scipy  # its packages load when they are asked for

from gen.renderers.camera import HeadCamera
from gen.renderers.matte import bust_coordinates, split_layers
from gen.renderers.portrait import Portrait
from gen.renderers.topology import Topology
from gen.renderers.torso import Torso
from recognizer.easing import smoothstep
from recognizer.face_model import FACE_OVAL, FaceModel
from recognizer.raster import draw_depth, draw_textured, rasterize, soften_steps

#: Cells of the grid that carries the head, in face widths.
_CELL = 0.046
#: What is cut by the picture's border stretches over so many face widths, lest its cut be seen.
_BORDER = 0.3
#: Distances in face widths from the fitted head between which things stop following it: hair
#: reaches that far, and what a matte takes for hair by mistake fades out.
_HAIR_NEAR, _HAIR_FAR = 0.45, 0.95
#: Face widths below the chin at which the neck stands on shoulders that keep still, and, beside the
#: neck, between which they begin.
_NECK, _SHOULDER = 0.45, (-0.18, 0.02)
#: How far an expression moves the skin beside the face, in face widths.
_SKIN_REACH = 0.22
#: Depth of hair and neck in face widths before the ears. They lie farther back; but where a head
#: turns in life its hair goes with it, about as the cheeks do (measured on clips: 0.5 draws heads
#: nearer to the camera's than 0.3 or 0), since a tracked pose trades turning against shifting.
_HAIR_DEPTH = 0.5
#: Face widths from the outline over which the face's depth passes into that of the hair.
_RECEDE = 0.25
#: Edges are smoothed within this distance of the face, where depth steps by so much (face widths).
_EDGE_REACH, _EDGE_STEP = 0.35, 0.06
#: Depth by which what surrounds the face lies behind it, in face widths.
_BEHIND = 0.03
#: Second difference of three neighbours.
_BEND = np.array([[1.0, -2.0, 1.0]], np.float32)


class Backdrop:
    """The head around the face, over a fixed background.

    Args:
        portrait: the framed picture.
        camera: its camera.
        topology: the face's mesh; its outline is shared.

    Attributes:
        person: uint8 ``[H, W, 6]``: the portrait's colours multiplied by the person's matte, the
            matte, and how colours bend (see :func:`recognizer.raster.draw_textured`).
    """

    def __init__(self, portrait: Portrait, camera: HeadCamera, topology: Topology) -> None:
        self._camera = camera
        unit = portrait.pose.scale
        height, width = portrait.image.shape[:2]
        depth, distance = _head_depth(portrait)
        follow = _follow(portrait, distance)
        layers = split_layers(portrait, follow)
        self.person, self._background = _with_curvature(layers.person), layers.background

        outline = portrait.landmarks[list(FACE_OVAL)]
        self._rim = topology.outline
        rim = np.asarray(topology.refine @ portrait.landmarks)[self._rim]
        points, triangles = _surroundings(rim[:, :2], follow, _CELL * unit)
        shown = _visible(self.person[..., 3], points, triangles, _CELL * unit)
        self._triangles = np.ascontiguousarray(triangles[shown], np.int32)
        self._texture = np.ascontiguousarray(points, np.float32)
        self._opaque = np.ones(len(points), np.float32)

        outer = points[len(rim) :]
        away = np.linalg.norm(outer[:, None] - outline[None, :, :2], axis=-1) / unit
        weights = np.exp(-((away / 0.08) ** 2)) + 1e-9 / (away**2 + 1e-6)
        weights /= weights.sum(1, keepdims=True)
        near = np.exp(-((away.min(1) / _SKIN_REACH) ** 2))[:, None]
        self._share = (weights * near).astype(np.float32)
        close = np.concatenate([np.zeros(len(rim)), away.min(1)]) < _EDGE_REACH
        self._beside = np.ascontiguousarray(triangles[close[triangles].any(1)], np.int32)
        self._step = _EDGE_STEP * unit
        # The skin beside the face joins it in depth too.
        error = outline[:, 2] - _sample(depth, outline[:, :2])
        z = _sample(depth, outer) + self._share @ error + _BEHIND * unit * (1 - near[:, 0])
        self._places = np.concatenate([outer, z[:, None]], axis=1)
        self._space = camera.unproject(self._places)
        self._follow = _sample(follow, outer)[:, None]
        self._torso = Torso(portrait, layers.whole)
        self._sways = self._torso.share(outer) * (1 - self._follow)
        self._outline = camera.unproject(outline)
        self._size = np.array([width - 1, height - 1])
        self._border = _BORDER * unit

    def render(self, rotation, translation, face: np.ndarray):
        """Background and head without the face.

        Args:
            rotation: ``[3, 3]`` relative to the portrait.
            translation: ``[3]`` in pixels.
            face: ``[M, 3]``: the face's mesh now, in pixels.

        Returns:
            ``(uint8 [H, W, 3], its float32 z-buffer [H, W], the mesh's vertices [N, 3])``.
        """
        move, project = self._camera.move, self._camera.project
        shift = (project(move(self._space, rotation, translation)) - self._places) * self._follow
        # Where the face's outline has gone by its expression, what adjoins it goes along.
        turned = project(move(self._outline, rotation, translation))
        expression = face[list(FACE_OVAL)] - turned
        shift += self._share @ expression
        # Nothing is known beyond the border: what is cut there does not leave it.
        place = self._places[:, :2]
        inward = np.where(shift[:, :2] > 0, place, self._size - place) / self._border
        shift[:, :2] *= smoothstep(inward)
        sway = self._torso.sway(translation)
        shift[:, :2] += self._sways * sway
        outer = self._places + shift
        vertices = np.concatenate([face[self._rim], outer]).astype(np.float32)
        # Far to near, for edges that let through what lies behind.
        order = np.argsort(-vertices[self._triangles, 2].sum(1), kind="stable")
        frame = self._background.copy()
        self._torso.draw(frame, self._background, sway)
        depth = np.full(frame.shape[:2], np.inf, np.float32)
        draw_textured(
            frame, depth, vertices, self._texture, self._opaque, self._triangles[order],
            self.person,
        )  # fmt: skip
        return frame, depth, vertices

    def soften_steps(self, frame, face: np.ndarray, triangles: np.ndarray, around) -> None:
        """Smooth the edges where the face covers what surrounds it.

        Args:
            frame: uint8 ``[H, W, 3]``, changed.
            face: float32 ``[M, 3]`` with its
            triangles: int32 ``[F, 3]``.
            around: float32 ``[N, 3]``: the vertices that :meth:`render` returned.
        """
        # The z-buffer ends where hair becomes transparent; these are the surfaces themselves.
        box = face[self._rim, :2]
        limit = np.array(frame.shape[1::-1])
        low = np.clip(np.floor(box.min(0)).astype(int) - 4, 0, limit)
        high = np.clip(np.ceil(box.max(0)).astype(int) + 5, 0, limit)
        if (high <= low).any():
            return
        depth = np.full((high - low)[::-1], np.inf, np.float32)
        offset = np.array([*low, 0], np.float32)
        draw_depth(depth, around - offset, self._beside)
        draw_depth(depth, face - offset, triangles)
        region = frame[low[1] : high[1], low[0] : high[0]]
        soften_steps(region, region.copy(), depth, np.float32(self._step))


def _with_curvature(person: np.ndarray) -> np.ndarray:
    """A texture ``[H, W, 4]`` and half of its brightness's second differences along x and y."""
    grey = person[..., :3].astype(np.float32) @ np.float32([0.299, 0.587, 0.114])
    bent = [cv2.filter2D(grey, -1, kernel) for kernel in (_BEND, _BEND.T)]
    bent = 128 + 0.5 * np.stack(bent, axis=-1)
    return np.concatenate([person, bent.clip(0, 255).astype(np.uint8)], axis=-1)


def _surroundings(rim: np.ndarray, follow: np.ndarray, cell: float):
    """Points around a closed outline, wherever something follows the head, and triangles between.

    Returns:
        ``(points [N, 2], of which the first are the rim; triangles [F, 3], clockwise)``.
    """
    height, width = follow.shape
    axes = [
        np.linspace(0, length - 1, int(np.ceil(length / cell)) + 1) for length in (width, height)
    ]
    grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    size = 2 * int(np.ceil(cell)) + 1
    near = cv2.dilate(follow, np.ones((size, size), np.uint8))
    columns, rows = np.round(grid).astype(int).T
    grid = grid[near[rows, columns] > 0]
    polygon = rim.astype(np.float32)
    outside = np.array([cv2.pointPolygonTest(polygon, (float(x), float(y)), True) for x, y in grid])
    points = np.concatenate([rim, grid[outside < -0.45 * cell]])
    triangles = scipy.spatial.Delaunay(points).simplices
    middle = points[triangles].mean(1)
    own = (triangles < len(rim)).sum(1)
    inside = np.array([
        count > 1 and cv2.pointPolygonTest(polygon, (float(x), float(y)), False) > 0
        for count, (x, y) in zip(own, middle, strict=True)
    ])  # fmt: skip
    triangles = triangles[~inside]
    a, b, c = (points[triangles[:, i]] for i in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    triangles[area < 0] = triangles[area < 0][:, ::-1]
    return points, triangles


def _visible(
    alpha: np.ndarray, points: np.ndarray, triangles: np.ndarray, cell: float
) -> np.ndarray:
    """bool ``[F]``: triangles in whose neighbourhood the person is not wholly transparent."""
    height, width = alpha.shape
    size = 2 * int(np.ceil(cell)) + 1
    wide = cv2.dilate(alpha, np.ones((size, size), np.uint8))
    at = np.round(points[triangles].mean(1)).astype(int)
    return wide[at[:, 1].clip(0, height - 1), at[:, 0].clip(0, width - 1)] > 2


def _sample(field: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A field ``[H, W]`` at pixels ``[N, 2]``, continued over its border."""
    at = points.astype(np.float32)
    out = cv2.remap(
        field.astype(np.float32), at[:, None, 0], at[:, None, 1], cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return out[:, 0].astype(np.float64)


def _head_depth(portrait: Portrait) -> tuple[np.ndarray, np.ndarray]:
    """Depth of the fitted head, continued outside of it, and the distance to it: ``[H, W]``."""
    model = FaceModel.load()
    head = model.vertices + np.tensordot(portrait.identity, model.identity, 1)
    points = portrait.pose.project(head)
    height, width = portrait.image.shape[:2]
    skin = ~model.in_region("inner_mouth", "tongue", "teeth_upper", "teeth_lower", "neck",
                            "gum_upper", "gum_lower")  # fmt: skip
    triangles = model.triangles[skin[model.triangles].all(1)]
    factor = 128 / max(height, width)
    rows, columns = round(height * factor), round(width * factor)
    _, _, depth = rasterize((points * factor).astype(np.float32), triangles, rows, columns)
    inside = np.isfinite(depth)
    distance, labels = cv2.distanceTransformWithLabels(
        (~inside).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.zeros(labels.max() + 1, np.float32)
    nearest[labels[inside]] = depth[inside]
    # Beyond the silhouette things begin at its depth, and pass smoothly into that of the hair.
    unit = portrait.pose.scale * factor
    hair = portrait.pose.shift[2] * factor - _HAIR_DEPTH * unit
    filled = np.minimum(np.where(inside, depth, nearest[labels]), hair)
    filled += (hair - filled) * smoothstep(distance / (_RECEDE * unit))
    filled = cv2.GaussianBlur(filled, (0, 0), 0.04 * unit + 0.5)
    fields = (np.float32(filled / factor), np.float32(distance / factor))
    return tuple(cv2.resize(field, (width, height)) for field in fields)


def _follow(portrait: Portrait, distance: np.ndarray) -> np.ndarray:
    """How much of the head's movement each pixel shares: float32 ``[H, W]``, 0..1."""
    height, width = distance.shape
    far = (distance / portrait.pose.scale - _HAIR_NEAR) / (_HAIR_FAR - _HAIR_NEAR)
    below, aside = bust_coordinates(portrait, (width, height), 1.0)
    neck = smoothstep((0.42 - np.abs(aside)) / 0.25)
    still = smoothstep((below - _SHOULDER[0]) / (_SHOULDER[1] - _SHOULDER[0]))
    still += neck * (smoothstep(below / _NECK) - still)
    return (smoothstep(1 - far) * (1 - still)).astype(np.float32)
