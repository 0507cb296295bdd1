"""A table of clips: what belongs to each, and what was asked of it."""

from __future__ import annotations

import csv
import difflib
import io
import os
from dataclasses import dataclass
from pathlib import Path

from recognizer.facs import EMOTIONS

COLUMNS = ("clip", "reference", "audio", "portrait", "emotion", "intensity", "timeline", "rest")
_PATHS = ("clip", "reference", "audio", "portrait", "timeline", "rest")
_MAX_BYTES = 50_000_000


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
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"{path.name} is too large for a manifest")
    try:
        text = path.read_text(encoding="utf-8-sig")
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path.name} is not a CSV file: {error}") from error
    header = [name.strip() for name in lines[0]] if lines else []
    _check_header(path.name, header)
    rows, seen = [], set()
    for number, cells in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        where = f"{path.name}, line {number}"
        if len(cells) > len(header):
            raise ValueError(f"{where}: {len(cells)} cells under {len(header)} columns")
        row = _row(where, path.parent, dict(zip(header, map(str.strip, cells), strict=False)))
        if row.clip in seen:
            raise ValueError(f"{where}: {row.clip} is listed twice")
        seen.add(row.clip)
        rows.append(row)
    if not rows:
        raise ValueError(f"{path.name} lists no clip")
    return rows


def _check_header(name: str, header: list[str]) -> None:
    for column in header:
        if column not in COLUMNS:
            near = difflib.get_close_matches(column, COLUMNS, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(COLUMNS)}"
            raise ValueError(f"{name} has an unknown column {column!r}: {hint}")
        if header.count(column) > 1:
            raise ValueError(f"{name} has the column {column!r} twice")
    if "clip" not in header:
        raise ValueError(f"{name} has no column 'clip': known are {', '.join(COLUMNS)}")


def _row(where: str, folder: Path, cells: dict[str, str]) -> Row:
    cells = {column: cell for column, cell in cells.items() if cell}
    if "clip" not in cells:
        raise ValueError(f"{where}: the clip is missing")
    found: dict = {}
    for column in _PATHS:
        if column in cells:
            if "\0" in cells[column]:
                raise ValueError(f"{where}: {column} is no path")
            file = folder / cells[column]
            if not file.is_file():
                raise FileNotFoundError(f"{where}: no such {column}: {file}")
            found[column] = file
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
        intensity = _intensity(where, cells["intensity"])
    return Row(emotion=emotion, intensity=intensity, **found)


def _intensity(where: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{where}: intensity {text!r} is not a number") from None
    if not 0 <= value <= 1:
        raise ValueError(f"{where}: intensity must be 0..1, got {text}")
    return value
