"""``facewright train …``: what can be trained, and its options."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from demo.errors import user_errors

app = typer.Typer(no_args_is_help=True)

Config = Annotated[Path, typer.Option(help="YAML configuration.")]
Run = Annotated[Path, typer.Option("--output", "-o", help="Folder of the run.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where it stopped.")]


@app.callback()
def train(context: typer.Context) -> None:
    """Train a model; each row of its log is told on standard error, too."""
    logger, handler = logging.getLogger("recognizer.train"), logging.StreamHandler()
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    context.call_on_close(lambda: logger.removeHandler(handler))


@app.command("affect")
@user_errors
def train_affect(
    config: Config,
    data: Annotated[
        list[Path], typer.Option(help="File of labelled faces: FER+ or your own (repeatable).")
    ],
    output: Run,
    resume: Resume = False,
) -> None:
    """Train the network that reads emotions from pictures of faces."""
    from demo.commands.training import train_affect_model

    train_affect_model(config, data, output, resume)


@app.command("articulation")
@user_errors
def train_articulation(
    config: Config,
    data: Annotated[Path, typer.Option(help="Folder of records with measured lips.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the map.")],
) -> None:
    """Fit the map from speech to lip movements that the motion model hears through."""
    from demo.commands.training import fit_articulation_map

    fit_articulation_map(config, data, output)


@app.command("fusion")
@user_errors
def train_fusion(
    config: Config,
    data: Annotated[Path, typer.Option(help="File of features with labels.")],
    output: Run,
    resume: Resume = False,
) -> None:
    """Train the fusion of face, voice and words."""
    from demo.commands.training_fusion import train_fusion_model

    train_fusion_model(config, data, output, resume)


@app.command("closures")
@user_errors
def train_closures(
    config: Config,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the map.")],
) -> None:
    """Fit the map that hears where lips meet, on speech that it synthesises."""
    from demo.commands.training import fit_closure_map

    fit_closure_map(config, output)


@app.command("motion")
@user_errors
def train_motion(
    config: Config,
    data: Annotated[list[Path], typer.Option(help="Folder of records (repeatable).")],
    output: Run,
    cache: Annotated[Path | None, typer.Option(help="Folder for features.")] = None,
    resume: Resume = False,
) -> None:
    """Train the motion model."""
    from demo.commands.training import train_motion_model

    train_motion_model(config, data, output, cache, resume)


@app.command("refiner")
@user_errors
def train_refiner(
    config: Config,
    data: Annotated[list[Path], typer.Option(help="Folder of patch pairs (repeatable).")],
    output: Run,
    resume: Resume = False,
) -> None:
    """Train the refiner of the mouth."""
    from demo.commands.training import train_refiner_model

    train_refiner_model(config, data, output, resume)


@app.command("silence")
@user_errors
def train_silence(
    config: Config,
    data: Annotated[Path, typer.Option(help="Folder of the motion model's records.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the detector.")],
) -> None:
    """Fit the detector that hears where nobody speaks."""
    from demo.commands.training import fit_silence_detector

    fit_silence_detector(config, data, output)


@app.command("voice")
@user_errors
def train_voice(
    config: Config,
    data: Annotated[
        list[Path], typer.Option(help="Folder of CREMA-D or RAVDESS speech (repeatable).")
    ],
    output: Run,
    resume: Resume = False,
) -> None:
    """Train the classifier of emotional speech."""
    from demo.commands.training_voice import train_voice_model

    train_voice_model(config, data, output, resume)
