"""An evaluation as one HTML file that needs nothing else: no network, no script, no fonts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from recognizer.evaluation.measures import write_whole
from recognizer.report.page import render

if TYPE_CHECKING:
    from recognizer.evaluate import Evaluation

__all__ = ["render", "write_report"]


def write_report(
    evaluation: Evaluation, path: str | os.PathLike, title: str = "Facewright evaluation"
) -> None:
    """Write the report; the file is whole or not there.

    Args:
        evaluation: what was found; its clips must still be where they were.
        path: ends in ``.html``.
        title: of the page.

    Raises:
        ValueError: another ending.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"a report is saved as .html, not {path.name!r}")
    write_whole(path, render(evaluation, title).encode("utf-8"))
