"""The command ``facewright``. Heavy imports wait inside the commands, so that help is instant."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from demo import cli_bench, cli_train
from demo.errors import user_errors
from demo.marks import Certificate, Key, Mark
from demo.process import Application, settle

settle()

app = Application(
    name="facewright",
    help="Talking portraits with emotion control that measures itself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(cli_train.app, name="train")
app.add_typer(cli_bench.app, name="bench")

Portrait = Annotated[Path, typer.Argument(help="Picture with a face.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="Clip to write (.mp4).")]
Size = Annotated[int, typer.Option(help="Longer side of the clip in pixels, 64 to 4096.")]
Crop = Annotated[
    bool, typer.Option("--square/--full-frame", help="Square around the face, or whole picture.")
]


@app.command()
@user_errors
def generate(
    portrait: Portrait,
    output: Output,
    audio: Annotated[
        Path | None,
        typer.Argument(help="Speech: any file that ffmpeg reads.", show_default=False),
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="Words to say, instead of AUDIO; they set the emotion.")
    ] = None,
    emotion: Annotated[
        str | None, typer.Option(help="Emotion, with an intensity if wanted: happiness:0.7.")
    ] = None,
    valence: Annotated[float | None, typer.Option(help="Valence, -1 to 1.")] = None,
    arousal: Annotated[float | None, typer.Option(help="Arousal, -1 to 1.")] = None,
    au: Annotated[str | None, typer.Option(help="Action units 0-5: AU12=3,AU06=2.")] = None,
    timeline: Annotated[Path | None, typer.Option(help="YAML file of keyframes.")] = None,
    motion_in: Annotated[
        Path | None,
        typer.Option(help="Motion (.csv, .npz) to hold: its columns, over its frames."),
    ] = None,
    style: Annotated[
        Path | None, typer.Option(help="Video or motion of somebody whose manner to take.")
    ] = None,
    closed_loop: Annotated[
        int,
        typer.Option(metavar="N", help="Draw, read and correct beforehand, at most N times."),
    ] = 0,
    best_of: Annotated[
        int, typer.Option(metavar="N", help="Choose from N seeds by what is read of them.")
    ] = 1,
    size: Size = 512,
    fps: Annotated[float, typer.Option(help="Frames a second, 1 to 120.")] = 25.0,
    steps: Annotated[int | None, typer.Option(help="Denoising steps a window.")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same clip.")] = 0,
    square: Crop = True,
    motion_out: Annotated[
        Path | None, typer.Option(help="Also write the motion (.csv or .npz).")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Folder of a pipeline of your own.")] = None,
    expression: Annotated[
        str | None, typer.Option(help="How feeling moves a face: rule, or diffusion.")
    ] = None,
    mark: Mark = True,
    certificate: Certificate = None,
    key: Key = None,
) -> None:
    """Make PORTRAIT say what is heard in AUDIO, or a text."""
    from demo.commands.generate import run

    run(
        portrait, audio, output,
        text=text, emotion=emotion, valence=valence, arousal=arousal, au=au, timeline=timeline,
        motion_in=motion_in, style=style, closed_loop=closed_loop, best_of=best_of, size=size,
        fps=fps, steps=steps, seed=seed, square=square, motion_out=motion_out, model=model,
        expression=expression, mark=mark, certificate=certificate, key=key,
    )  # fmt: skip


@app.command()
@user_errors
def animate(
    portrait: Portrait,
    motion: Annotated[Path, typer.Argument(help="Motion (.csv, .npz), or a video of a face.")],
    output: Output,
    size: Size = 512,
    fps: Annotated[float | None, typer.Option(help="Frames a second; the motion's own.")] = None,
    square: Crop = True,
    motion_out: Annotated[
        Path | None, typer.Option(help="Also write the motion (.csv or .npz).")
    ] = None,
    relative: Annotated[
        bool,
        typer.Option(
            "--relative/--absolute",
            help="The portrait already looks as the video's first frame does: add only changes.",
        ),
    ] = False,
    mark: Mark = True,
    certificate: Certificate = None,
    key: Key = None,
) -> None:
    """Drive PORTRAIT by a motion file or by the face in a video."""
    from demo.commands.animate import run

    run(
        portrait, motion, output,
        size=size, fps=fps, square=square, motion_out=motion_out, relative=relative, mark=mark,
        certificate=certificate, key=key,
    )  # fmt: skip


@app.command()
@user_errors
def recognize(
    media: Annotated[Path, typer.Argument(help="Picture, video or sound.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="CSV to write.")] = None,
    json: Annotated[Path | None, typer.Option("--json", help="JSON summary to write.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="PNG of curves to write.")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say which observations speak for what.")
    ] = False,
    text: Annotated[str | None, typer.Option("--text", help="What is said, in words.")] = None,
    smooth: Annotated[
        bool, typer.Option("--smooth", help="Steady the curves (One-Euro filter).")
    ] = False,
    faces: Annotated[int, typer.Option(help="The most faces to follow, 1 to 20.")] = 4,
    rest: Annotated[
        Path | None, typer.Option(help="Picture or video of the person who expresses nothing.")
    ] = None,
) -> None:
    """Read a face, a voice or words: action units, valence and arousal, emotions."""
    from demo.commands.recognize import run

    run(media, output, json, plot, explain, text, smooth, faces, rest)


@app.command()
@user_errors
def evaluate(
    clips: Annotated[
        list[Path] | None,
        typer.Argument(help="Clips, folders of clips, or a manifest (.csv).", show_default=False),
    ] = None,
    system: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=CLIPS",
            help="A system to compare: folder, pattern or manifest of its clips (repeatable).",
        ),
    ] = None,
    reference: Annotated[
        list[Path] | None,
        typer.Option(help="Real clip or a folder of them, matched by name (repeatable)."),
    ] = None,
    audio: Annotated[
        Path | None, typer.Option(help="What the clips should say, or a folder, matched by name.")
    ] = None,
    emotion: Annotated[
        str | None, typer.Option(help="Emotion that was asked for: happiness:0.7.")
    ] = None,
    timeline: Annotated[
        Path | None, typer.Option(help="Timeline that was asked for, or a folder of them.")
    ] = None,
    portrait: Annotated[
        Path | None, typer.Option(help="Picture of the person, or a folder, matched by name.")
    ] = None,
    rest: Annotated[
        Path | None,
        typer.Option(help="The person who expresses nothing, or a folder; else the portrait."),
    ] = None,
    syncnet: Annotated[
        Path | None,
        typer.Option(
            envvar="FACEWRIGHT_SYNCNET",
            help="SyncNet's weights (.safetensors) for LSE-C and LSE-D.",
        ),
    ] = None,
    coefficients: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:KEY]",
            help="E-FID also of another tool's coefficients: X.npz beside each X.mp4.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Report to write (.html).")
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Where to write the figures.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes; one fewer than there are cores.")
    ] = None,
    engine: Annotated[str, typer.Option(help="local, or ray: a Ray cluster.")] = "local",
    cache: Annotated[
        Path | None, typer.Option(help="Folder that remembers what was measured of each file.")
    ] = None,
    selftest: Annotated[
        bool, typer.Option("--selftest", help="Run controls on made talkers and on the clips.")
    ] = False,
) -> None:
    """Measure talking clips: what was asked against what is shown, real clips beside made ones."""
    from demo.commands.evaluate import run

    run(
        clips or [], system=system or [], reference=reference or [], audio=audio,
        portrait=portrait, rest=rest, emotion=emotion, timeline=timeline, syncnet=syncnet,
        coefficients=coefficients, output=output, json=json, workers=workers, engine=engine,
        cache=cache, controls=selftest,
    )  # fmt: skip


@app.command()
@user_errors
def export(
    motion: Annotated[Path, typer.Argument(help="Motion file (.csv, .npz).")],
    output: Annotated[Path, typer.Option("--output", "-o", help=".csv, .glb, .json or .npz")],
    livelink: Annotated[
        bool,
        typer.Option("--livelink", help="CSV as Live Link Face writes it: no head translation."),
    ] = False,
) -> None:
    """Convert a motion file."""
    from demo.commands.export import run

    run(motion, output, livelink)


@app.command()
@user_errors
def inspect(
    media: Annotated[Path, typer.Argument(help="Clip or picture.")],
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Read the marks that say how a file was made: metadata, signature, watermark."""
    from demo.commands.inspect import run

    run(media, json)


@app.command()
@user_errors
def batch(
    manifest: Annotated[
        Path,
        typer.Argument(help="CSV: portrait, audio or text, emotion …, output; a line a clip."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the clips.")],
    engine: Annotated[str, typer.Option(help="local, or ray: a Ray cluster.")] = "local",
    workers: Annotated[
        int | None, typer.Option(help="Clips at once; as many as there are cores.")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Folder of a pipeline of your own.")] = None,
) -> None:
    """Make many clips; called again, it goes on where it stopped."""
    from demo.commands.batch import run

    run(manifest, output, engine, workers, model)


@app.command()
@user_errors
def prepare(
    videos: Annotated[list[Path], typer.Argument(help="Videos of one talking face each.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the records.")],
    speaker: Annotated[str | None, typer.Option(help="Name of the speaker, if it is one.")] = None,
) -> None:
    """Turn videos into training records."""
    from demo.commands.training import prepare_videos

    prepare_videos(videos, output, speaker)


@app.command()
@user_errors
def demo(
    port: Annotated[int, typer.Option(help="Port to listen at.")] = 7860,
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    share: Annotated[
        bool, typer.Option("--share", help="Also a public address, through gradio's relay.")
    ] = False,
) -> None:
    """Open the web page: create, recognize, evaluate, live."""
    from demo.commands.demo import run

    run(host, port, share)


@app.command()
@user_errors
def serve(
    port: Annotated[int, typer.Option(help="Port to listen at.")] = 8000,
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    talks: Annotated[int, typer.Option(help="Talks at once, 1 to 64.")] = 2,
    seconds: Annotated[float, typer.Option(help="Longest talk in seconds.")] = 600.0,
) -> None:
    """Serve live talking portraits over a WebSocket (see docs/server.md)."""
    from demo.commands.serve import run

    run(host, port, talks, seconds)


@app.command()
@user_errors
def doctor() -> None:
    """Say what is installed, which weights are found, and what is unavailable and why."""
    from demo.commands.doctor import run

    run()


if __name__ == "__main__":
    app()
