"""``facewright batch``: many clips from a table."""

from __future__ import annotations

import time
from pathlib import Path

import typer

from demo.checks import in_range, readable
from demo.progress import progress_bar


def run(manifest: Path, output: Path, engine: str, workers: int | None, model: Path | None) -> None:
    """See ``facewright batch --help``."""
    from gen.batch import read_batch, run_batch
    from recognizer.pool import require_engine, usable_cores

    readable(manifest, "manifest")
    require_engine(engine)
    workers = workers or usable_cores()
    in_range(workers, 1, 10_000, "--workers")
    if output.exists() and not output.is_dir():
        raise ValueError(f"cannot write into {output}: it is a file")
    items = read_batch(manifest)
    start = time.monotonic()
    with progress_bar() as hook:
        results = run_batch(items, output, workers, engine, model, hook)
    wall = time.monotonic() - start
    failed = [result for result in results if result.error]
    for result in failed:
        typer.echo(f"failed: {result.output}: {result.error}", err=True)
    seconds = sum(result.seconds for result in results)
    typer.echo(
        f"{len(results) - len(failed)} of {len(results)} clips in {output}, {seconds:.1f} s of film"
        f" in {wall:.1f} s with {workers} workers"
    )
    if failed:
        raise typer.Exit(1)
