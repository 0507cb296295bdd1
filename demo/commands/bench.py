"""``facewright bench …``: figures, printed and as JSON."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path

import typer

from demo.checks import in_range, picture, writable
from demo.progress import progress_bar


def report(figures: dict, path: Path | None) -> None:
    """Write the figures, or print them."""
    text = jsonlib.dumps(figures, indent=2) + "\n"
    if path:
        path.write_text(text, encoding="utf-8")
    else:
        typer.echo(text, nl=False)


def control(portraits: list[Path], json: Path | None, size: int) -> None:
    """See ``facewright bench control --help``."""
    in_range(size, 64, 4096, "--size")
    if json:
        writable(json, ".json")
    from gen.bench.control import control_benchmark
    from recognizer.media import read_image

    images = {path.name: read_image(picture(path)) for path in portraits}
    report(control_benchmark(images, size), json)


def tracker(clips: Path, json: Path | None) -> None:
    """See ``facewright bench tracker --help``."""
    if json:
        writable(json, ".json")
    if not clips.is_dir():
        raise ValueError(f"{clips} is not a folder")
    from gen.bench.tracker import tracker_benchmark

    with progress_bar() as hook:
        report(tracker_benchmark(clips, hook), json)


def motion(
    clips: list[Path], fit: Path | None, json: Path | None, model: Path | None, seed: int,
    last: int | None,
) -> None:  # fmt: skip
    """See ``facewright bench motion --help``."""
    if json:
        writable(json, ".json")
    for folder in (*clips, *([fit] if fit else [])):
        if not folder.is_dir():
            raise ValueError(f"{folder} is not a folder")
    from gen.bench.speech import motion_benchmark

    with progress_bar() as hook:
        report(motion_benchmark(clips, fit, model, seed, last, hook), json)
