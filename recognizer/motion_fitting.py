"""Landmarks of one person → ARKit motion: the person's shape once, then frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recognizer.facs import ARKIT_INDEX
from recognizer.fitting import CAMERA_DISTANCE, FaceFitter
from recognizer.motion import MotionTrack, euler_angles

_IDENTITY_FRAMES = 120
#: A fit this far off (mean distance in face widths) is worth a confidence of 1/e.
_RESIDUAL_SCALE = 0.03

Fields = Callable[[np.ndarray], np.ndarray]


@dataclass
class FittedMotion:
    """What :func:`fit_motion` found: the motion, each frame's confidence, and the person."""

    motion: MotionTrack
    confidence: np.ndarray
    fitter: FaceFitter


def fit_motion(
    points: np.ndarray,
    scores: np.ndarray,
    fps: float,
    fitter: FaceFitter | None = None,
    fields: Fields | None = None,
) -> FittedMotion:
    """Landmarks of one person → motion.

    Args:
        points: ``[T, 478, 3]`` in pixels, no NaN.
        scores: ``[T, 52]`` MediaPipe's scores.
        fps: frames a second.
        fitter: a person already solved; otherwise solved from frames spread over the track.
        fields: a renderer that moves a face otherwise than the face model does says how: neutral
            points ``[478, 3]`` → displacements ``[52, 478, 3]``, in face widths.
    """
    if fitter is None:
        chosen = np.unique(np.linspace(0, len(points) - 1, _IDENTITY_FRAMES).astype(int))
        fitter = FaceFitter().fit_identity(points[chosen], scores[chosen])
    if fields is not None:
        fitter.move_by(fields(fitter.shape))
    fits = [fitter.fit_frame(p, s) for p, s in zip(points, scores, strict=True)]
    poses = [pose for pose, _ in fits]
    coefficients = np.array([c for _, c in fits])
    scale = np.array([pose.scale for pose in poses])
    shift = np.array([pose.shift for pose in poses])
    angles = euler_angles(np.array([pose.rotation for pose in poses]))
    middle = np.median(scale)
    # The depth of the origin shows as a change of scale.
    place = (shift - shift.mean(0)) / middle
    place[:, 2] = CAMERA_DISTANCE * (middle / scale - 1)
    residual = np.array(
        [
            np.linalg.norm((pose.unproject(p) - fitter.face(c))[:468, :2], axis=1).mean()
            for p, (pose, c) in zip(points, fits, strict=True)
        ]
    )
    return FittedMotion(
        MotionTrack(coefficients, np.concatenate([angles, place], axis=1), fps),
        np.exp(-residual / _RESIDUAL_SCALE).astype(np.float32),
        fitter,
    )


def gaze_angles(motion: MotionTrack) -> np.ndarray:
    """Eye direction in the head ``[T, 2]``: degrees to the image's right and down, both eyes' mean.

    ARKit's eyeLook coefficients reach 1 at about 30 degrees to the sides and 25 up or down.
    """
    c = {name: motion.blendshapes[:, i] for name, i in ARKIT_INDEX.items() if "eyeLook" in name}
    right = (
        c["eyeLookOutLeft"] - c["eyeLookInLeft"] + c["eyeLookInRight"] - c["eyeLookOutRight"]
    ) / 2
    down = (
        c["eyeLookDownLeft"] + c["eyeLookDownRight"] - c["eyeLookUpLeft"] - c["eyeLookUpRight"]
    ) / 2
    return np.stack([30 * right, 25 * down], axis=1).astype(np.float32)
