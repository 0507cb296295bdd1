"""``facewright bench …``: what can be measured, and its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from demo.errors import user_errors

Size = Annotated[int, typer.Option(help="Longer side of the frames in pixels, 64 to 4096.")]

app = typer.Typer(help="Measure.")


@app.callback(invoke_without_command=True)
@user_errors
def bench(
    context: typer.Context,
    portrait: Annotated[Path | None, typer.Option(help="Picture; the packaged one.")] = None,
    speech: Annotated[Path | None, typer.Option(help="Sound; the packaged one, repeated.")] = None,
    size: Annotated[list[int] | None, typer.Option(help="256, 512 and 1024 (repeatable).")] = None,
    seconds: Annotated[
        list[float] | None, typer.Option(help="Speech in a clip: 10 (repeatable).")
    ] = None,
    live: Annotated[float, typer.Option(help="Seconds of live speech; 0 leaves it out.")] = 20.0,
    json: Annotated[Path | None, typer.Option("--json", help="Where to write the figures.")] = None,
) -> None:
    """Measure: by itself the speed and memory of the whole; a command below measures a part."""
    if context.invoked_subcommand is None:
        from demo.commands.bench_speed import run

        run(portrait, speech, size or [256, 512, 1024], seconds or [10.0], live, json)


@app.command("motion")
@user_errors
def bench_motion(
    clips: Annotated[
        list[Path], typer.Option(help="Folder of videos with sound, or of records (repeatable).")
    ],
    fit: Annotated[
        Path | None, typer.Option(help="Folder of records to fit the linear baseline on.")
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Where to write the figures.")] = None,
    model: Annotated[Path | None, typer.Option(help="Folder of a motion model.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sampling.")] = 0,
    last: Annotated[int | None, typer.Option(help="Only a folder's last records.")] = None,
    speech: Annotated[
        Path | None, typer.Option(help="Folder of sounds, for all but the clips' own lips.")
    ] = None,
    english: Annotated[
        list[str] | None, typer.Option(help="Name of a file there that is English (repeatable).")
    ] = None,
    portrait: Annotated[
        Path | None, typer.Option(help="Picture to draw motion on; the packaged one by default.")
    ] = None,
) -> None:
    """Compare generated motion with people's own: lips, closures, dynamics, silence, cost."""
    from demo.commands.bench import motion

    motion(clips, fit, json, model, seed, last, speech, english or [], portrait)


@app.command("control")
@user_errors
def bench_control(
    portraits: Annotated[list[Path], typer.Argument(help="Pictures.")],
    json: Annotated[Path | None, typer.Option("--json", help="Where to write the figures.")] = None,
    size: Size = 512,
    units: Annotated[
        bool, typer.Option("--units", help="Action units, read by the recognizer.")
    ] = False,
) -> None:
    """Command single blendshapes on portraits and read them back from the pictures."""
    from demo.commands.bench import control

    control(portraits, json, size, units)


@app.command("affect")
@user_errors
def bench_affect(
    portraits: Annotated[list[Path], typer.Argument(help="Pictures.")],
    speech: Annotated[Path, typer.Option(help="Folder of sounds: one sentence each.")],
    seconds: Annotated[float, typer.Option(help="How much of each sentence is said.")] = 2.5,
    intensity: Annotated[
        list[float] | None, typer.Option(help="Thirds (repeatable).", min=0.05, max=1)
    ] = None,
    branch: Annotated[
        Path | None, typer.Option(help="Folder of an affect branch, by which affect is diffused.")
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Where to write the figures.")] = None,
    size: Size = 512,
) -> None:
    """Ask portraits that speak for emotions and read from the frames what they show."""
    from demo.commands.bench import affect

    affect(portraits, speech, seconds, intensity, branch, json, size)


@app.command("loop")
@user_errors
def bench_loop(
    portraits: Annotated[list[Path], typer.Argument(help="Pictures.")],
    speech: Annotated[Path, typer.Option(help="Sound of a sentence.")],
    seconds: Annotated[float, typer.Option(help="How much of it is said.")] = 3.0,
    passes: Annotated[int, typer.Option(help="Passes of the closed loop, at most.")] = 3,
    seeds: Annotated[int, typer.Option(help="Seeds to choose from; 1 leaves that out.")] = 1,
    intensity: Annotated[
        list[float] | None, typer.Option(help="0.5 and 1 (repeatable).", min=0.05, max=1)
    ] = None,
    guidance: Annotated[
        float, typer.Option(help="Scale of the recognizer's guidance; 0 leaves that out.")
    ] = 0.0,
    judge: Annotated[
        Path | None, typer.Option(help="Folder of other networks that read the clips too.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder to go on from, if the command was stopped.")
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Where to write the figures.")] = None,
    size: Size = 512,
) -> None:
    """Ask for seven emotions at two intensities by an open and a closed loop; compare."""
    from demo.commands.bench import loop

    loop(portraits, speech, seconds, passes, seeds, intensity, guidance, judge, cache, json, size)


@app.command("renderer")
@user_errors
def bench_renderer(
    clips: Annotated[Path | None, typer.Option(help="Folder of videos of one face each.")] = None,
    portraits: Annotated[Path | None, typer.Option(help="Folder of pictures to command.")] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Where to write the figures.")] = None,
    size: Size = 512,
    frames: Annotated[int, typer.Option(help="The most frames of a clip, 4 or more.")] = 100,
    stride: Annotated[int, typer.Option(help="Compare every so many frames as pictures.")] = 5,
    refiner: Annotated[
        Path | None, typer.Option(help="Folder of a refiner to repaint the mouths with.")
    ] = None,
) -> None:
    """Draw real clips again from their first frame; read commands back from portraits."""
    from demo.commands.bench import renderer

    renderer(clips, portraits, json, size, frames, stride, refiner)


@app.command("tracker")
@user_errors
def bench_tracker(
    clips: Annotated[Path, typer.Option(help="Folder of videos of faces.")],
    json: Annotated[Path | None, typer.Option("--json", help="Where to write the figures.")] = None,
) -> None:
    """Measure how well fitted and raw coefficients explain the landmarks of real clips."""
    from demo.commands.bench import tracker

    tracker(clips, json)


@app.command("recognizer")
@user_errors
def bench_recognizer(
    ferplus: Annotated[Path | None, typer.Option(help="FER+ as one npz: its test split.")] = None,
    emotions: Annotated[
        Path | None, typer.Option(help="Pictures or films in a folder for each emotion.")
    ] = None,
    aus: Annotated[
        Path | None, typer.Option(help="Pictures named by what they show: AU6+AU12.jpg.")
    ] = None,
    clips: Annotated[Path | None, typer.Option(help="Films to read, and the speed of it.")] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Folder of networks; the packaged ones without it.")
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Where to write the figures.")] = None,
) -> None:
    """Measure the recognizer on labelled pictures and on films."""
    from demo.commands.bench import recognizer

    recognizer(ferplus, emotions, aus, clips, weights, json)


@app.command("soak")
@user_errors
def bench_soak(
    portraits: Annotated[
        list[Path] | None, typer.Argument(help="Pictures, in turn; the packaged one, varied.")
    ] = None,
    speech: Annotated[Path | None, typer.Option(help="Sound; the packaged one.")] = None,
    calls: Annotated[int, typer.Option(help="Calls to the page, and talks with the server.")] = 200,
    size: Annotated[int, typer.Option(help="Longer side of the frames: 256 to 1024.")] = 256,
    json: Annotated[Path | None, typer.Option("--json", help="Where to write the figures.")] = None,
) -> None:
    """Call the page and the server many times, and watch their memory, files and threads."""
    from demo.commands.bench_soak import run

    run(portraits or [], speech, calls, size, json)
