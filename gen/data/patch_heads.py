"""Patch pairs of rendered heads: many skins, lights, cameras and teeth, where film shows one man.

``python -m gen.data.patch_heads --records RECORDS -o DIR`` lights the CC0 head with a random shape
and colours, takes the picture of one frame as the portrait, and drives it with recorded motion.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from gen.data.patches import PatchPairs, choose_frames, draw_pairs
from gen.data.records import MotionRecord
from gen.driving import relative_pose
from gen.renderers.portrait import Portrait
from recognizer.face_model import FaceModel
from recognizer.facs import ARKIT_INDEX, sides
from recognizer.motion import MotionTrack, rotation_matrix
from recognizer.raster import rasterize, vertex_normals
from recognizer.tracker import CAMERA_DISTANCE, FaceTracker, NoFaceError

_SAMPLES = 2  # a side, within a pixel
_INSIDE = ("teeth_upper", "teeth_lower", "gum_upper", "gum_lower", "tongue", "inner_mouth")
#: Skin from pale to dark (albedo, RGB), between which colours are drawn.
_SKIN = np.array(
    [[238, 205, 185], [222, 180, 152], [198, 150, 118], [160, 112, 82], [112, 76, 56], [72, 50, 40]]
)
#: Expressions worn on top of speech: stem → largest value.
_WORN = {
    "mouthSmile": 0.6, "mouthUpperUp": 0.35, "mouthLowerDown": 0.35, "mouthFrown": 0.4,
    "mouthStretch": 0.3, "mouthFunnel": 0.3, "mouthPucker": 0.4, "mouthDimple": 0.3,
}  # fmt: skip


class RenderedHead:
    """A person who does not exist, under some light, before some camera.

    Args:
        rng: chooses everything.
        size: pixels of the square pictures.
    """

    def __init__(self, rng: np.random.Generator, size: int) -> None:
        self._model = model = FaceModel.load()
        self.size = size
        identity = rng.normal(0, 0.5, len(model.identity)).clip(-1.5, 1.5)
        self._shape = model.vertices + np.tensordot(identity, model.identity, 1)
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
        self._backdrop = rng.uniform(20, 230, 3)
        self._inside = model.in_region(*_INSIDE)
        # Noise that sticks to the skin, finer across the lips than along them.
        noise = rng.normal(0, 1, (256, 256)).astype(np.float32)
        self._noise = cv2.GaussianBlur(noise, (0, 0), 0.8) * rng.uniform(0.0, 0.09)
        self._lips = model.in_region("lip_upper", "lip_lower").astype(np.float32)

    def _colours(self, rng: np.random.Generator) -> np.ndarray:
        """float64 ``[V, 3]``: the albedo of every vertex."""
        model = self._model
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
        hair = skin * rng.uniform(0.1, 0.8)
        colour[model.in_region("skull", "brow")] = hair
        return colour.clip(0, 255)

    def render(self, blendshapes: np.ndarray, pose: np.ndarray) -> np.ndarray:
        """A picture uint8 ``[size, size, 3]``; arguments as of
        :meth:`gen.renderers.base.Renderer.render`, the pose relative to the head's own."""
        model, size = self._model, self.size * _SAMPLES
        space = self._shape + np.tensordot(blendshapes, model.blendshapes, 1)
        rotation = rotation_matrix(pose[:3])
        normals = vertex_normals(space, model.triangles) @ self._turn.T
        points = space @ self._turn.T @ rotation.T + pose[3:]
        nearness = 1 / (1 + points[:, 2:] / CAMERA_DISTANCE)
        screen = points[:, :2] * self._scale * nearness + self._centre
        vertices = np.concatenate([screen * _SAMPLES, points[:, 2:]], 1).astype(np.float32)
        index, bary, _ = rasterize(vertices, model.triangles, size, size)
        shade = self._shade(space, normals @ rotation.T)
        seen = index >= 0
        corners = model.triangles[index[seen]]
        weight = bary[seen][..., None]
        picture = np.empty((size, size, 3), np.float32)
        picture[:] = self._backdrop
        # Noise by where the skin is at rest.
        rest = (model.vertices[corners] * weight).sum(1)
        lips = (self._lips[corners] * weight[..., 0]).sum(1)
        row = (rest[:, 1] * np.where(lips > 0.5, 60, 220)).astype(int) % 256
        column = (rest[:, 0] * 260).astype(int) % 256
        grain = 1 + self._noise[row, column] * (1 + lips)
        picture[seen] = (shade[corners] * weight).sum(1) * grain[:, None]
        picture = cv2.GaussianBlur(picture, (0, 0), 0.5 * _SAMPLES)
        picture = cv2.resize(picture, (self.size,) * 2, interpolation=cv2.INTER_AREA)
        return np.clip(picture + 0.5, 0, 255).astype(np.uint8)

    def _shade(self, space: np.ndarray, normals: np.ndarray) -> np.ndarray:
        """float32 ``[V, 3]``: colours as lit."""
        facing = np.clip(normals @ self._light, 0, 1)
        light = self._ambient + (1 - self._ambient) * facing
        half = self._light + np.array([0.0, 0.0, -1.0])
        half /= np.linalg.norm(half)
        shine = np.clip(normals @ half, 0, 1) ** 24 * self._gloss * (0.2 + self._lips)
        # Inside, light comes through the lips and fades with depth.
        front = np.quantile(space[self._lips > 0, 2], 0.3)
        depth = np.clip(space[:, 2] - front, 0, None)
        fade = np.exp(-((depth / self._darkness) ** 1.3))
        light = np.where(self._inside, (0.4 + 0.6 * light) * fade, light)
        colour = self._albedo * light[:, None] + 255 * shine[:, None] * ~self._inside[:, None]
        return (colour * self._cast).astype(np.float32)


def pairs_from_head(
    motion: MotionTrack, count: int, rng: np.random.Generator, tracker: FaceTracker | None = None
) -> PatchPairs:
    """Patches of one random head that makes a recorded motion and wears a random expression.

    Raises:
        NoFaceError: the tracker does not see a face in the portrait.
    """
    worn = np.zeros(52, np.float32)
    for stem, most in _WORN.items():
        if rng.random() < 0.3:
            worn[[ARKIT_INDEX[name] for name in sides(stem)]] = rng.uniform(0, most)
    strength = rng.uniform(0.8, 1.5)
    shown = np.clip(motion.blendshapes * strength + worn, 0, 1)
    motion = MotionTrack(shown, motion.pose, motion.fps)
    head = RenderedHead(rng, int(rng.choice([256, 320, 384])))
    own = 0 if rng.random() < 0.5 else int(rng.integers(len(motion)))

    pose = relative_pose(motion.pose, motion.pose[own])

    def truth(frame: int) -> np.ndarray:
        return head.render(motion.blendshapes[frame], pose[frame])

    portrait = Portrait.from_image(truth(own), head.size, square=False, tracker=tracker)
    return draw_pairs(portrait, motion, own, choose_frames(motion, count, rng), truth)


def build(records: Path, output: Path, heads: int, hold_out: int, count: int, seed: int = 0) -> int:
    """Write one file a head, motion from all but the last ``hold_out`` records; returns how many.

    Raises:
        ValueError: there are no records.
    """
    paths = sorted(records.glob("*.npz"))
    paths = paths[: max(0, len(paths) - hold_out)]
    if not paths:
        raise ValueError(f"{records} holds no records to take motion from")
    output.mkdir(parents=True, exist_ok=True)
    written = 0
    with FaceTracker() as tracker:
        for number in range(heads):
            rng = np.random.default_rng([seed, number])
            motion = MotionRecord.load(paths[int(rng.integers(len(paths)))]).motion.filled()
            try:
                pairs = pairs_from_head(motion, count, rng, tracker)
            except NoFaceError:
                continue
            pairs.save(output / f"head{number:04d}.npz")
            written += 1
    return written


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--heads", type=int, default=160)
    parser.add_argument("--hold-out", type=int, default=100)
    parser.add_argument("--count", type=int, default=20, help="pairs a head")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    written = build(
        options.records, options.output, options.heads, options.hold_out, options.count,
        options.seed,
    )  # fmt: skip
    print(f"{options.output}: {written} heads")


if __name__ == "__main__":
    main()
