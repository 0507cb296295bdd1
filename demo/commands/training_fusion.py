"""``facewright train fusion``."""

from __future__ import annotations

from pathlib import Path

import typer

from demo.checks import readable


def train_fusion_model(config: Path, data: Path, output: Path, resume: bool) -> None:
    """See ``facewright train fusion --help``."""
    readable(config, "configuration")
    readable(data, "file of features")
    from recognizer.train.fusion import train

    typer.echo(f"model: {train(config, output, data, resume=resume)}")
