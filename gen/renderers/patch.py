"""Small steady pictures of a part of a moving face: where they lie, how they are cut and put back.

A patch is fastened to the skull: its centre is a point of the head at rest, its sides follow the
head's roll and nearness. The skin in it moves, the patch does not, so that a network sees lips part
and never sees a head wander.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from gen.renderers.camera import HeadCamera
from gen.renderers.lip_shapes import shape_lips
from gen.renderers.portrait import Portrait
from gen.renderers.topology import face_topology
from gen.renderers.unit_shapes import shape_units
from recognizer.face_model import LIP_CORNERS, LOWER_INNER_LIP, UPPER_INNER_LIP, FaceModel
from recognizer.motion import rotation_matrix

_OUTER_LIPS = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146,
)  # fmt: skip
_INNER_UPPER = (LIP_CORNERS[0], *UPPER_INNER_LIP, LIP_CORNERS[1])
_INNER_LOWER = (LIP_CORNERS[0], *LOWER_INNER_LIP, LIP_CORNERS[1])
_POINTS = (*_OUTER_LIPS, *_INNER_UPPER, *_INNER_LOWER)
_TEETH = {"teeth_upper": 1.0, "teeth_lower": 0.5}
#: Every so many vertices of the front teeth are enough for their outline.
_TOOTH_STRIDE = 5
#: A change (grey levels) from which on nothing finer than the patch is left.
_PAINTED_OVER = 48.0
_POSE_LIMIT = np.array([60.0, 60.0, 60.0, 2.0, 2.0, 2.0])


@dataclass(frozen=True)
class PatchKind:
    """A part of the face that can be repainted.

    Attributes:
        name: as in ``refiner/config.json``.
        anchors: landmarks whose mean, at rest, is the centre.
        below: how far below that the centre lies, in face widths.
        side: length of the square's side in face widths.
    """

    name: str
    anchors: tuple[int, ...]
    below: float
    side: float


#: Patches by name. A jaw that drops carries the lower lip down: the mouth's lies a little low.
PATCH_KINDS = {"mouth": PatchKind("mouth", (61, 291), 0.09, 0.56)}


@dataclass(frozen=True)
class PatchPlace:
    """Where a patch lies in a frame and what geometry says about it.

    Attributes:
        matrix: float64 ``[2, 3]``: patch pixels → frame pixels.
        geometry: float32 ``[S, S, 3]``, 0..1: the lips with what is between them, the opening
            alone, and in it the upper (1) and lower (0.5) teeth.
        moved: how far the lips are from where the portrait has them, in face widths.
    """

    matrix: np.ndarray
    geometry: np.ndarray
    moved: float


class PatchView:
    """Cuts one kind of patch out of frames of one portrait.

    Args:
        portrait: the framed picture with its fit.
        kind: which part of the face.
        pixels: side ``S`` of the patch.
        margin: how much larger than its kind the patch is cut, 1 being as large.
    """

    def __init__(
        self, portrait: Portrait, kind: PatchKind, pixels: int = 64, margin: float = 1.0
    ) -> None:
        model = FaceModel.load()
        self.pixels = pixels
        self._expression = portrait.expression
        self._camera = HeadCamera(portrait.pose)
        self._head = portrait.pose.rotation
        self._pixel = kind.side * margin * portrait.pose.scale / pixels
        turn = portrait.pose.rotation.T * portrait.pose.scale
        self._rest = self._camera.unproject(portrait.landmarks[list(_POINTS)])
        self._basis = _lip_basis(portrait, shape_units(model.landmark_blendshapes) @ turn)
        centre = portrait.landmarks[list(kind.anchors)].mean(0)
        centre = centre + portrait.pose.rotation[:, 1] * kind.below * portrait.pose.scale
        self._centre = self._camera.unproject(centre)
        self._teeth = [
            (value, *_tooth_outline(model, portrait, self._camera, region, turn))
            for region, value in _TEETH.items()
        ]

    def place(self, blendshapes: np.ndarray, pose: np.ndarray) -> PatchPlace:
        """Where the patch is in the frame that :meth:`Renderer.render` makes of the same motion.

        Args:
            blendshapes: ``[52]``, absolute.
            pose: ``[6]``, relative to the portrait's.
        """
        wanted = np.clip(np.asarray(blendshapes, np.float64), 0, 1)
        delta = wanted - self._expression
        pose = np.clip(np.asarray(pose, np.float64), -_POSE_LIMIT, _POSE_LIMIT)
        rotation, translation = rotation_matrix(pose[:3]), pose[3:] * self._camera.unit
        centre = self._camera.move(self._centre, rotation, translation)
        axis = (rotation @ self._head)[:2, 0]
        nearness = 1 / max(1 + centre[2] / self._camera.distance, 0.2)
        across = axis / np.linalg.norm(axis) * self._pixel * nearness
        linear = np.array([[across[0], -across[1]], [across[1], across[0]]])
        middle = self._camera.project(centre)[:2]
        half = (self.pixels - 1) / 2
        matrix = np.column_stack([linear, middle - linear @ (half, half)])

        shift = np.tensordot(delta, self._basis, 1)
        space = _uncrossed(self._rest + shift)
        inverse = np.linalg.inv(linear)

        def seen(points: np.ndarray) -> np.ndarray:
            moved = self._camera.move(points, rotation, translation)
            return (self._camera.project(moved)[:, :2] - matrix[:, 2]) @ inverse.T

        lips = seen(space)
        teeth = [(value, seen(rest + np.tensordot(wanted, basis, 1)))
                 for value, rest, basis in self._teeth]  # fmt: skip
        moved = float(np.linalg.norm(shift, axis=1).mean() / self._camera.unit)
        return PatchPlace(matrix, self._draw(lips, teeth), moved)

    def _draw(self, lips: np.ndarray, teeth: list[tuple[float, np.ndarray]]) -> np.ndarray:
        outer, upper, lower = np.split(
            lips, [len(_OUTER_LIPS), len(_OUTER_LIPS) + len(_INNER_UPPER)]
        )
        whole = _fill(outer, self.pixels)
        opening = _fill(np.concatenate([upper, lower[::-1]]), self.pixels)
        crowns = np.zeros_like(opening)
        for value, points in reversed(teeth):  # the upper ones hide the lower ones
            hull = cv2.convexHull(points.astype(np.float32))[:, 0]
            cover = _fill(hull, self.pixels)
            crowns += cover * (value - crowns)
        return np.stack([np.maximum(whole, opening), opening, crowns * opening], axis=-1)

    def cut(self, frame: np.ndarray, place: PatchPlace) -> np.ndarray:
        """The patch float32 ``[S, S, 3]``, 0..255, of a frame uint8 ``[H, W, 3]``."""
        low, high = self._box(place.matrix, frame.shape, 4)
        if (high - low < 1).any():
            return np.zeros((self.pixels, self.pixels, 3), np.float32)
        region = frame[low[1] : high[1], low[0] : high[0]]
        # Frame pixels a patch pixel: more than one need blurring before they are picked.
        step = float(np.hypot(*place.matrix[:, 0]))
        if step > 1.2:
            region = cv2.GaussianBlur(region, (0, 0), 0.45 * np.sqrt(step**2 - 1))
        matrix = place.matrix.copy()
        matrix[:, 2] -= low
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = (self.pixels, self.pixels)
        patch = cv2.warpAffine(region, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return patch.astype(np.float32)

    def add(self, frame: np.ndarray, place: PatchPlace, change: np.ndarray) -> None:
        """Add a change float32 ``[S, S, 3]`` (0 at the patch's rim) to a frame, in place.

        What is finer than a patch can hold stays, but fades where the change is large: teeth that
        are painted over must not leave the lines between them.
        """
        low, high = self._box(place.matrix, frame.shape, 1)
        if (high - low < 1).any():
            return
        matrix = place.matrix.copy()
        matrix[:, 2] -= low
        size = tuple(int(v) for v in high - low)
        region = frame[low[1] : high[1], low[0] : high[0]]
        wide = cv2.warpAffine(change, matrix, size, flags=cv2.INTER_CUBIC)
        held = cv2.warpAffine(self.cut(frame, place), matrix, size, flags=cv2.INTER_CUBIC)
        lost = np.clip(np.abs(wide).mean(-1, keepdims=True) / _PAINTED_OVER, 0, 1)
        region[:] = np.clip(region + wide + lost * (held - region) + 0.5, 0, 255)

    def _box(self, matrix, shape, margin: int) -> tuple[np.ndarray, np.ndarray]:
        """Left, top and right, bottom of the frame's part that the patch covers."""
        last = self.pixels - 1
        corners = matrix @ np.array([[0, last, last, 0], [0, 0, last, last], [1, 1, 1, 1]])
        limit = np.array(shape[1::-1])
        low = np.clip(np.floor(corners.min(1)) - margin, 0, limit)
        high = np.clip(np.ceil(corners.max(1)) + margin + 1, 0, limit)
        return low.astype(int), high.astype(int)


def soft_mask(geometry: np.ndarray, margin: float = 1.0) -> np.ndarray:
    """float32 ``[S, S]``, 0..1: where a patch is repainted: lips and a soft rim around them."""
    pixels = len(geometry)
    radius = max(1, round(0.045 * pixels / margin))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    mask = cv2.dilate(np.ascontiguousarray(geometry[..., 0], np.float32), kernel)
    mask = cv2.GaussianBlur(mask, (0, 0), 0.035 * pixels / margin)
    # Nothing may be cut off at the rim of the patch.
    ramp = np.clip((np.minimum(np.arange(pixels), np.arange(pixels)[::-1]) + 0.5) / 4, 0, 1)
    return mask * np.minimum(ramp[:, None], ramp[None]).astype(np.float32)


def _fill(polygon: np.ndarray, pixels: int) -> np.ndarray:
    """float32 ``[S, S]``, 0..1: a polygon with smooth edges."""
    mask = np.zeros((pixels, pixels), np.uint8)
    points = np.round(np.clip(polygon, -pixels, 2 * pixels) * 16).astype(np.int32)
    cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, 4)
    return mask.astype(np.float32) / 255


def _uncrossed(space: np.ndarray) -> np.ndarray:
    """Inner lips that would cross meet half-way."""
    first = len(_OUTER_LIPS)
    upper, lower = slice(first, first + len(_INNER_UPPER)), slice(first + len(_INNER_UPPER), None)
    cross = np.minimum(space[lower, 1] - space[upper, 1], 0)
    space[upper, 1] += cross / 2
    space[lower, 1] -= cross / 2
    return space


def _lip_basis(portrait: Portrait, turned: np.ndarray) -> np.ndarray:
    """float64 ``[52, N, 3]``: how lips move, shaped as the mesh renderer shapes them."""
    mesh = face_topology(1)
    fields = np.stack([mesh.refine @ field for field in turned]).astype(np.float32)
    shape_lips(fields, mesh.refine @ portrait.landmarks, mesh, portrait.pose.rotation)
    # The landmarks are the mesh's first vertices.
    return fields[:, list(_POINTS)].astype(np.float64)


def _tooth_outline(model, portrait: Portrait, camera: HeadCamera, region: str, turn):
    """Points ``[N, 3]`` in space of a row of teeth and their basis ``[52, N, 3]``."""
    index = np.flatnonzero(model.in_region(region))[::_TOOTH_STRIDE]
    shape = model.vertices + np.tensordot(portrait.identity, model.identity, 1)
    # The fit is of the whole face: shift the teeth to where this mouth is.
    anchor = [0, 61, 291, 2, 164, 13]
    points = portrait.pose.project(model.at_landmarks(shape))
    miss = (portrait.landmarks[anchor] - points[anchor]).mean(0)
    miss[2] = 0.0
    space = camera.unproject(portrait.pose.project(shape[index]) + miss)
    return space, model.blendshapes[:, index] @ turn
