"""A person filmed → motion that drives a portrait."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from gen.renderers.brows import shape_brows
from gen.renderers.lip_shapes import shape_lips
from gen.renderers.topology import face_topology
from recognizer.face_model import FaceModel
from recognizer.fitting import CAMERA_DISTANCE
from recognizer.media import iter_frames, probe
from recognizer.motion import MotionTrack, euler_angles, rotation_matrix
from recognizer.tracker import FaceTracker, largest

#: Longer side at which a driving video is looked at, in pixels.
TRACKING_SIDE = 960


@dataclass
class Driver:
    """What a video says about its largest face.

    Attributes:
        motion: one row a frame of the video; gaps are filled.
        first: the first frame that shows it.
    """

    motion: MotionTrack
    first: int


def measure_driver(
    path: str | os.PathLike, hook: Callable[[str, int, int | None], None], frames: int | None = None
) -> Driver:
    """Measure the motion of the largest face in a video.

    Args:
        path: the video.
        hook: progress, called as ``hook(stage, done, total)``.
        frames: stop after so many frames.

    Raises:
        ValueError: the file is no video, or no frame shows a face.
    """
    path = Path(path)
    about = probe(path)
    if not about.has_video:
        raise ValueError(f"{path.name} is not a video")
    total = round(about.duration * about.fps) or frames
    total = min(total, frames) if total and frames else total

    def counted():
        for i, frame in enumerate(islice(iter_frames(path, max_side=TRACKING_SIDE), frames), 1):
            hook("tracking", i, total)
            yield frame
        hook("fitting the motion", 0, None)

    with FaceTracker(fields=drawn_fields) as tracker:
        motion = largest(tracker.video(counted(), about.fps)).motion
    first = int(np.flatnonzero(motion.valid)[0])
    return Driver(motion.filled(), first)


def drawn_fields(shape: np.ndarray) -> np.ndarray:
    """How the mesh renderer moves a person's landmarks.

    It draws brows as strips of hair, and some lip shapes by the person's own proportions. Measured
    by the same shapes, a filmed face is drawn as it was filmed (eight clips: lips 0.60 instead of
    0.68 % of face height off).

    Args:
        shape: ``[478, 3]`` neutral points in face widths.

    Returns:
        float32 ``[52, 478, 3]``.
    """
    mesh = face_topology(0)
    moved = shape_brows(FaceModel.load().landmark_blendshapes)
    fields = np.stack([mesh.refine @ field for field in moved])
    shape_lips(fields, mesh.refine @ shape, mesh, np.eye(3))
    return fields


def absolute_motion(motion: MotionTrack) -> MotionTrack:
    """For a portrait of anybody: expressions as measured, the head about its own middle.

    A measured pose is that of a head before a camera; a portrait has its own. What the head does is
    taken relative to the median, so that the portrait keeps its place.
    """
    middle = np.median(motion.pose, axis=0)
    return MotionTrack(motion.blendshapes, relative_pose(motion.pose, middle), motion.fps)


def relative_motion(driver: Driver) -> tuple[MotionTrack, np.ndarray]:
    """For a portrait that looks as the driver does in the first frame: changes since then.

    Returns:
        The motion with the pose relative to the first frame, and the expression ``[52]`` that the
        portrait is to be taken to wear, by which a renderer makes the coefficients relative.
    """
    motion, first = driver.motion, driver.first
    pose = relative_pose(motion.pose, motion.pose[first])
    return MotionTrack(motion.blendshapes, pose, motion.fps), motion.blendshapes[first].copy()


def relative_pose(pose: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Measured head poses as seen from one of them.

    Rotations are composed, not subtracted: ``R_t R_0ᵀ``. They are measured along the line from the
    camera to the head, where x and y are what the head covers of the picture and z is a change of
    size; a renderer's camera stands still, so a head beside its axis shows it another side: that is
    taken back.

    Args:
        pose: ``[T, 6]`` degrees and face widths, as measured.
        reference: ``[6]``.

    Returns:
        float32 ``[T, 6]`` for a renderer; zero where ``pose`` is ``reference``.
    """
    pose, reference = np.asarray(pose, np.float64), np.asarray(reference, np.float64)
    # Sizes relative to the reference: median size / size is z / distance + 1.
    near = reference[5] / CAMERA_DISTANCE + 1
    farther = (pose[:, 5:] / CAMERA_DISTANCE + 1) / near
    across = (pose[:, 3:5] - reference[3:5]) * near * farther
    place = np.concatenate([across, CAMERA_DISTANCE * (farther - 1)], axis=1)
    turned = rotation_matrix(pose[:, :3]) @ rotation_matrix(reference[:3]).T
    angles = euler_angles(_towards(place + np.array([0, 0, CAMERA_DISTANCE])) @ turned)
    return np.concatenate([angles, place], axis=1).astype(np.float32)


def _towards(places: np.ndarray) -> np.ndarray:
    """The smallest rotations ``[T, 3, 3]`` that carry the camera's axis onto places ``[T, 3]``."""
    from scipy.spatial.transform import Rotation

    away = places / np.linalg.norm(places, axis=1, keepdims=True)
    axis = np.stack([-away[:, 1], away[:, 0], np.zeros(len(away))], axis=1)  # z cross away
    sine = np.linalg.norm(axis, axis=1, keepdims=True)
    return Rotation.from_rotvec(axis * np.arcsin(sine) / np.maximum(sine, 1e-12)).as_matrix()
