"""``facewright prepare`` and ``facewright train``."""

from __future__ import annotations

from pathlib import Path

import typer

from demo.checks import folder_of, readable
from demo.progress import progress_bar


def prepare_videos(videos: list[Path], output: Path, speaker: str | None) -> None:
    """See ``facewright prepare --help``."""
    from gen.data.prepare import record_from_video

    output.mkdir(parents=True, exist_ok=True)
    failed = 0
    with progress_bar() as hook:
        for i, video in enumerate(videos, start=1):
            hook("tracking", i, len(videos))
            try:
                record = record_from_video(readable(video, "video"), speaker or video.stem)
            except (ValueError, FileNotFoundError) as error:
                failed += 1
                typer.echo(f"left out: {' '.join(str(error).split())}", err=True)
                continue
            record.save(output)
    typer.echo(f"{output}: {len(videos) - failed} records, {failed} left out")
    if failed == len(videos):
        raise ValueError("no video could be used")


def train_affect_model(config: Path, data: list[Path], output: Path, resume: bool) -> None:
    """See ``facewright train affect --help``."""
    readable(config, "configuration")
    for path in data:
        readable(path, "file of labelled faces")
    from recognizer.train.affect import train_affect

    typer.echo(f"model: {train_affect(config, output, data, resume=resume)}")


def fit_articulation_map(config: Path, data: Path, output: Path) -> None:
    """See ``facewright train articulation --help``."""
    readable(config, "configuration")
    folder_of("records", data)
    from gen.train.articulation import fit_articulation

    typer.echo(f"map: {fit_articulation(config, data, output)}")


def fit_closure_map(config: Path, output: Path) -> None:
    """See ``facewright train closures --help``."""
    readable(config, "configuration")
    from gen.train.closures import fit_closures

    figures = fit_closures(config, output)
    typer.echo(f"map: {output}; " + ", ".join(f"{k} {v}" for k, v in figures.items()))


def fit_silence_detector(config: Path, data: Path, output: Path) -> None:
    """See ``facewright train silence --help``."""
    readable(config, "configuration")
    folder_of("records", data)
    from gen.train.silence import fit_silence

    figures = fit_silence(config, data, output)
    typer.echo(f"detector: {output}; " + ", ".join(f"{k} {v}" for k, v in figures.items()))


def train_motion_model(
    config: Path, data: list[Path], output: Path, cache: Path | None, resume: bool
) -> None:
    """See ``facewright train motion --help``."""
    readable(config, "configuration")
    folder_of("records", *data)
    from gen.train.motion import train

    typer.echo(f"model: {train(config, output, data, cache=cache, resume=resume)}")


def train_refiner_model(config: Path, data: list[Path], output: Path, resume: bool) -> None:
    """See ``facewright train refiner --help``."""
    readable(config, "configuration")
    folder_of("patch pairs", *data)
    from gen.train.refiner import train

    typer.echo(f"model: {train(config, output, data, resume=resume)}")
