"""Coefficients that another tool read from the films: Deep3DFaceRecon's, EMOCA's, one's own.

A film ``anna.mp4`` has them beside it, as ``anna.npz`` or ``anna.npy``: ``[T, D]``, a row a frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from recognizer.evaluation.measures import ClipMeasures
from recognizer.metrics.frechet import load_coefficients

_ENDINGS = (".npz", ".npy")


@dataclass(frozen=True)
class Given:
    """What the coefficients are.

    Attributes:
        backend: who read them; figures are named after it.
        key: the array's name in the files; may be left out where each holds one alone.
    """

    backend: str
    key: str | None = None


def attach(given: Given | None, films: Mapping[Path, ClipMeasures]) -> None:
    """Give each film the coefficients that lie beside it; some films may have none.

    Args:
        given: what they are; None leaves the films as they are.
        films: file → measures.

    Raises:
        FileNotFoundError: no film has any.
        ValueError: a file cannot be read, or columns differ between files.
    """
    if given is None:
        return
    columns: dict[Path, int] = {}
    for film, measures in films.items():
        beside = [film.with_suffix(ending) for ending in _ENDINGS]
        path = next((path for path in beside if path.is_file()), None)
        if path is not None:
            measures.coefficients = load_coefficients(path, given.key)
            columns[path] = measures.coefficients.shape[1]
    if not columns:
        film = next(iter(films))
        raise FileNotFoundError(f"no film has coefficients beside it, such as {film.stem}.npz")
    first, wide = next(iter(columns.items()))
    for path, other in columns.items():
        if other != wide:
            raise ValueError(f"{path} has {other} coefficients a frame where {first} has {wide}")
