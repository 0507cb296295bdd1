"""The default renderer: a photograph's own pixels on a fitted 3D face."""

from __future__ import annotations

import copy

import numpy as np

from gen.renderers.backdrop import Backdrop
from gen.renderers.brows import BROW_DOWN, knitted, knitting_fields, shape_brows
from gen.renderers.camera import HeadCamera
from gen.renderers.eyes import VERTICAL_TRAVEL, Eye
from gen.renderers.folds import Folds
from gen.renderers.kernels import blend
from gen.renderers.lids import Lid
from gen.renderers.light import Light
from gen.renderers.limb import Limbs
from gen.renderers.lip_shapes import shape_lips
from gen.renderers.lips import LipRims, Lips
from gen.renderers.mouth import Mouth
from gen.renderers.portrait import Portrait
from gen.renderers.topology import face_topology
from gen.renderers.unit_shapes import shape_units
from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX
from recognizer.motion import rotation_matrix
from recognizer.raster import draw_textured

_FRINGE = 1.3  # pixels over which a lip's or a lid's edge fades
#: Degrees and face widths beyond which a photograph shows nothing of a face.
_POSE_LIMIT = np.array([60.0, 60.0, 60.0, 2.0, 2.0, 2.0])
_BLINK = (ARKIT_INDEX["eyeBlinkRight"], ARKIT_INDEX["eyeBlinkLeft"])
#: Tightened (AU 7), the upper lid comes down a little, too: a share of the way.
_SQUINT = (ARKIT_INDEX["eyeSquintRight"], ARKIT_INDEX["eyeSquintLeft"])
_TIGHTEN = 0.1


class MeshRenderer:
    """Moves a portrait (see :class:`gen.renderers.base.Renderer`).

    Args:
        portrait: the framed picture with its fit.
    """

    def __init__(self, portrait: Portrait) -> None:
        model = FaceModel.load()
        # Lip segments of some four pixels.
        topology = face_topology(1 if portrait.pose.scale < 420 else 2)
        self._topology = topology
        self._image = np.ascontiguousarray(portrait.image)
        self.size = (portrait.image.shape[1], portrait.image.shape[0])
        self.expression = portrait.expression
        self._camera = HeadCamera(portrait.pose)
        self._scale = portrait.pose.scale
        self._head = portrait.pose.rotation
        self._rest = np.asarray(topology.refine @ portrait.landmarks)
        self._space = self._camera.unproject(self._rest)
        shaped = shape_brows(shape_units(model.landmark_blendshapes))
        to_pixels = self._head.T * self._scale
        turned = shaped @ to_pixels
        self._worn_knit = knitted(portrait.expression)
        self._knitting = np.stack(
            [topology.refine @ f for f in knitting_fields(shaped) @ to_pixels]
        )
        basis = np.stack([topology.refine @ field for field in turned]).astype(np.float32)
        shape_lips(basis, self._rest, topology, portrait.pose.rotation)
        self._lids = [
            Lid(self._image, self._rest, topology, side, basis[_BLINK[side]], self._space)
            for side in (0, 1)
        ]
        opening = basis[ARKIT_INDEX["jawOpen"]]
        self._lips = Lips(self._rest, topology, portrait.expression, opening, self._head)
        for lid in self._lids:
            lid.follow(basis, VERTICAL_TRAVEL * self._scale)
        self._basis = basis
        self._backdrop = Backdrop(portrait, self._camera, topology)
        self._eyes = [Eye(portrait, self._camera, side) for side in (0, 1)]
        self._mouth = Mouth(portrait, self._camera)
        self._light = Light(portrait, self._rest[:478])
        self._limbs = Limbs(
            portrait, self._camera, topology, self._rest, self._space,
            self._backdrop.person[..., 3],
        )  # fmt: skip
        self._chains = (
            topology.upper_lip, topology.lower_lip, *topology.upper_lid, *topology.lower_lid,
        )  # fmt: skip
        self._triangles, self._uv, self._alpha = self._with_fringe()
        self._texture = self._backdrop.person.copy()
        self._rims = LipRims(self._texture, self._rest, topology, self._scale)
        self._folds = Folds(
            self._texture, self._rest[:478], basis[:, :478], self._head, self._scale,
            self._light.slant,
        )  # fmt: skip
        self._rest_gap = self._gap(self._rest)
        self._down = np.array([*(self._head[:2, 1] / np.linalg.norm(self._head[:2, 1])), 0.0])

    def render(self, blendshapes: np.ndarray, pose: np.ndarray) -> np.ndarray:
        """One frame uint8 ``[H, W, 3]``; see :class:`gen.renderers.base.Renderer`."""
        wanted = np.clip(np.asarray(blendshapes, np.float32), 0, 1)
        delta = wanted - self.expression
        pose = np.clip(np.asarray(pose, np.float64), -_POSE_LIMIT, _POSE_LIMIT)
        rotation, translation = rotation_matrix(pose[:3]), pose[3:] * self._scale

        knit = knitted(wanted) - self._worn_knit
        space = blend(self._space, delta, self._basis)
        if knit.any():
            space += np.tensordot(knit, self._knitting, 1).astype(space.dtype)
        travels = [
            lid.close(space, float(delta[blink] + _TIGHTEN * delta[squint]))
            for lid, blink, squint in zip(self._lids, _BLINK, _SQUINT, strict=True)
        ]
        self._lips.settle(space, wanted)
        points = self._camera.project(self._camera.move(space, rotation, translation))

        frame, depth, around = self._backdrop.render(rotation, translation, points)
        for eye in self._eyes:
            eye.draw(frame, delta, rotation, translation)
        for lid, travel in zip(self._lids, travels, strict=True):
            lid.shade(frame, points, travel)
        opening = self._gap(points)
        change = abs(opening - self._rest_gap) / (0.012 * self._scale)
        opacity = float(np.clip(change, 0, 1))
        upper, lower = points[self._topology.upper_lip], points[self._topology.lower_lip]
        vertices = self._extend(points)
        if opacity < 1:  # lips (nearly) as in the portrait: its own pixels between them
            draw_textured(
                frame, depth.copy(), vertices, self._uv, np.ones(len(vertices), np.float32),
                self._topology.seam, self._image,
            )  # fmt: skip
        if opacity > 0:
            self._mouth.draw(frame, upper, lower, wanted, rotation, translation, opacity)
        self._rims.draw(self._texture, points)
        folding = delta.copy()
        # Brows that are drawn together fold the skin between them, lowered or not.
        folding[BROW_DOWN] += knit
        self._folds.draw(self._texture, folding)
        draw_textured(frame, depth, vertices, self._uv, self._alpha, self._triangles, self._texture)
        for lid, travel in zip(self._lids, travels, strict=True):
            lid.draw(frame, depth, vertices, travel)
        self._limbs.draw(frame, depth, vertices, float(pose[1]))
        self._light.apply(frame, points[:478])
        self._backdrop.soften_steps(frame, vertices, self._topology.triangles, around)
        return frame

    def twin(self) -> MeshRenderer:
        """A copy to draw other frames with at the same time; no frame depends on those before."""
        return copy.deepcopy(self)

    def _gap(self, points: np.ndarray) -> float:
        middle = len(self._topology.upper_lip) // 2
        span = slice(middle - 6, middle + 7)
        upper = points[self._topology.upper_lip[span], :2]
        lower = points[self._topology.lower_lip[span], :2]
        return float(np.linalg.norm(lower - upper, axis=1).mean())

    def _with_fringe(self):
        """Triangles, texture places and opacity with a soft rim added along lips and lids."""
        count = len(self._rest)
        triangles, uv = [self._topology.triangles], [self._rest[:, :2]]
        alpha = [np.ones(count, np.float32)]
        for chain in self._chains:
            rim = np.arange(len(chain)) + count
            count += len(chain)
            a, b, c, d = chain[:-1], chain[1:], rim[1:], rim[:-1]
            strip = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
            triangles += [strip, strip[:, ::-1]]  # whichever side faces the camera
            uv.append(self._rest[chain, :2])
            alpha.append(np.zeros(len(chain), np.float32))
        return (
            np.ascontiguousarray(np.concatenate(triangles), np.int32),
            np.concatenate(uv).astype(np.float32),
            np.concatenate(alpha).astype(np.float32),
        )

    def _extend(self, points: np.ndarray) -> np.ndarray:
        """Mesh vertices followed by the fringe's, a little way towards the opposite lip or lid."""
        upper_lip, lower_lip, *lids = self._chains
        pairs = [(upper_lip, lower_lip), (lower_lip, upper_lip)]
        pairs += [(lids[0], lids[2]), (lids[1], lids[3]), (lids[2], lids[0]), (lids[3], lids[1])]
        out = [points]
        for number, (chain, opposite) in enumerate(pairs):
            across = points[opposite] - points[chain]
            length = np.linalg.norm(across[:, :2], axis=1, keepdims=True)
            share = np.minimum(_FRINGE / np.maximum(length, 1e-6), 0.5)
            rim = points[chain] + across * share
            if number in (0, 2, 3):  # shut, the upper lip or lid ends softly on the lower one
                shut = np.clip(1 - length / (2 * _FRINGE), 0, 1)
                rim += shut * _FRINGE * self._down
                rim[:, 2] -= shut[:, 0] * 0.02 * self._scale
            out.append(rim)
        return np.ascontiguousarray(np.concatenate(out), np.float32)
