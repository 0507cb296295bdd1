"""Facial motion: 52 ARKit coefficients and a head pose per frame, with its two file formats."""

from __future__ import annotations

import csv
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recognizer.facs import ARKIT_INDEX, ARKIT_NAMES, POSE_NAMES
from recognizer.files import arrays_of, whole
from recognizer.livelink import is_livelink, parse_livelink

_COLUMNS = ("time", *ARKIT_NAMES, *POSE_NAMES)
_MAX_ROWS = 2_000_000


@dataclass
class MotionTrack:
    """What a face does over time.

    Attributes:
        blendshapes: float32 ``[T, 52]`` in the order of :data:`recognizer.facs.ARKIT_NAMES`, 0..1.
            Rows of NaN stand for frames without a face.
        pose: float32 ``[T, 6]``: pitch, yaw, roll in degrees (nose up, towards the subject's left,
            towards the subject's left shoulder; see :func:`rotation_matrix`), then x (image
            right), y (image down) and z (away from the camera) in face widths. Zero is the pose of
            the portrait for motion that drives one, and a frontal face for a measured track.
        fps: frames a second, above 0.

    Raises:
        ValueError: shapes disagree or ``fps`` is not positive.

    >>> track = MotionTrack.zeros(50, fps=25)
    >>> track["jawOpen"][10] = 0.6
    >>> print(track.duration, track.resampled(50)["jawOpen"][19:22])
    2.0 [0.3 0.6 0.3]
    """

    blendshapes: np.ndarray
    pose: np.ndarray
    fps: float = 25.0

    def __post_init__(self) -> None:
        self.blendshapes = np.asarray(self.blendshapes, dtype=np.float32)
        self.pose = np.asarray(self.pose, dtype=np.float32)
        if self.blendshapes.ndim != 2 or self.blendshapes.shape[1] != len(ARKIT_NAMES):
            raise ValueError(f"blendshapes must be [T, 52], got {list(self.blendshapes.shape)}")
        if self.pose.shape != (len(self.blendshapes), 6):
            raise ValueError(
                f"pose must be [{len(self.blendshapes)}, 6], got {list(self.pose.shape)}"
            )
        if not (self.fps > 0 and math.isfinite(self.fps)):
            raise ValueError(f"fps must be positive, got {self.fps}")

    def __len__(self) -> int:
        return len(self.blendshapes)

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self) / self.fps

    @property
    def valid(self) -> np.ndarray:
        """bool ``[T]``: frames in which a face was measured."""
        return np.isfinite(self.to_vectors()).all(axis=1)

    def __getitem__(self, name: str) -> np.ndarray:
        """One curve ``[T]`` by its ARKit or pose name."""
        if name in ARKIT_INDEX:
            return self.blendshapes[:, ARKIT_INDEX[name]]
        return self.pose[:, POSE_NAMES.index(name)]

    @classmethod
    def zeros(cls, frames: int, fps: float = 25.0) -> MotionTrack:
        """A motionless neutral face."""
        return cls(np.zeros((frames, 52), np.float32), np.zeros((frames, 6), np.float32), fps)

    @classmethod
    def from_vectors(cls, vectors: np.ndarray, fps: float = 25.0) -> MotionTrack:
        """The inverse of :meth:`to_vectors`."""
        vectors = np.asarray(vectors)
        return cls(vectors[:, :52], vectors[:, 52:], fps)

    def to_vectors(self) -> np.ndarray:
        """float32 ``[T, 58]``: blendshapes, then pose."""
        return np.concatenate([self.blendshapes, self.pose], axis=1)

    def filled(self) -> MotionTrack:
        """Frames without a face interpolated from their neighbours.

        Raises:
            ValueError: no frame has a face.
        """
        good = np.flatnonzero(self.valid)
        if len(good) == 0:
            raise ValueError("no frame of this motion has a face")
        return self._interpolated(np.arange(len(self)), good, self.fps)

    def resampled(self, fps: float) -> MotionTrack:
        """The same motion at another frame rate (linear interpolation)."""
        if fps == self.fps:
            return self
        frames = max(1, round(self.duration * fps))
        at = np.arange(frames) * (self.fps / fps)
        return self._interpolated(at, np.arange(len(self)), fps)

    def _interpolated(self, at: np.ndarray, known: np.ndarray, fps: float) -> MotionTrack:
        vectors = self.to_vectors()[known]
        out = np.stack([np.interp(at, known, column) for column in vectors.T], axis=1)
        return MotionTrack.from_vectors(out, fps)

    def save(self, path: str | os.PathLike) -> None:
        """Write ``.csv`` (time, ARKit names, head pose) or ``.npz``, by the file's ending.

        Raises:
            ValueError: another ending.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix == ".npz":
            with whole(path) as part, open(part, "wb") as file:
                np.savez_compressed(
                    file, blendshapes=self.blendshapes, pose=self.pose, fps=np.float64(self.fps)
                )
        elif suffix == ".csv":
            with whole(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(_COLUMNS)
                for i, row in enumerate(self.to_vectors()):
                    values = ("" if math.isnan(v) else f"{v:.6g}" for v in row.tolist())
                    writer.writerow([f"{i / self.fps:.6f}", *values])
        else:
            raise ValueError(f"motion is saved as .csv or .npz, not {path.suffix or path.name!r}")

    @classmethod
    def load(cls, path: str | os.PathLike) -> MotionTrack:
        """Read what :meth:`save` wrote, a CSV of the same columns made by hand, or one that Epic's
        Live Link Face recorded.

        A missing column is 0; an empty cell is a frame without a face.

        Raises:
            ValueError: the file is no motion file; the message says what is wrong with it.
            FileNotFoundError: there is no such file.

        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "nod.csv"
        ...     _ = path.write_text("time,headPitch\\n0,0\\n0.04,-3\\n")
        ...     nod = MotionTrack.load(path)
        >>> nod.fps, nod["headPitch"].tolist(), float(nod.blendshapes.max())
        (25.0, [0.0, -3.0], 0.0)
        """
        path = Path(path)
        if path.suffix.lower() == ".npz":
            return cls._load_npz(path)
        return cls._load_csv(path)

    @classmethod
    def _load_npz(cls, path: Path) -> MotionTrack:
        with arrays_of(path, "is not a motion file") as arrays:
            track = cls(arrays["blendshapes"], arrays["pose"], float(arrays["fps"]))
        if len(track) == 0:
            raise ValueError(f"{path.name} has no frames")
        _check_values(track.to_vectors(), path)
        return track

    @classmethod
    def _load_csv(cls, path: Path) -> MotionTrack:
        try:
            with open(path, newline="", encoding="utf-8-sig") as file:
                reader = csv.reader(_limited(file, path))
                rows = [(reader.line_num, row) for row in reader]
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{path.name} is not a CSV text file") from error
        header, body = rows[0][1] if rows else [], [row for row in rows[1:] if row[1]]
        if not (is_livelink(header) or "time" in header):
            raise ValueError(f"{path.name} has no header with a 'time' column")
        if not body:
            raise ValueError(f"{path.name} has no rows below its header")
        parse = parse_livelink if is_livelink(header) else _parse_table
        vectors, fps = parse(header, body, path)
        _check_values(vectors, path)
        return cls.from_vectors(vectors, fps)


def _parse_table(
    header: list[str], rows: list[tuple[int, list[str]]], path: Path
) -> tuple[np.ndarray, float]:
    """This project's own columns → motion vectors ``[T, 58]``, and the frame rate."""
    if not any(name in header for name in (*ARKIT_NAMES, *POSE_NAMES)):
        raise ValueError(f"{path.name} names no ARKit blendshape and no head pose")
    table = np.empty((len(rows), len(header)))
    for i, (number, row) in enumerate(rows):
        if len(row) != len(header):
            raise ValueError(f"{path.name}, line {number}: {len(row)} cells, not {len(header)}")
        try:
            table[i] = [float(cell) if cell.strip() else math.nan for cell in row]
        except ValueError as error:
            raise ValueError(f"{path.name}, line {number}: {error}") from error
    columns = {name: table[:, i] for i, name in enumerate(header)}
    vectors = np.stack([columns.get(name, np.zeros(len(rows))) for name in _COLUMNS[1:]], axis=1)
    return vectors, _frame_rate(columns["time"], path)


def _limited(file, path: Path):
    for number, line in enumerate(file):
        if number > _MAX_ROWS:
            raise ValueError(f"{path.name} has more than {_MAX_ROWS} rows")
        yield line


def _check_values(vectors: np.ndarray, path: Path) -> None:
    # What float32 cannot hold is infinite too.
    if (np.abs(vectors) > np.finfo(np.float32).max).any():
        raise ValueError(f"{path.name} holds an infinite value")
    low, high = np.nanmin(vectors[:, :52], initial=0), np.nanmax(vectors[:, :52], initial=0)
    if low < -0.001 or high > 1.001:
        raise ValueError(f"{path.name}: blendshapes must be 0..1, found {low:.3g}..{high:.3g}")


def _frame_rate(time: np.ndarray, path: Path) -> float:
    if len(time) == 1:
        return 25.0
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        steps = np.diff(time)
        fps = float(1.0 / np.median(steps))
    if not np.isfinite(steps).all() or (steps <= 0).any():
        raise ValueError(f"{path.name}: 'time' must rise from row to row")
    if not math.isfinite(fps):
        raise ValueError(f"{path.name}: 'time' rises by too little for a frame rate")
    # Times are printed with six decimals: 25.0003 was 25.
    return float(round(fps)) if fps > 0.5 and abs(fps - round(fps)) < 0.01 else fps


def rotation_matrix(angles: np.ndarray) -> np.ndarray:
    """Head rotations from pitch, yaw, roll in degrees.

    The frame is the camera's: x to the image's right, y down, z away from the camera. Positive
    pitch lifts the nose, positive yaw turns the nose towards the image's right (the subject's
    left), positive roll tilts the head clockwise as seen in the image. Applied as
    ``R = R_roll @ R_yaw @ R_pitch``.

    Args:
        angles: ``[..., 3]``.

    Returns:
        ``[..., 3, 3]``, to be applied to column vectors.

    >>> nose = rotation_matrix([0, 90, 0]) @ [0, 0, -1]
    >>> (nose.round() + 0).tolist()  # a yaw of 90 degrees turns it to the image's right
    [1.0, 0.0, 0.0]
    """
    pitch, yaw, roll = np.moveaxis(np.deg2rad(np.asarray(angles, dtype=np.float64)), -1, 0)
    one, zero = np.ones_like(pitch), np.zeros_like(pitch)

    def stack(rows):
        return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)

    cp, sp, cy, sy, cr, sr = (f(a) for a in (pitch, yaw, roll) for f in (np.cos, np.sin))
    # The nose points to -z: it rises (y falls) with pitch and goes to +x with yaw.
    about_x = stack([[one, zero, zero], [zero, cp, sp], [zero, -sp, cp]])
    about_y = stack([[cy, zero, -sy], [zero, one, zero], [sy, zero, cy]])
    about_z = stack([[cr, -sr, zero], [sr, cr, zero], [zero, zero, one]])
    return about_z @ about_y @ about_x


def euler_angles(rotation: np.ndarray) -> np.ndarray:
    """Pitch, yaw, roll in degrees ``[..., 3]``: the inverse of :func:`rotation_matrix`.

    >>> euler_angles(rotation_matrix([10, -20, 5])).round(6).tolist()
    [10.0, -20.0, 5.0]
    """
    rotation = np.asarray(rotation)
    # R = Rz Ry Rx: row 2 is (sin y, -cos y sin p, cos y cos p); column 0 is cos y (cos r, sin r).
    yaw = np.arcsin(np.clip(rotation[..., 2, 0], -1, 1))
    pitch = np.arctan2(-rotation[..., 2, 1], rotation[..., 2, 2])
    roll = np.arctan2(rotation[..., 1, 0], rotation[..., 0, 0])
    return np.rad2deg(np.stack([pitch, yaw, roll], axis=-1))
