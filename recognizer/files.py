"""Files that are there to be read, and files that are whole or not there: a full disk or Ctrl-C
leaves no half of one."""

from __future__ import annotations

import io
import os
import secrets
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np


@contextmanager
def whole(path: str | os.PathLike) -> Iterator[Path]:
    """The path of a new file beside ``path``, which takes its place when the block is left.

    An exception inside removes it, and what ``path`` was stays.
    """
    path = Path(path)
    part = path.with_name(f".{path.stem[:64]}.{secrets.token_hex(4)}{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        if error.filename is None:  # a full disk does not say which file it is about
            error.filename = str(path)
        raise
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: str | os.PathLike, content: bytes | str) -> None:
    """Write bytes, or text as UTF-8."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    with whole(path) as part:
        part.write_bytes(data)


def existing(path: str | os.PathLike) -> Path:
    """The path of a file that holds something.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is a folder, or empty.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    if not path.is_file():
        raise ValueError(f"{path} is not a file")
    if path.stat().st_size == 0:
        raise ValueError(f"{path.name} is empty")
    return path


@contextmanager
def arrays_of(path: str | os.PathLike, complaint: str) -> Iterator[Mapping[str, np.ndarray]]:
    """The arrays of an ``.npz`` file by their names.

    Args:
        path: the file.
        complaint: what is said of a file that is another one, such as ``"is not a motion file"``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such archive, it is damaged, or what is made of it within the block
            fails: the file's name, the complaint and the reason.
    """
    path = Path(path)
    # Read whole: what is raised below is then about the content, and a damaged archive makes
    # zipfile, zlib and numpy's header parser raise all sorts of errors.
    data = io.BytesIO(path.read_bytes())
    try:
        if not zipfile.is_zipfile(data):
            raise ValueError("it is no npz file")
        data.seek(0)
        with np.load(data, allow_pickle=False) as archive:
            yield archive
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path.name} {complaint}: {reason}") from error
