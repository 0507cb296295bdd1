"""``facewright train voice``."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from demo.checks import readable


def train_voice_model(config: Path, data: list[Path], output: Path, resume: bool) -> None:
    """See ``facewright train voice --help``."""
    readable(config, "configuration")
    from recognizer.train.voice import train

    path = train(config, output, data, resume=resume)
    report = json.loads((output / "report.json").read_text(encoding="utf-8"))
    typer.echo(
        f"actors left out: recall {report['unweighted_recall']:.1%} on average over the emotions "
        f"(chance {report['chance']:.1%}), {report['utterances']} recordings"
    )
    typer.echo(f"model: {path}")
