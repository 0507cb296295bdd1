"""Epic's Live Link Face CSV, which Unreal imports."""

from __future__ import annotations

import csv
import os

import numpy as np

from recognizer.facs import ARKIT_NAMES
from recognizer.files import whole
from recognizer.motion import MotionTrack

_POSE = (
    "HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll",
    "RightEyeYaw", "RightEyePitch", "RightEyeRoll",
)  # fmt: skip


def write_livelink(path: str | os.PathLike, track: MotionTrack) -> None:
    """Write a track as the Live Link Face app does.

    A row holds a timecode, 52 blendshapes, and the angles of head and eyes in radians. The format
    has no word for a frame without a face: such frames are interpolated.

    Raises:
        ValueError: no frame has a face.
    """
    track = track.filled()
    names = [name[0].upper() + name[1:] for name in ARKIT_NAMES]
    fps = max(1, round(track.fps))
    with whole(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["Timecode", "BlendshapeCount", *names, *_POSE])
        for i, (shapes, pose) in enumerate(
            zip(track.blendshapes.tolist(), np.deg2rad(track.pose[:, :3]).tolist(), strict=True)
        ):
            pitch, yaw, roll = pose
            values = [*shapes, yaw, pitch, roll, *_eyes(track, i)]
            writer.writerow([_timecode(i, fps), 61, *(f"{v:.10f}" for v in values)])


def _timecode(frame: int, fps: int) -> str:
    seconds, rest = divmod(frame, fps)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{rest:02d}.000"


def _eyes(track: MotionTrack, frame: int) -> list[float]:
    """Yaw, pitch and roll of both eyes in radians, from the eyeLook coefficients."""
    out = []
    for side, outward in (("Left", 1), ("Right", -1)):
        look = {d: float(track[f"eyeLook{d}{side}"][frame]) for d in ("Out", "In", "Up", "Down")}
        out += [
            np.deg2rad(30) * (look["Out"] - look["In"]) * outward,
            np.deg2rad(25) * (look["Up"] - look["Down"]),
            0.0,
        ]
    return out
