"""A table of clips: what belongs to each, and what was asked of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from recognizer.facs import EMOTIONS
from recognizer.table import named_file, number, read_table

COLUMNS = ("clip", "reference", "audio", "portrait", "emotion", "intensity", "timeline", "rest")
_PATHS = ("clip", "reference", "audio", "portrait", "timeline", "rest")


@dataclass(frozen=True)
class Row:
    """One line; ``None`` where a cell is empty or a column is missing."""

    clip: Path
    reference: Path | None = None
    audio: Path | None = None
    portrait: Path | None = None
    emotion: str | None = None
    intensity: float | None = None
    timeline: Path | None = None
    rest: Path | None = None


def read_manifest(path: str | os.PathLike) -> list[Row]:
    """Read a CSV whose columns are some of :data:`COLUMNS`, ``clip`` among them.

    Paths are relative to the folder of the manifest; empty lines are passed over.

    Raises:
        FileNotFoundError: the manifest or a file it names is not there.
        ValueError: it is no such table; the message names the line and what is wrong.
    """
    path = Path(path)
    rows, seen = [], set()
    for where, cells in read_table(path, COLUMNS, required=("clip",)):
        row = _row(where, path.parent, cells)
        if row.clip in seen:
            raise ValueError(f"{where}: {row.clip} is listed twice")
        seen.add(row.clip)
        rows.append(row)
    if not rows:
        raise ValueError(f"{path.name} lists no clip")
    return rows


def _row(where: str, folder: Path, cells: dict[str, str]) -> Row:
    if "clip" not in cells:
        raise ValueError(f"{where}: the clip is missing")
    found: dict = {
        column: named_file(where, column, folder, cells[column])
        for column in _PATHS
        if column in cells
    }
    emotion = cells.get("emotion")
    if emotion is not None and emotion not in EMOTIONS:
        raise ValueError(
            f"{where}: unknown emotion {emotion!r}: choose one of {', '.join(EMOTIONS)}"
        )
    if emotion is not None and "timeline" in found:
        raise ValueError(f"{where}: give an emotion or a timeline, not both")
    intensity = None
    if "intensity" in cells:
        if emotion is None:
            raise ValueError(f"{where}: an intensity needs an emotion")
        intensity = number(where, "intensity", cells["intensity"], 0, 1)
    return Row(emotion=emotion, intensity=intensity, **found)
