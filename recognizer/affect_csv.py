"""Affect as a table: the CSV of ``recognize``, and pandas.

One row a frame and face. Columns: ``frame`` (from 0), ``timestamp`` (seconds), ``face_id``,
``success`` (0 or 1), ``confidence`` (0..1), ``AU01_r`` … ``AU45_r`` (0-5), ``valence``,
``arousal`` (-1..1), the eight emotions (probabilities), ``pose_Rx``, ``pose_Ry``, ``pose_Rz``
(pitch, yaw, roll in radians with the signs of :class:`recognizer.motion.MotionTrack`),
``gaze_angle_x``, ``gaze_angle_y`` (radians to the image's right and down, in the head), the 52
blendshapes by their ARKit names (0..1). ``NaN`` stands where no face was found or nothing was
measured. Head translation and standard deviations have no column.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from recognizer.facs import ARKIT_NAMES, AU_NAMES, EMOTIONS
from recognizer.files import whole

if TYPE_CHECKING:
    import pandas

    from recognizer.affect import AffectTrack

AU_COLUMNS: tuple[str, ...] = tuple(f"{name}_r" for name in AU_NAMES)
POSE_COLUMNS: tuple[str, ...] = ("pose_Rx", "pose_Ry", "pose_Rz")
GAZE_COLUMNS: tuple[str, ...] = ("gaze_angle_x", "gaze_angle_y")
COLUMNS: tuple[str, ...] = (
    "frame", "timestamp", "face_id", "success", "confidence", *AU_COLUMNS, "valence", "arousal",
    *EMOTIONS, *POSE_COLUMNS, *GAZE_COLUMNS, *ARKIT_NAMES,
)  # fmt: skip


def write_csv(path: str | os.PathLike, tracks: Sequence[AffectTrack]) -> None:
    """Write the faces of one picture or video.

    Raises:
        ValueError: there is no track, or their lengths or rates differ.
    """
    table = _table(tracks)
    with whole(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for frame, time, face, success, confidence, *measured in zip(*table.values(), strict=True):
            values = ("NaN" if math.isnan(value) else f"{value:.5f}" for value in measured)
            writer.writerow([frame, f"{time:.4f}", face, success, f"{confidence:.4f}", *values])


def to_dataframe(tracks: Sequence[AffectTrack]) -> pandas.DataFrame:
    """The same table as a ``pandas.DataFrame``.

    Raises:
        ModuleNotFoundError: pandas is not installed.
        ValueError: there is no track, or their lengths or rates differ.
    """
    try:
        import pandas
    except ModuleNotFoundError as error:
        if error.name != "pandas":
            raise
        raise ModuleNotFoundError(
            "a DataFrame needs pandas (pip install pandas); write_csv does without it",
            name="pandas",
        ) from error
    return pandas.DataFrame(_table(tracks))


def _table(tracks: Sequence[AffectTrack]) -> dict[str, np.ndarray]:
    """Column name → values, the faces of a frame beneath each other."""
    if not tracks:
        raise ValueError("there is no face to write")
    if len({(len(track), track.fps) for track in tracks}) > 1:
        raise ValueError("the faces of one file must have the same length and frame rate")
    blocks = [_block(track) for track in tracks]
    measured = np.stack(blocks, axis=1).reshape(-1, blocks[0].shape[1])
    first = tracks[0]
    faces = len(tracks)
    return {
        "frame": np.repeat(np.arange(len(first)), faces),
        "timestamp": np.repeat(first.times, faces),
        "face_id": np.tile([track.face_id for track in tracks], len(first)),
        "success": np.stack([track.success for track in tracks], axis=1).ravel().astype(int),
        "confidence": np.stack([track.confidence for track in tracks], axis=1).ravel(),
        **dict(zip(COLUMNS[5:], measured.T, strict=True)),
    }


def _block(track: AffectTrack) -> np.ndarray:
    def unknown(width: int) -> np.ndarray:
        return np.full((len(track), width), np.nan)

    gaze = unknown(2) if track.gaze is None else np.deg2rad(track.gaze)
    pose, shapes = unknown(3), unknown(len(ARKIT_NAMES))
    if track.motion is not None:
        pose, shapes = np.deg2rad(track.motion.pose[:, :3]), track.motion.blendshapes
    parts = (track.aus, track.valence_arousal, track.emotion, pose, gaze, shapes)
    return np.concatenate(parts, axis=1)
