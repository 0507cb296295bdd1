"""What shows between parted lips: teeth, gums and tongue of the 3D head in a dark cavity."""

from __future__ import annotations

import cv2
import numpy as np

from gen.renderers.camera import HeadCamera
from gen.renderers.portrait import Portrait
from recognizer.face_model import FaceModel
from recognizer.raster import draw_coloured, vertex_normals

_SAMPLES = 2  # a side, within a pixel
_PARTS = ("teeth_upper", "gum_upper", "teeth_lower", "gum_lower", "tongue")
#: Light reaching a point falls to 1/e at this depth behind the front teeth (face widths).
_DARKNESS = 0.17
_CAVITY = np.array([0.16, 0.065, 0.06])
#: The head model's tongue fills the closed mouth; a speaker's lies behind the lower teeth.
_TONGUE = np.array([0.0, 0.045, -0.03])


class Mouth:
    """The inside of one portrait's mouth.

    Args:
        portrait: the framed picture.
        camera: its camera.
    """

    def __init__(self, portrait: Portrait, camera: HeadCamera) -> None:
        model = FaceModel.load()
        chosen = model.in_region(*_PARTS)
        index = np.flatnonzero(chosen)
        triangles = model.triangles[chosen[model.triangles].all(1)]
        self._triangles = np.searchsorted(index, triangles).astype(np.int32)
        shape = model.vertices + np.tensordot(portrait.identity, model.identity, 1)
        # Teeth are as wide as this mouth asks, not as the identity fit's extrapolation does.
        points = portrait.pose.project(model.at_landmarks(shape))
        anchor = [0, 61, 291, 2, 164, 13]
        miss = (portrait.landmarks[anchor] - points[anchor]).mean(0)
        miss[2] = 0.0
        tongue = model.region[index] == model.regions.index("tongue")
        head = shape[index] + tongue[:, None] * _TONGUE
        place = portrait.pose.project(head) + miss
        self._space = camera.unproject(place)
        turn = portrait.pose.rotation.T * portrait.pose.scale
        self._basis = (model.blendshapes[:, index] @ turn).astype(np.float32)
        self._camera = camera
        front = place[np.isin(model.region[index], _rows(model)), 2].min()
        depth = np.clip((place[:, 2] - front) / portrait.pose.scale, 0, None)
        normals = vertex_normals(place, self._triangles)
        normals *= np.sign(-normals[:, 2:]) + (normals[:, 2:] == 0)
        light = 0.62 + 0.38 * np.clip(normals @ np.array([-0.15, -0.35, -0.92]), 0, 1)
        tint, level = _ambient(portrait)
        albedo = model.colour[index].astype(np.float64)
        fall = np.exp(-((depth / _DARKNESS) ** 1.3))
        self._colours = (albedo * tint * level * (light * fall)[:, None]).astype(np.float32)
        self._cavity = (255 * _CAVITY * tint * level).astype(np.float32)
        self._full = 0.05 * portrait.pose.scale
        self._blur = float(np.clip(portrait.pose.scale / 400, 0.4, 2.0))

    def draw(
        self, frame, upper, lower, blendshapes, rotation, translation, opacity: np.ndarray
    ) -> None:
        """Paint the cavity between the lips (which are drawn later, over its rim).

        Args:
            frame: uint8 ``[H, W, 3]``, drawn into.
            upper, lower: ``[K, 3]`` inner-lip chains in pixels.
            blendshapes: ``[52]``, absolute.
            rotation: ``[3, 3]`` and
            translation: ``[3]`` in pixels: the head's movement.
            opacity: 0..1, below 1 while the lips hardly part.
        """
        rim = np.concatenate([upper[:, :2], lower[::-1, :2]])
        limit = np.array(frame.shape[1::-1])
        low = np.clip(np.floor(rim.min(0)).astype(int) - 3, 0, limit)
        high = np.clip(np.ceil(rim.max(0)).astype(int) + 4, 0, limit)
        if (high - low < 2).any():
            return
        width, height = (int(v) for v in (high - low) * _SAMPLES)
        layer = np.empty((height, width, 3), np.float32)
        layer[:] = self._cavity
        space = self._space + np.tensordot(blendshapes, self._basis, 1)
        points = self._camera.project(self._camera.move(space, rotation, translation))
        points[:, :2] = (points[:, :2] - low + 0.5) * _SAMPLES - 0.5
        depth = np.full((height, width), np.inf, np.float32)
        gap = float(np.median(lower[:, 1] - upper[:, 1]))
        draw_coloured(
            layer, depth, points.astype(np.float32),
            self._colours * (0.8 + 0.2 * np.clip(gap / self._full, 0, 1)), self._triangles,
        )  # fmt: skip
        layer = cv2.GaussianBlur(layer, (0, 0), self._blur * _SAMPLES)
        mask = np.zeros((height, width), np.uint8)
        polygon = np.round(((rim - low + 0.5) * _SAMPLES - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(mask, [polygon], 255, cv2.LINE_AA, 4)
        # Lips shade what lies just behind them, the upper one most: light comes from above.
        reach = 0.018 * self._camera.unit * _SAMPLES
        down = np.array([[1, 0, 0], [0, 1, 0.6 * reach]], np.float32)
        shade = cv2.GaussianBlur(cv2.warpAffine(mask, down, (width, height)), (0, 0), max(1, reach))
        layer *= (0.45 + 0.55 * (shade.astype(np.float32) / 255) ** 1.2)[..., None]
        mask = cv2.dilate(mask, np.ones((2 * _SAMPLES + 1,) * 2, np.uint8))
        size = tuple(int(v) for v in high - low)
        layer = cv2.resize(layer, size, interpolation=cv2.INTER_AREA)
        cover = cv2.resize(mask, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        cover *= opacity / 255
        region = frame[low[1] : high[1], low[0] : high[0]]
        region[:] = np.clip(region + cover[..., None] * (layer - region) + 0.5, 0, 255)


def _rows(model: FaceModel) -> list[int]:
    """Region numbers of the teeth."""
    return [model.regions.index("teeth_upper"), model.regions.index("teeth_lower")]


def _ambient(portrait: Portrait) -> tuple[np.ndarray, float]:
    """Colour cast and brightness of the light on the face, from its brightest skin and its eyes."""
    points = portrait.landmarks[:, :2]
    height, width = portrait.image.shape[:2]
    cheeks = np.round(points[[50, 101, 118, 280, 330, 347, 4, 5, 151]]).astype(int)
    x, y = cheeks[:, 0].clip(2, width - 3), cheeks[:, 1].clip(2, height - 3)
    skin = np.median(
        [portrait.image[b - 2 : b + 3, a - 2 : a + 3].reshape(-1, 3).mean(0)
         for a, b in zip(x, y, strict=True)],
        axis=0,
    )  # fmt: skip
    # Skin is red by itself: only a part of its hue is the light's.
    cast = (skin / max(skin.mean(), 1)) ** 0.25
    level = float(np.clip((skin.max() / 205) ** 0.7, 0.4, 1.05))
    return cast / cast.mean(), level
