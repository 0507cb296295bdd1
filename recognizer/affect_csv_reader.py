"""Affect from a table: the CSV of :mod:`recognizer.affect_csv`, and OpenFace's.

OpenFace 2 (T. Baltrušaitis et al., FG 2018) writes blanks into its header, counts frames from 1,
writes zeros where it found no face, leaves out rows when it follows several faces, and turns heads
by ``Rx @ Ry @ Rz`` about the camera's axes, so that its pitch and yaw have the opposite sign:
:func:`read_csv` makes all of that this project's own.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from recognizer.affect import AffectTrack
from recognizer.affect_csv import AU_COLUMNS, COLUMNS, GAZE_COLUMNS, POSE_COLUMNS
from recognizer.facs import ARKIT_NAMES, AU_NAMES, EMOTIONS
from recognizer.motion import MotionTrack, euler_angles

_PRESENCE_COLUMNS = tuple(f"{name}_c" for name in AU_NAMES)
_MEASURED = (*COLUMNS[5:], *_PRESENCE_COLUMNS)
#: The most rows of a file, and the most frames times faces it may stand for.
_MAX_ROWS = 2_000_000
_LARGEST = 1e9


def read_csv(path: str | os.PathLike) -> list[AffectTrack]:
    """Read what :func:`recognizer.affect_csv.write_csv` wrote, or a CSV of OpenFace, face by face.

    Missing columns are NaN, except ``success`` (then: whether anything was measured),
    ``confidence`` (1), ``face_id`` (0), ``frame`` (the row) and ``timestamp`` (25 a second).
    A track has a motion if the file knows its pose or blendshapes; its head's place is then 0.

    Returns:
        Tracks of one length, sorted by ``face_id``.

    Raises:
        ValueError: the file is no such table; the message says what is wrong with it.
        FileNotFoundError: there is no such file.
    """
    path = Path(path)
    cells, decimals = _read_cells(path)
    rows = len(next(iter(cells.values())))
    face = _whole(cells.get("face_id", cells.get("face", np.zeros(rows))), "face_id", path)
    frame = _whole(cells["frame"], "frame", path) if "frame" in cells else _rank(face)
    first, fps = _clock(frame, cells.get("timestamp"), decimals, path)
    frame = frame - first
    faces = np.unique(face)
    frames = int(frame.max()) + 1
    if frames * len(faces) > _MAX_ROWS:
        raise ValueError(f"{path.name} stands for more than {_MAX_ROWS} frames")
    tracks = []
    for one in faces:
        mine = face == one
        if len(np.unique(frame[mine])) != mine.sum():
            raise ValueError(f"{path.name} has two rows for a frame of face {one}")
        own = {name: values[mine] for name, values in cells.items()}
        try:
            tracks.append(_track(own, frame[mine], frames, fps, int(one)))
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from error
    return tracks


def _track(
    cells: dict[str, np.ndarray], rows: np.ndarray, frames: int, fps: float, face_id: int
) -> AffectTrack:
    def columns(names: Sequence[str]) -> np.ndarray | None:
        """``[frames, len(names)]``, or None if the file has none of them."""
        if not any(name in cells for name in names):
            return None
        out = np.full((frames, len(names)), np.nan)
        for i, name in enumerate(names):
            if name in cells:
                out[rows, i] = cells[name]
        return out

    def known(names: Sequence[str]) -> np.ndarray:
        found = columns(names)
        return np.full((frames, len(names)), np.nan) if found is None else found

    success = columns(["success"])
    if success is None:
        success = np.isfinite(known([name for name in _MEASURED if name in cells])).any(axis=1)
    elif np.isin(success[rows], (0, 1)).all():
        success = success[:, 0] == 1
    else:
        raise ValueError("success must be 0 or 1")
    confidence = columns(["confidence"])
    confidence = np.ones(frames) if confidence is None else np.nan_to_num(confidence[:, 0], nan=1.0)
    gaze = columns(GAZE_COLUMNS)
    return AffectTrack(
        aus=known(AU_COLUMNS),
        valence_arousal=known(("valence", "arousal")),
        emotion=known(EMOTIONS),
        success=success,
        confidence=confidence,
        fps=fps,
        face_id=face_id,
        motion=_motion(columns(POSE_COLUMNS), columns(ARKIT_NAMES), success, fps),
        gaze=None if gaze is None else np.rad2deg(gaze),
        presence=columns(_PRESENCE_COLUMNS),
    )


def _motion(
    pose: np.ndarray | None, shapes: np.ndarray | None, success: np.ndarray, fps: float
) -> MotionTrack | None:
    if pose is not None and shapes is None:
        pose = _from_openface(pose)
    if not any(part is not None and np.isfinite(part[success]).any() for part in (pose, shapes)):
        return None
    unknown = np.full((len(success), len(ARKIT_NAMES)), np.nan)
    angles = unknown[:, :3] if pose is None else np.rad2deg(pose)
    shapes = unknown if shapes is None else shapes
    if np.nanmin(shapes, initial=0) < -0.001 or np.nanmax(shapes, initial=0) > 1.001:
        raise ValueError("blendshapes must be 0..1")
    vectors = np.concatenate([shapes, angles, np.zeros((len(success), 3))], axis=1)
    vectors[~success] = np.nan
    return MotionTrack.from_vectors(vectors, fps)


def _from_openface(angles: np.ndarray) -> np.ndarray:
    """OpenFace's ``Rx @ Ry @ Rz`` ``[T, 3]`` as this project's pitch, yaw and roll, in radians."""
    (sx, sy, sz), (cx, cy, cz) = np.sin(angles).T, np.cos(angles).T
    rotation = np.full((len(angles), 3, 3), np.nan)
    # What euler_angles looks at: the first column and the last row.
    rotation[:, 0, 0], rotation[:, 1, 0] = cy * cz, cx * sz + cz * sx * sy
    rotation[:, 2] = np.stack([sx * sz - cx * cz * sy, cz * sx + cx * sy * sz, cx * cy], axis=1)
    return np.deg2rad(euler_angles(rotation))


def _read_cells(path: Path) -> tuple[dict[str, np.ndarray], int]:
    """Column name → numbers of those columns that mean something; decimals of the timestamps."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(_limited(file, path))
            lines = [(reader.line_num, row) for row in reader if any(map(str.strip, row))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path.name} is not a CSV text file") from error
    header = [name.strip() for name in lines[0][1]] if lines else []
    known = {"frame", "timestamp", "face_id", "face", "success", "confidence", *_MEASURED}
    places = [(i, name) for i, name in enumerate(header) if name in known]
    names = [name for _, name in places]
    if not set(names) & set(_MEASURED):
        raise ValueError(f"{path.name} names no action unit, emotion, pose or blendshape")
    if len(set(names)) != len(names):
        raise ValueError(f"{path.name} names a column twice")
    if len(lines) < 2:
        raise ValueError(f"{path.name} has no rows below its header")
    table = np.empty((len(lines) - 1, len(places)))
    decimals = 0
    for row, (number, line) in zip(table, lines[1:], strict=True):
        if len(line) != len(header):
            raise ValueError(f"{path.name}, line {number}: {len(line)} cells, not {len(header)}")
        try:
            row[:] = [float(line[i]) if line[i].strip() else math.nan for i, _ in places]
        except ValueError as error:
            raise ValueError(f"{path.name}, line {number}: {error}") from error
        if (np.abs(row) > _LARGEST).any():
            raise ValueError(f"{path.name}, line {number}: a number beyond {_LARGEST:g}")
        if "timestamp" in names:
            printed = line[header.index("timestamp")].strip().partition(".")[2]
            decimals = max(decimals, len(printed))
    return dict(zip(names, table.T, strict=True)), decimals


def _limited(file, path: Path) -> Iterator[str]:
    for number, line in enumerate(file):
        if number > _MAX_ROWS:
            raise ValueError(f"{path.name} has more than {_MAX_ROWS} rows")
        yield line


def _whole(values: np.ndarray, name: str, path: Path) -> np.ndarray:
    if not ((values >= 0) & (values < 2**31) & (values == np.floor(values))).all():
        raise ValueError(f"{path.name}: {name} must be whole numbers from 0")
    return values.astype(np.int64)


def _rank(face: np.ndarray) -> np.ndarray:
    """Position of each row among those of its face."""
    out = np.zeros(len(face), np.int64)
    for one in np.unique(face):
        out[face == one] = np.arange((face == one).sum())
    return out


def _clock(
    frame: np.ndarray, time: np.ndarray | None, decimals: int, path: Path
) -> tuple[int, float]:
    """Number of the frame at 0 seconds, and the frame rate."""
    first = int(frame.min())
    if time is None:
        return first, 25.0
    order = np.lexsort((time, frame))
    frame, time = frame[order], time[order]
    steps, rises = np.diff(frame), np.diff(time)
    if not np.isfinite(time).all() or (rises[steps > 0] <= 0).any():
        raise ValueError(f"{path.name}: timestamp must rise from frame to frame")
    span, seconds = int(frame[-1] - frame[0]), float(time[-1] - time[0])
    if span == 0:
        return first, 25.0
    with np.errstate(over="ignore"):
        fps = span / seconds
    if not math.isfinite(fps):
        raise ValueError(f"{path.name}: timestamp rises by too little for a frame rate")
    fps = _usual(fps, error=10.0**-decimals * fps / seconds)
    zero = frame[0] - time[0] * fps
    return (min(first, max(0, round(zero))) if math.isfinite(zero) else first), fps


def _usual(fps: float, error: float) -> float:
    """The usual rate that printed times stand for, if there is one within their error."""
    slack = min(error, 0.02 * fps) + 1e-9 * fps
    for rate in (float(round(fps)), round(fps) * 1000 / 1001):
        if rate > 0 and abs(rate - fps) <= slack:
            return rate
    return fps
