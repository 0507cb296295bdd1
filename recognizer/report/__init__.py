"""An evaluation as one HTML file that needs nothing else: no network, no script, no fonts."""

from __future__ import annotations

import os
from pathlib import Path

from recognizer.evaluation.results import Evaluation, SystemsEvaluation
from recognizer.files import write_whole
from recognizer.report.page import render
from recognizer.report.side_by_side import render_systems

__all__ = ["render", "render_systems", "write_report"]


def write_report(
    evaluation: Evaluation | SystemsEvaluation,
    path: str | os.PathLike,
    title: str = "Facewright evaluation",
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
    several = isinstance(evaluation, SystemsEvaluation)
    page = render_systems(evaluation, title) if several else render(evaluation, title)
    write_whole(path, page.encode("utf-8"))
