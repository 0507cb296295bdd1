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
from recognizer.data.rendered_head import RenderedHead
from recognizer.facs import ARKIT_INDEX, sides
from recognizer.motion import MotionTrack
from recognizer.raster import rasterize
from recognizer.tracker import FaceTracker, NoFaceError

_SAMPLES = 2  # a side, within a pixel
#: Expressions worn on top of speech: stem → largest value.
_WORN = {
    "mouthSmile": 0.6, "mouthUpperUp": 0.35, "mouthLowerDown": 0.35, "mouthFrown": 0.4,
    "mouthStretch": 0.3, "mouthFunnel": 0.3, "mouthPucker": 0.4, "mouthDimple": 0.3,
}  # fmt: skip


class PatchHead(RenderedHead):
    """A person who does not exist, drawn finely and with grain on the skin.

    Args:
        rng: chooses everything.
        size: pixels of the square pictures.
    """

    def __init__(self, rng: np.random.Generator, size: int) -> None:
        super().__init__(rng, size)
        # Noise that sticks to the skin, finer across the lips than along them.
        noise = rng.normal(0, 1, (256, 256)).astype(np.float32)
        self._noise = cv2.GaussianBlur(noise, (0, 0), 0.8) * rng.uniform(0.0, 0.09)

    def render(self, blendshapes: np.ndarray, pose: np.ndarray) -> np.ndarray:
        """A picture uint8 ``[size, size, 3]``; arguments as of
        :meth:`gen.renderers.base.Renderer.render`, the pose relative to the head's own."""
        model, size = self.model, self.size * _SAMPLES
        vertices, shade = self.posed(blendshapes, pose)
        vertices[:, :2] *= _SAMPLES
        index, bary, _ = rasterize(vertices, model.triangles, size, size)
        seen = index >= 0
        corners = model.triangles[index[seen]]
        weight = bary[seen][..., None]
        picture = np.empty((size, size, 3), np.float32)
        picture[:] = self.backdrop
        # Noise by where the skin is at rest.
        rest = (model.vertices[corners] * weight).sum(1)
        lips = (self.lips[corners] * weight[..., 0]).sum(1)
        row = (rest[:, 1] * np.where(lips > 0.5, 60, 220)).astype(int) % 256
        column = (rest[:, 0] * 260).astype(int) % 256
        grain = 1 + self._noise[row, column] * (1 + lips)
        picture[seen] = (shade[corners] * weight).sum(1) * grain[:, None]
        picture = cv2.GaussianBlur(picture, (0, 0), 0.5 * _SAMPLES)
        picture = cv2.resize(picture, (self.size,) * 2, interpolation=cv2.INTER_AREA)
        return np.clip(picture + 0.5, 0, 255).astype(np.uint8)


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
    head = PatchHead(rng, int(rng.choice([256, 320, 384])))
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
