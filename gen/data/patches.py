"""Pairs of a rendered and a filmed patch, to train the refiner on.

``python -m gen.data.patches VIDEOS -o DIR`` takes one frame of each clip as the portrait, drives it
with the motion measured in the clip, and cuts the same patch out of the rendered and the filmed
frames.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from gen.driving import measure_driver, relative_pose
from gen.renderers.mesh import MeshRenderer
from gen.renderers.patch import PATCH_KINDS, PatchView
from gen.renderers.portrait import Portrait
from recognizer.face_model import FaceModel
from recognizer.files import arrays_of
from recognizer.media import iter_frames
from recognizer.motion import MotionTrack
from recognizer.tracker import FaceTracker, NoFaceError

#: Patches are kept larger than they are used, for shifts and turns in training.
PIXELS, MARGIN = 80, 1.25


@dataclass
class PatchPairs:
    """Patches of one clip; the axis of two holds neighbouring frames, the earlier one first.

    Attributes:
        rendered: uint8 ``[N, 2, S, S, 3]``.
        target: uint8 ``[N, 2, S, S, 3]``: what should have been rendered.
        geometry: uint8 ``[N, 2, S, S, 3]``, 0..255 (see :class:`gen.renderers.patch.PatchPlace`).
        reference: uint8 ``[S, S, 3]``: the portrait's own patch.
        reference_geometry: uint8 ``[S, S, 3]``.
    """

    rendered: np.ndarray
    target: np.ndarray
    geometry: np.ndarray
    reference: np.ndarray
    reference_geometry: np.ndarray

    def __len__(self) -> int:
        return len(self.rendered)

    def save(self, path: str | os.PathLike) -> None:
        """Write an ``.npz``."""
        np.savez_compressed(path, **vars(self))

    @classmethod
    def load(cls, path: str | os.PathLike) -> PatchPairs:
        """Read what :meth:`save` wrote.

        Raises:
            ValueError: the file is something else.
        """
        with arrays_of(path, "holds no patch pairs") as arrays:
            return cls(**{name: arrays[name] for name in cls.__dataclass_fields__})


def draw_pairs(
    portrait: Portrait,
    motion: MotionTrack,
    own: int,
    wanted: np.ndarray,
    truth: Callable[[int], np.ndarray],
) -> PatchPairs:
    """Render pairs of neighbouring frames and cut their mouths out, beside the truth.

    Args:
        portrait: the portrait to move; it is taken to wear what ``motion`` says of it.
        motion: what moves it.
        own: the frame of ``motion`` that the portrait shows.
        wanted: the later frame of each pair, all above 0.
        truth: gives the true frame uint8 ``[H, W, 3]``, of the portrait's size, by its number.
    """
    portrait = replace(portrait, expression=motion.blendshapes[own])
    renderer = MeshRenderer(portrait)
    view = PatchView(portrait, PATCH_KINDS["mouth"], PIXELS, MARGIN)
    pose = relative_pose(motion.pose, motion.pose[own])
    made: dict[int, tuple] = {}
    for frame in sorted({*wanted, *(wanted - 1)}):
        motion_of = motion.blendshapes[frame], pose[frame]
        place = view.place(*motion_of)
        made[frame] = (
            view.cut(renderer.render(*motion_of), place),
            view.cut(truth(frame), place),
            place.geometry * 255,
        )
    columns = [
        _bytes(np.stack([np.stack([made[f - 1][i], made[f][i]]) for f in wanted])) for i in range(3)
    ]
    rest = view.place(portrait.expression, np.zeros(6))
    return PatchPairs(
        rendered=columns[0],
        target=columns[1],
        geometry=columns[2],
        reference=_bytes(view.cut(portrait.image, rest)),
        reference_geometry=_bytes(rest.geometry * 255),
    )


def choose_frames(motion: MotionTrack, count: int, rng: np.random.Generator) -> np.ndarray:
    """Frames (above 0, sorted) of which half are any and half are likelier where lips are open."""
    opening = FaceModel.load().lip_opening(motion.blendshapes)[1:]
    weight = np.clip(opening - np.quantile(opening, 0.1), 0, None) + 1e-4
    count = min(count, len(motion) - 1)
    share = 0.5 / len(weight) + 0.5 * weight / weight.sum()
    return np.sort(rng.choice(len(weight), count, replace=False, p=share)) + 1


def pairs_from_clip(
    frames: list[np.ndarray],
    motion: MotionTrack,
    count: int,
    rng: np.random.Generator,
    size: int = 384,
    tracker: FaceTracker | None = None,
) -> PatchPairs:
    """Patches of one filmed clip; the first frame, or as often any, is the portrait.

    Args:
        frames: uint8 ``[H, W, 3]`` each.
        motion: measured in them, frame by frame.
        count: pairs at most.
        rng: chooses portrait and frames.
        size: longer side in pixels at which the portrait is moved.
        tracker: to find the face with.

    Raises:
        ValueError: fewer than two frames, or motion of another length.
        NoFaceError: the portrait shows no face.
    """
    if len(frames) != len(motion) or len(frames) < 2:
        raise ValueError(f"{len(frames)} frames with motion of {len(motion)} have no pairs")
    own = 0 if rng.random() < 0.5 else int(rng.integers(len(frames)))
    portrait = Portrait.from_image(frames[own], size, square=False, tracker=tracker)
    width, height = portrait.image.shape[1::-1]
    way = cv2.INTER_AREA if width < frames[0].shape[1] else cv2.INTER_CUBIC

    def truth(frame: int) -> np.ndarray:
        return cv2.resize(frames[frame], (width, height), interpolation=way)

    return draw_pairs(portrait, motion, own, choose_frames(motion, count, rng), truth)


def build(videos: Path, output: Path, clips: int, hold_out: int, count: int, seed: int = 0) -> int:
    """Write one file a clip, spread over all but the last ``hold_out`` names; returns how many.

    Raises:
        ValueError: there are no videos.
    """
    paths = sorted(videos.glob("*.mp4"))
    paths = paths[: max(0, len(paths) - hold_out)]
    if not paths:
        raise ValueError(f"{videos} holds no videos (.mp4) beside the {hold_out} held out")
    chosen = np.unique(np.linspace(0, len(paths) - 1, clips).astype(int))
    output.mkdir(parents=True, exist_ok=True)
    written = 0
    with FaceTracker() as tracker:
        for i in chosen:
            rng = np.random.default_rng([seed, int(i)])
            frames = list(iter_frames(paths[i]))
            try:
                motion = measure_driver(paths[i], lambda *_: None, len(frames)).motion
                pairs = pairs_from_clip(frames, motion, count, rng, tracker=tracker)
            except NoFaceError as error:
                print(f"left out: {paths[i].name}: {error}")
                continue
            pairs.save(output / f"{paths[i].stem}.npz")
            written += 1
    return written


def _bytes(patch: np.ndarray) -> np.ndarray:
    return np.clip(np.round(patch), 0, 255).astype(np.uint8)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=120)
    parser.add_argument("--hold-out", type=int, default=100)
    parser.add_argument("--count", type=int, default=30, help="pairs a clip")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    written = build(
        options.videos, options.output, options.clips, options.hold_out, options.count,
        options.seed,
    )  # fmt: skip
    print(f"{options.output}: {written} clips")


if __name__ == "__main__":
    main()
