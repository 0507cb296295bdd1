"""Checks of paths and numbers, made before any work is."""

from __future__ import annotations

import os
from pathlib import Path

from recognizer.image_file import is_image


def readable(path: Path, what: str) -> Path:
    """An existing, non-empty file.

    Raises:
        ValueError: it is a folder or empty.
        FileNotFoundError: it is not there.
    """
    if path.is_dir():
        raise ValueError(f"the {what} {path} is a folder")
    if not path.is_file():
        raise FileNotFoundError(f"no such {what}: {path}")
    if path.stat().st_size == 0:
        raise ValueError(f"the {what} {path} is empty")
    return path


def folder_of(what: str, *paths: Path) -> None:
    """Raise ``ValueError`` unless each path is a folder."""
    for path in paths:
        if not path.is_dir():
            raise ValueError(f"{path} is not a folder of {what}")


def writable(path: Path, *endings: str) -> Path:
    """A path that a file can be written to.

    Raises:
        ValueError: a wrong ending, or a folder that is missing or closed.
    """
    if endings and path.suffix.lower() not in endings:
        raise ValueError(f"{path.name!r} must end in {' or '.join(endings)}")
    if path.is_dir():
        raise ValueError(f"cannot write {path}: it is a folder")
    folder = path.parent
    if not folder.is_dir():
        raise ValueError(f"cannot write {path}: there is no folder {folder}")
    if not os.access(folder, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise ValueError(f"cannot write {path}: permission denied")
    return path


def picture(path: Path) -> Path:
    """A readable picture file.

    Raises:
        ValueError: it is something else.
    """
    readable(path, "portrait")
    if not is_image(path):
        raise ValueError(f"the portrait {path} is not a picture")
    return path


def motion_file(path: Path) -> Path:
    """A readable file with the ending of a motion file.

    Raises:
        ValueError: it has another ending.
    """
    readable(path, "motion file")
    if path.suffix.lower() not in (".csv", ".npz"):
        raise ValueError(
            f"{path.name} is no motion file (.csv, .npz); of a film, facewright animate "
            "--motion-out writes one"
        )
    return path


def in_range(value: float, low: float, high: float, what: str) -> None:
    """Raise ``ValueError`` unless ``low <= value <= high``."""
    if not low <= value <= high:
        raise ValueError(f"{what} must be {low:g} to {high:g}, got {value:g}")
