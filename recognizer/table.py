"""Tables that people write: CSV files with known columns."""

from __future__ import annotations

import csv
import difflib
import io
import os
from collections.abc import Sequence
from pathlib import Path

_MAX_BYTES = 50_000_000


def read_table(
    path: str | os.PathLike, columns: Sequence[str], required: Sequence[str] = ()
) -> list[tuple[str, dict[str, str]]]:
    """The lines of a CSV: where each stands (for messages), and its cells that are not empty.

    Args:
        path: the file, UTF-8; empty lines are passed over.
        columns: the names that its header may have.
        required: those that it must have.

    Raises:
        FileNotFoundError: there is no such file.
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
    _check_header(path.name, header, columns, required)
    rows = []
    for number, cells in enumerate(lines[1:], start=2):
        where = f"{path.name}, line {number}"
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(header):
            raise ValueError(f"{where}: {len(cells)} cells under {len(header)} columns")
        named = zip(header, map(str.strip, cells), strict=False)
        rows.append((where, {column: cell for column, cell in named if cell}))
    return rows


def _check_header(
    name: str, header: list[str], columns: Sequence[str], required: Sequence[str]
) -> None:
    known = f"known are {', '.join(columns)}"
    for column in header:
        if column not in columns:
            near = difflib.get_close_matches(column, columns, 1)
            hint = f"did you mean {near[0]}?" if near else known
            raise ValueError(f"{name} has an unknown column {column!r}: {hint}")
        if header.count(column) > 1:
            raise ValueError(f"{name} has the column {column!r} twice")
    for column in required:
        if column not in header:
            raise ValueError(f"{name} has no column {column!r}: {known}")


def named_file(where: str, what: str, folder: Path, cell: str) -> Path:
    """The file that a cell names, relative to a folder.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: it is no path.
    """
    if "\0" in cell:
        raise ValueError(f"{where}: {what} is no path")
    file = folder / cell
    if not file.is_file():
        raise FileNotFoundError(f"{where}: no such {what}: {file}")
    return file


def number(where: str, what: str, text: str, low: float, high: float) -> float:
    """A number within its range.

    Raises:
        ValueError: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{where}: {what} {text!r} is not a number") from None
    if not low <= value <= high:
        raise ValueError(f"{where}: {what} must be {low:g}..{high:g}, got {text}")
    return value
