"""Progress on a terminal: a bar with the stage's name; nothing where nobody looks."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from gen.clip import ProgressHook


@contextlib.contextmanager
def progress_bar() -> Iterator[ProgressHook]:
    """A hook for the pipeline that draws on standard error."""
    if not sys.stderr.isatty():
        yield lambda stage, done, total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description:<18}"), BarColumn(), MofNCompleteColumn(),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task, shown = bar.add_task("starting", total=None), "starting"

        def hook(stage: str, done: int, total: int | None) -> None:
            nonlocal task, shown
            if stage != shown:  # a task of its own: another total, or none, and its own pace
                bar.remove_task(task)
                task, shown = bar.add_task(stage, total=total), stage
            bar.update(task, completed=done, total=total)

        yield hook
