"""The limbs of a face: skin of which a photograph shows too little, as a turn of the head shows it.

Beside the outline a face turns away from the camera, and a pixel stands for much skin. Turned
back to the camera, that pixel would be a streak, and if it shows a lock of hair or an ear, a stain.
There, the skin further in is continued instead.
"""

from __future__ import annotations

import cv2
import numpy as np

from gen.renderers.camera import HeadCamera
from gen.renderers.portrait import Portrait
from gen.renderers.skin import continue_skin
from gen.renderers.topology import Topology
from recognizer.easing import smoothstep
from recognizer.face_model import BROWS, FACE_OVAL, LIPS, LOWER_LID, UPPER_LID, FaceModel
from recognizer.motion import rotation_matrix
from recognizer.raster import draw_coloured, draw_textured

#: A turn (degrees) to either side tells which skin stretches: from so much on (as areas) it is
#: continued, and from there on wholly.
_TURN, _STRETCHED = 15.0, (1.5, 2.6)
#: Turned by so many degrees, streaks begin to be seen, and none is left of them.
_SHOWN = (3.0, 11.0)
#: Limbs lie this near to the outline (face widths of the mean head).
_REACH = 0.16
#: On the outline itself only this share is continued: there a face darkens, and meets hair.
_AT_OUTLINE = 0.55
#: A share of the light by which hair, ears or what is behind differ from skin; a limb of which so
#: much differs, within so far (face widths), is a covered one.
_OTHER, _COVERED, _ALONG = 0.25, (0.45, 0.75), 0.12
#: Skin with nothing on it, within so far (face widths), is continued to this share only: its pores
#: and wrinkles are worth more than its streaks.
_NEAR, _SMOOTHED = 0.03, 0.35
#: What is more transparent than this (of 255) is not the face.
_SOLID = 230
#: Beyond the outline it fades over so many face widths: skin meets hair softly.
_FRINGE = 0.022
#: It is drawn so much (face widths) before the skin, and before what lids lay upon it.
_NEARER = 0.02
#: The longer side of the face as it is continued: nothing in it is fine.
_WORK = 128
#: What is no skin: each brow with its eye, and the lips.
_PARTS = (
    (*BROWS[:10], *UPPER_LID[0], *LOWER_LID[0]), (*BROWS[10:], *UPPER_LID[1], *LOWER_LID[1]), LIPS,
)  # fmt: skip


class Limbs:
    """Both sides of one face.

    Args:
        portrait: the framed picture.
        camera: its camera.
        topology: the face's mesh.
        rest: ``[M, 3]`` its vertices in pixels and
        space: ``[M, 3]`` in the camera's space.
        matte: uint8 ``[H, W]``: of the person.
    """

    def __init__(
        self, portrait: Portrait, camera: HeadCamera, topology: Topology, rest, space, matte
    ) -> None:
        near = np.asarray(topology.refine @ _nearness())
        self._weights = [
            near * _stretched(topology.triangles, rest, camera, space, turn)
            for turn in (-_TURN, _TURN)
        ]
        both = np.maximum(*self._weights)
        self._skin, self._uv, need = _continued(portrait, rest, topology.triangles, both, matte)
        need[topology.outline] *= _AT_OUTLINE
        self._weights = [weight * need for weight in self._weights]
        # A strip around the face, transparent at its outer edge.
        inner, outer = topology.outline, len(rest) + np.arange(len(topology.outline))
        a, b, c, d = inner, np.roll(inner, -1), np.roll(outer, -1), outer
        strip = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
        self._neighbours = (inner, np.roll(inner, 1), np.roll(inner, -1))
        area = rest[inner, 0] @ rest[b, 1] - rest[inner, 1] @ rest[b, 0]
        self._fringe = _FRINGE * portrait.pose.scale * np.sign(area)
        # Whichever side of it faces the camera.
        triangles = np.concatenate([topology.triangles, strip, strip[:, ::-1]]).astype(np.int32)
        self._weights = [np.append(weight, np.zeros(len(outer))) for weight in self._weights]
        self._uv = np.concatenate([self._uv, self._uv[inner]])
        drawn = [weight[triangles].max(1) > 0.02 for weight in self._weights]
        self._triangles = [np.ascontiguousarray(triangles[chosen]) for chosen in drawn]
        self._nearer = _NEARER * portrait.pose.scale

    def draw(self, frame: np.ndarray, depth: np.ndarray, points: np.ndarray, yaw: float) -> None:
        """Lay continued skin over the limb that has turned to the camera.

        Args:
            frame: uint8 ``[H, W, 3]``, drawn into.
            depth: float32 ``[H, W]`` z-buffer.
            points: ``[N, 3]``: the mesh's vertices now, in pixels (others may follow).
            yaw: degrees by which the head is turned.
        """
        share = float(np.clip((abs(yaw) - _SHOWN[0]) / (_SHOWN[1] - _SHOWN[0]), 0, 1))
        side = int(yaw > 0)
        if share == 0 or not len(self._triangles[side]):
            return
        own = points[: len(self._uv) - len(self._neighbours[0])]
        vertices = np.concatenate([own, self._beyond(own)], dtype=np.float32)
        vertices[:, 2] -= self._nearer
        alpha = (share * share * (3 - 2 * share) * self._weights[side]).astype(np.float32)
        draw_textured(frame, depth, vertices, self._uv, alpha, self._triangles[side], self._skin)

    def _beyond(self, points: np.ndarray) -> np.ndarray:
        """The outline of mesh vertices ``[M, 3]`` a little farther out: ``[K, 3]``."""
        outline, before, after = (points[index] for index in self._neighbours)
        along = after[:, :2] - before[:, :2]
        out = along[:, ::-1] * (self._fringe, -self._fringe)
        outline[:, :2] += out / np.maximum(np.sqrt((along**2).sum(1)), 1e-6)[:, None]
        return outline


def _nearness() -> np.ndarray:
    """How near the landmarks lie to the outline: ``[478]``, 1 on it, 0 beyond the limbs."""
    face = FaceModel.load().landmarks[:, :2]
    outline = face[list(FACE_OVAL)]
    between = np.concatenate([outline, (outline + np.roll(outline, -1, 0)) / 2])
    away = np.linalg.norm(face[:, None] - between[None], axis=-1).min(1)
    return smoothstep(2 - 2 * away / _REACH)


def _stretched(triangles: np.ndarray, rest, camera: HeadCamera, space, turn: float) -> np.ndarray:
    """How much of a turn's stretch (degrees of yaw) is at each vertex: ``[M]``, 0..1."""
    moved = camera.move(space, rotation_matrix(np.array([0.0, turn, 0.0])), np.zeros(3))
    before, after = _areas(rest, triangles), _areas(camera.project(moved), triangles)
    ratio = after / np.maximum(before, 0.1 * np.median(before))
    share = np.clip((ratio - _STRETCHED[0]) / (_STRETCHED[1] - _STRETCHED[0]), 0, 1)
    total, count = np.zeros(len(rest)), np.zeros(len(rest))
    for i in range(3):
        np.add.at(total, triangles[:, i], share)
        np.add.at(count, triangles[:, i], 1)
    return total / np.maximum(count, 1)


def _areas(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Twice the signed areas ``[F]``: negative for what faces away from the camera."""
    a, b, c = (points[triangles[:, i], :2] for i in range(3))
    return (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])


def _continued(portrait: Portrait, rest, triangles: np.ndarray, limb: np.ndarray, matte):
    """The skin beside the limbs, continued outward.

    Returns:
        A small picture of the face uint8 ``[h, w, 3]``, where the vertices lie in it ``[M, 2]``,
        and how much of the limb near each is to be continued ``[M]``, 0..1.
    """
    limit = np.array(portrait.image.shape[1::-1])
    corner = np.clip(np.floor(rest[:, :2].min(0)).astype(int) - 4, 0, limit - 8)
    end = np.clip(np.ceil(rest[:, :2].max(0)).astype(int) + 5, corner + 8, limit)
    part = (slice(corner[1], end[1]), slice(corner[0], end[0]))
    scale = min(1.0, _WORK / max(end - corner))
    face, solid = (
        cv2.resize(field[part], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for field in (portrait.image, matte)
    )
    face = face.astype(np.float32)
    at = rest.astype(np.float32)
    at[:, :2] = (at[:, :2] - corner + 0.5) * scale - 0.5
    shares = np.stack([limb, np.ones(len(rest)), limb], axis=1).astype(np.float32)
    fields = np.zeros(face.shape, np.float32)
    draw_coloured(fields, np.full(face.shape[:2], np.inf, np.float32), at, shares, triangles)
    known = ((fields[..., 0] < 0.05) & (fields[..., 1] > 0.5)).astype(np.uint8)
    for part in _PARTS:
        hull = cv2.convexHull(at[list(part), :2])
        cv2.fillConvexPoly(known, np.round(hull).astype(np.int32), 0)
    known = known > 0
    uv = np.ascontiguousarray(at[:, :2])
    if not known.any():
        return face.astype(np.uint8), uv, np.zeros(len(rest))
    unit = portrait.pose.scale * scale
    skin = continue_skin(face, known, 0.08 * unit)
    differs = np.float32(np.abs(face - skin).mean(-1) > _OTHER * skin.mean(-1)) * fields[..., 0]
    stained = np.maximum(differs, fields[..., 0] * (solid < _SOLID))
    stained = np.clip(3 * cv2.GaussianBlur(stained, (0, 0), _NEAR * unit), 0, 1)
    # Where all of a limb is covered, by hair as a rule, it stays so.
    covered = cv2.GaussianBlur(differs, (0, 0), _ALONG * unit)
    covered /= np.maximum(cv2.GaussianBlur(fields[..., 0], (0, 0), _ALONG * unit), 1e-3)
    bare = np.clip((_COVERED[1] - covered) / (_COVERED[1] - _COVERED[0]), 0, 1)
    need = bare * (_SMOOTHED + (1 - _SMOOTHED) * stained)
    need = cv2.remap(need, uv[:, :1], uv[:, 1:], cv2.INTER_LINEAR)[:, 0]
    return skin.clip(0, 255).astype(np.uint8), uv, need
