"""CSV files that Epic's Live Link Face app records → motion."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from recognizer.facs import ARKIT_NAMES

#: The app's frame rate where a file is too short to tell.
_USUAL_FPS = 60
_TIMECODE = re.compile(r"(\d{1,4}):(\d{1,4}):(\d{1,4})[:;](\d{1,4}(?:\.\d{1,9})?)")


def is_livelink(header: list[str]) -> bool:
    """Whether a CSV file with this header was written by the app."""
    return {"timecode", "blendshapecount"} <= {name.lower() for name in header}


def parse_livelink(
    header: list[str], rows: list[tuple[int, list[str]]], path: Path
) -> tuple[np.ndarray, float]:
    """Table → motion vectors ``[T, 58]``, and the app's frame rate.

    Frames that the app dropped are interpolated. Angles are in radians there, degrees here; the
    head's place is not recorded.

    Args:
        header: column names.
        rows: line numbers and cells of the lines below the header.
        path: named in errors.

    Raises:
        ValueError: a cell or a timecode cannot be read; the message names the line.
    """
    columns = {name.lower(): i for i, name in enumerate(header)}
    shapes = [columns.get(name.lower()) for name in ARKIT_NAMES]
    angles = [columns.get(f"head{name}") for name in ("pitch", "yaw", "roll")]
    code = columns["timecode"]
    vectors, clock = np.zeros((len(rows), 58)), np.zeros((len(rows), 2))
    for i, (number, row) in enumerate(rows):
        if len(row) != len(header):
            raise ValueError(f"{path.name}, line {number}: {len(row)} cells, not {len(header)}")
        found = _TIMECODE.fullmatch(row[code].strip())
        if found is None:
            raise ValueError(f"{path.name}, line {number}: {row[code]!r} is no timecode")
        hours, minutes, seconds = map(int, found.groups()[:3])
        clock[i] = hours * 3600 + minutes * 60 + seconds, float(found[4])
        for target, column in enumerate((*shapes, *angles)):
            if column is not None and row[column].strip():
                try:
                    vectors[i, target] = float(row[column])
                except ValueError as error:
                    raise ValueError(f"{path.name}, line {number}: {error}") from error
    vectors[:, 52:55] = np.rad2deg(vectors[:, 52:55])
    return _steady(vectors, clock, path)


def _steady(vectors: np.ndarray, clock: np.ndarray, path: Path) -> tuple[np.ndarray, float]:
    """Rows at their timecodes → rows at the frame rate that the timecodes count in, and it."""
    # Frames count up to the rate, which shows where a second ends.
    ends = np.flatnonzero(np.diff(clock[:, 0]) > 0)
    fps = int(clock[ends, 1].max()) + 1 if len(ends) else _USUAL_FPS
    fps = max(fps, int(clock[:, 1].max()) + 1)
    times = clock[:, 0] * fps + clock[:, 1]
    times = times - times[0]
    if (np.diff(times) <= 0).any():
        raise ValueError(f"{path.name}: timecodes must rise from row to row")
    if times[-1] > 10 * len(times) + fps:
        raise ValueError(f"{path.name}: timecodes leave more than nine frames of ten out")
    at = np.arange(round(times[-1]) + 1)
    return np.stack([np.interp(at, times, column) for column in vectors.T], axis=1), float(fps)
