"""What shows between parted lips: teeth, gums and tongue of the 3D head in a dark cavity."""

from __future__ import annotations

import cv2
import numpy as np

from gen.renderers.camera import HeadCamera
from gen.renderers.portrait import Portrait
from recognizer.face_model import IRIS, LOWER_LID, UPPER_LID, FaceModel
from recognizer.raster import draw_coloured, vertex_normals

_SAMPLES = 2  # a side, within a pixel
_PARTS = ("teeth_upper", "gum_upper", "teeth_lower", "gum_lower", "tongue")
#: Light reaching a point falls to 1/e at this depth behind the front teeth (face widths).
_DARKNESS = 0.15
_CAVITY = np.array([0.16, 0.065, 0.06])
#: Share of the tongue's own depth that takes no light from it.
_TONGUE_LIT = 0.8
#: How much of the head model's dark lines between teeth is shown: in videos they are faint.
_GAPS = 0.5
#: Shades of lips and cheeks: reach (face widths), how far below the lips (reaches), least light.
_SHADES = ((0.018, 0.6, 0.45), (0.05, 0.3, 0.72))
#: Brightness of the model's enamel, and how much redder than grey lips are that show flesh's red.
_ENAMEL, _RED_LIPS = 0.76, 0.3
#: Skin around the mouth, and the lips.
_AROUND = (164, 165, 391, 18, 200, 57, 287, 83, 313, 50, 280)
_RED = (0, 37, 267, 17, 84, 314, 181, 405)
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
        # Upper teeth and palate shade the tongue's back: light comes to it from the lips.
        light[tongue] = 0.4 + 0.6 * np.clip(normals[tongue] @ np.array([0.0, 0.1, -1.0]), 0, 1)
        white, redness = _ambient(portrait)
        albedo = model.colour[index] / 255.0
        enamel = np.isin(model.region[index], _rows(model))
        plain = np.median(albedo[enamel], axis=0)
        albedo[enamel] = plain + _GAPS * (albedo[enamel] - plain)
        albedo[~enamel] = _reddened(albedo[~enamel], redness)
        # The tongue's tip lies behind the teeth, and catches light before its root does.
        depth[tongue] -= _TONGUE_LIT * depth[tongue].min()
        fall = np.exp(-((depth / _DARKNESS) ** 1.3))
        self._colours = (albedo * white * (light * fall)[:, None]).astype(np.float32)
        self._cavity = (_reddened(_CAVITY, redness) * white).astype(np.float32)
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
        layer *= self._shade(mask)[..., None]
        mask = cv2.dilate(mask, np.ones((2 * _SAMPLES + 1,) * 2, np.uint8))
        size = tuple(int(v) for v in high - low)
        layer = cv2.resize(layer, size, interpolation=cv2.INTER_AREA)
        cover = cv2.resize(mask, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        cover *= opacity / 255
        region = frame[low[1] : high[1], low[0] : high[0]]
        region[:] = np.clip(region + cover[..., None] * (layer - region) + 0.5, 0, 255)

    def _shade(self, mask: np.ndarray) -> np.ndarray:
        """Light that comes in through an opening uint8 ``[h, w]``: 0..1.

        Lips shade what lies just behind them, the upper one most: light comes from above. Where the
        opening is narrow, towards the corners, less comes in at all.
        """
        height, width = mask.shape
        total = np.ones(mask.shape, np.float32)
        for reach, lowered, least in _SHADES:
            reach *= self._camera.unit * _SAMPLES
            step = max(1, int(reach / 3))  # wide blurs are made small
            size = (width // step + 1, height // step + 1)
            small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
            down = np.array([[1, 0, 0], [0, 1, lowered * reach / step]], np.float32)
            small = cv2.GaussianBlur(
                cv2.warpAffine(small, down, size), (0, 0), max(1, reach / step)
            )
            wide = cv2.resize(small, (width, height))
            total *= least + (1 - least) * (wide.astype(np.float32) / 255) ** 1.2
        return total


def _rows(model: FaceModel) -> list[int]:
    """Region numbers of the teeth."""
    return [model.regions.index("teeth_upper"), model.regions.index("teeth_lower")]


def _reddened(albedo: np.ndarray, redness: float) -> np.ndarray:
    """Flesh ``[..., 3]`` as red as a picture shows flesh: a statue's is grey."""
    grey = albedo.mean(-1, keepdims=True)
    return grey + redness * (albedo - grey)


def _ambient(portrait: Portrait) -> tuple[np.ndarray, float]:
    """What white in the mouth looks like in a picture, 0..255 ``[3]``, and how red flesh is, 0..1.

    The skin around the mouth tells how much light there is; so do the eyes' whites, which are white
    in dark faces, too. Their hue is the light's (and the painter's varnish's).
    """
    eyes = np.concatenate([_eye_white(portrait, side) for side in (0, 1)])
    skin = np.median(_seen(portrait, _AROUND), axis=0)
    lips = np.median(_seen(portrait, _RED), axis=0)
    level = 255 * (skin.mean() / 255) ** 0.5
    cast = (skin / max(skin.mean(), 1)) ** 0.15
    if len(eyes):
        white = np.median(eyes, axis=0)
        level = max(level, white.mean())
        cast *= (white / max(white.mean(), 1)) ** 0.4
    redness = (lips[0] - lips[1:].mean()) / max(lips.mean(), 1) / _RED_LIPS
    return cast / cast.mean() * level / _ENAMEL, float(np.clip(redness, 0, 0.85))


def _eye_white(portrait: Portrait, side: int) -> np.ndarray:
    """Colours ``[N, 3]`` of the lighter part of an eye beside its iris."""
    points = portrait.landmarks[:, :2]
    outline = np.array([*UPPER_LID[side], *LOWER_LID[side][-2:0:-1]])
    mask = np.zeros(portrait.image.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(points[outline] * 16).astype(int)], 1, cv2.LINE_8, 4)
    mask = cv2.erode(mask, np.ones((3, 3), np.uint8))
    iris = points[list(IRIS[side])]
    radius = np.linalg.norm(iris[1:] - iris[0], axis=1).mean()
    cv2.circle(mask, np.round(iris[0]).astype(int).tolist(), int(1.25 * radius) + 1, 0, -1)
    colours = portrait.image[mask > 0].astype(np.float64)
    light = colours.mean(-1)
    return colours[light >= np.percentile(light, 60)] if len(colours) else colours


def _seen(portrait: Portrait, landmarks: tuple[int, ...]) -> np.ndarray:
    """Colours ``[N, 3]`` of the picture around landmarks."""
    soft = cv2.blur(portrait.image, (5, 5))
    height, width = soft.shape[:2]
    x, y = np.round(portrait.landmarks[list(landmarks), :2]).astype(int).T
    return soft[y.clip(0, height - 1), x.clip(0, width - 1)].astype(np.float64)
