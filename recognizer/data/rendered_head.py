"""People who do not exist: the CC0 head with a random shape, skin, light and camera."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from recognizer.data.wrinkles import Wrinkles
from recognizer.face_model import (
    IRIS,
    LOWER_INNER_LIP,
    LOWER_LID,
    UPPER_INNER_LIP,
    UPPER_LID,
    FaceModel,
)
from recognizer.fitting import CAMERA_DISTANCE
from recognizer.motion import rotation_matrix
from recognizer.raster import draw_coloured, vertex_normals

_INSIDE = ("teeth_upper", "teeth_lower", "gum_upper", "gum_lower", "tongue", "inner_mouth")
#: Skin from pale to dark (albedo, RGB), between which colours are drawn.
_SKIN = np.array(
    [[238, 205, 185], [222, 180, 152], [198, 150, 118], [160, 112, 82], [112, 76, 56], [72, 50, 40]]
)
_IRISES = np.array([[70, 45, 25], [45, 28, 18], [110, 85, 45], [95, 120, 135], [90, 110, 75]])
#: Upper and lower edge of each brow, from the temple inwards.
_BROW_EDGES = (
    ((70, 63, 105, 66, 107), (46, 53, 52, 65, 55)),
    ((300, 293, 334, 296, 336), (276, 283, 282, 295, 285)),
)
_INNER_LIPS = (78, *UPPER_INNER_LIP, 308, *LOWER_INNER_LIP[::-1])
_SUBPIXEL = 4  # bits


class RenderedHead:
    """A person under some light, before some camera.

    Args:
        rng: chooses everything.
        size: pixels of the square pictures.
    """

    def __init__(self, rng: np.random.Generator, size: int) -> None:
        self.model = model = FaceModel.load()
        self.size = size
        identity = rng.normal(0, 0.5, len(model.identity)).clip(-1.5, 1.5)
        self.shape = model.vertices + np.tensordot(identity, model.identity, 1)
        self._scale = size * rng.uniform(0.42, 0.55)
        self._turn = rotation_matrix(rng.normal(0, (4, 7, 3)))
        self._centre = size * np.array([0.5, 0.46]) + rng.normal(0, 0.015 * size, 2)
        self._albedo = self._colours(rng)
        direction = np.array([rng.normal(0, 0.6), rng.normal(-0.5, 0.4), -1.0])
        self._light = direction / np.linalg.norm(direction)
        self._ambient = rng.uniform(0.45, 0.8)
        self._cast = 1 + rng.normal(0, 0.06, 3)
        self._gloss = rng.uniform(0.0, 0.35)
        self._darkness = rng.uniform(0.08, 0.22)
        self.backdrop = rng.uniform(20, 230, 3)
        self._inside = model.in_region(*_INSIDE)
        self.lips = model.in_region("lip_upper", "lip_lower").astype(np.float32)

    def _colours(self, rng: np.random.Generator) -> np.ndarray:
        """float64 ``[V, 3]``: the albedo of every vertex."""
        model = self.model
        at = rng.uniform(0, len(_SKIN) - 1)
        skin = np.array([np.interp(at, range(len(_SKIN)), channel) for channel in _SKIN.T])
        skin *= 1 + rng.normal(0, 0.05, 3)
        colour = model.colour.astype(np.float64) * (skin / (205, 165, 140))
        lip = skin * (1 - rng.uniform(0.1, 0.5) * np.array([0.25, 1.0, 0.85]))
        colour[model.in_region("lip_upper", "lip_lower")] = lip
        teeth = model.in_region("teeth_upper", "teeth_lower")
        ivory = np.array([1.0, rng.uniform(0.9, 1.0), rng.uniform(0.7, 0.95)])
        colour[teeth] = model.colour[teeth] * ivory * rng.uniform(0.6, 1.15)
        wet = model.in_region("gum_upper", "gum_lower", "tongue")
        colour[wet] = model.colour[wet] * rng.uniform(0.6, 1.1) * (1 + rng.normal(0, 0.06, 3))
        dark = model.in_region("inner_mouth")
        colour[dark] = model.colour[dark] * rng.uniform(0.4, 1.2)
        self.skin, self.hair = skin, skin * rng.uniform(0.1, 0.8)
        colour[model.in_region("skull", "brow")] = self.hair
        return colour.clip(0, 255)

    def posed(self, blendshapes: np.ndarray, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where every vertex is seen, and its colour as lit.

        Args:
            blendshapes: ``[52]``, 0..1.
            pose: ``[6]`` as of :class:`recognizer.motion.MotionTrack`, relative to the head's own.

        Returns:
            float32 ``[V, 3]``: x and y in pixels, z in face widths; float32 ``[V, 3]`` RGB.
        """
        space = self.shape + np.tensordot(blendshapes, self.model.blendshapes, 1)
        rotation = rotation_matrix(pose[:3])
        normals = vertex_normals(space, self.model.triangles) @ self._turn.T
        points = space @ self._turn.T @ rotation.T + pose[3:]
        nearness = 1 / (1 + points[:, 2:] / CAMERA_DISTANCE)
        screen = points[:, :2] * self._scale * nearness + self._centre
        vertices = np.concatenate([screen, points[:, 2:]], 1).astype(np.float32)
        return vertices, self._shade(space, normals @ rotation.T)

    def _shade(self, space: np.ndarray, normals: np.ndarray) -> np.ndarray:
        """float32 ``[V, 3]``: colours as lit."""
        facing = np.clip(normals @ self._light, 0, 1)
        light = self._ambient + (1 - self._ambient) * facing
        half = self._light + np.array([0.0, 0.0, -1.0])
        half /= np.linalg.norm(half)
        shine = np.clip(normals @ half, 0, 1) ** 24 * self._gloss * (0.2 + self.lips)
        # Inside, light comes through the lips and fades with depth.
        front = np.quantile(space[self.lips > 0, 2], 0.3)
        depth = np.clip(space[:, 2] - front, 0, None)
        fade = np.exp(-((depth / self._darkness) ** 1.3))
        light = np.where(self._inside, (0.4 + 0.6 * light) * fade, light)
        colour = self._albedo * light[:, None] + 255 * shine[:, None] * ~self._inside[:, None]
        return (colour * self._cast).astype(np.float32)


class SeeingHead(RenderedHead):
    """A head with irises, lashes and brows, so that a face tracker finds on it what it looks for.

    Drawn in one pass at the size of the picture: 10 ms a picture of 288 pixels.

    Args:
        rng: chooses everything.
        size: pixels of the square pictures.
        wrinkles: how the skin folds; ``None``: it is smooth.
    """

    def __init__(
        self, rng: np.random.Generator, size: int, wrinkles: Wrinkles | None = None
    ) -> None:
        super().__init__(rng, size)
        self._wrinkles = wrinkles
        model = self.model
        # The painted brows are broad and sit high: a tracker takes them for raised ones.
        self._albedo[model.in_region("brow", "face")] = self.skin.clip(0, 255)
        self._brow = self.hair * rng.uniform(0.5, 1.0)
        self._brow_strength = rng.uniform(0.4, 0.95)
        self._iris = _IRISES[rng.integers(len(_IRISES))] * rng.uniform(0.7, 1.2)
        self._lash = self.skin * rng.uniform(0.1, 0.4)
        self._lash_width = rng.uniform(0.008, 0.018)
        self._grain = rng.uniform(0.5, 6.0)
        self._noise = np.random.default_rng(rng.integers(2**32))
        # From the temple inwards: brows of people are read as neither raised nor lowered.
        drop = rng.normal(0.045, 0.018) + rng.normal(0.01, 0.02) * np.linspace(-1, 1, 5)
        self._brow_drop = self._scale * drop[:, None] * np.array([0.0, 1.0, 0.0])
        inside = self._inside[model.triangles].any(axis=1)
        self._outer = np.ascontiguousarray(model.triangles[~inside])

    def render(self, blendshapes: np.ndarray, pose: np.ndarray) -> np.ndarray:
        """A picture uint8 ``[size, size, 3]``; arguments as of :meth:`posed`."""
        vertices, colours = self.posed(blendshapes, pose)
        points = self.model.at_landmarks(vertices)
        frame = self._drawn(vertices, colours, self._outer)
        mouth = self._polygon(points[list(_INNER_LIPS)])
        if mouth.any():
            # Teeth and gums belong to one jaw: on other shapes they may pierce the chin.
            frame += mouth * (self._drawn(vertices, colours, self.model.triangles) - frame)
        frame = self._features(frame, points)
        if self._wrinkles is not None:
            self._wrinkles.draw(frame, points, blendshapes, self._scale)
        frame = cv2.GaussianBlur(frame, (0, 0), 0.7)
        frame += self._noise.normal(0, self._grain, frame.shape)
        return np.clip(frame + 0.5, 0, 255).astype(np.uint8)

    def landmarks(self, blendshapes: np.ndarray, pose: np.ndarray) -> np.ndarray:
        """Where MediaPipe's points truly are: ``[478, 3]``, x and y in pixels."""
        return self.model.at_landmarks(self.posed(blendshapes, pose)[0])

    def _drawn(self, vertices: np.ndarray, colours: np.ndarray, triangles: np.ndarray):
        frame = np.empty((self.size, self.size, 3), np.float32)
        frame[:] = self.backdrop
        draw_coloured(frame, np.full(frame.shape[:2], np.inf, np.float32), vertices, colours,
                      triangles)  # fmt: skip
        return frame

    def _polygon(self, points: np.ndarray) -> np.ndarray:
        """float32 ``[size, size, 1]``: 1 within a polygon ``[N, 2 or 3]``."""
        mask = np.zeros((self.size, self.size), np.uint8)
        cv2.fillPoly(mask, [_fixed(points)], 255, cv2.LINE_AA, _SUBPIXEL)
        return mask[..., None] / np.float32(255)

    def _features(self, frame: np.ndarray, points: np.ndarray) -> np.ndarray:
        light = self._cast * (0.6 + 0.4 * self._ambient)
        width = max(1, round(self._lash_width * self._scale))
        for side in range(2):
            upper, lower = points[list(UPPER_LID[side])], points[list(LOWER_LID[side])]
            iris, ring = points[IRIS[side][0]], points[list(IRIS[side][1:])]
            radius = np.linalg.norm((ring - iris)[:, :2], axis=1).mean()
            disc = np.zeros((self.size, self.size, 3), np.float32)
            for share, colour in ((1.0, self._iris), (0.45, self._iris * 0.1)):
                _dot(disc, iris, share * radius, colour * light)
            _dot(disc, iris + 0.35 * radius * self._light, 0.15 * radius, np.full(3, 235.0))
            round_iris = np.zeros((self.size, self.size), np.float32)
            _dot(round_iris, iris, radius, 1.0)
            opening = self._polygon(np.concatenate([upper, lower[::-1]]))
            frame += opening * round_iris[..., None] * (disc - frame)
            lashes = np.zeros((self.size, self.size), np.uint8)
            cv2.polylines(lashes, [_fixed(upper)], False, 255, width, cv2.LINE_AA, _SUBPIXEL)
            cv2.polylines(lashes, [_fixed(lower)], False, 90, 1, cv2.LINE_AA, _SUBPIXEL)
            frame += lashes[..., None] / np.float32(255) * (self._lash * light - frame)
            edge, under = (points[list(line)] + self._brow_drop for line in _BROW_EDGES[side])
            brow = cv2.GaussianBlur(self._polygon(np.concatenate([edge, under[::-1]])), (0, 0), 1.0)
            frame += self._brow_strength * brow[..., None] * (self._brow * light - frame)
        return frame.astype(np.float32)


def _fixed(points: np.ndarray) -> np.ndarray:
    """Pixels ``[N, 2 or 3]`` as OpenCV's fixed-point numbers."""
    return np.round(points[:, :2] * 2**_SUBPIXEL).astype(np.int32)


def _dot(picture: np.ndarray, at: np.ndarray, radius: float, colour: Sequence[float] | float):
    centre = tuple(int(v) for v in _fixed(at[None])[0])
    value = tuple(float(v) for v in np.atleast_1d(colour))
    cv2.circle(picture, centre, round(radius * 2**_SUBPIXEL), value, -1, cv2.LINE_AA, _SUBPIXEL)
