"""``facewright bench``: speed and memory of the whole, on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

from demo.checks import in_range, picture, readable, writable
from demo.commands.bench import report
from demo.progress import progress_bar

_EXAMPLES = Path(__file__).parents[1] / "examples"
_COMMAND = (sys.executable, "-c", "from demo.cli import app; app()")


def run(
    portrait: Path | None, speech: Path | None, sizes: list[int], seconds: list[float],
    live: float, json: Path | None,
) -> None:  # fmt: skip
    """See ``facewright bench --help``."""
    for size in sizes:
        in_range(size, 64, 4096, "--size")
    for length in seconds:
        in_range(length, 1, 3600, "--seconds")
    in_range(live, 0, 600, "--live")
    if json:
        writable(json, ".json")
    portrait = picture(portrait) if portrait else _EXAMPLES / "portrait.png"
    speech = readable(speech, "sound file") if speech else _EXAMPLES / "speech.wav"

    from gen.bench.speed import Run, speed_figures

    runs = [Run(size, length) for length in seconds for size in sizes]
    with progress_bar() as hook:
        figures = speed_figures(portrait, speech, runs, live, _COMMAND, hook)
    _print(figures)
    if json:
        report(figures, json)


def _print(figures: dict) -> None:
    from rich.console import Console
    from rich.table import Table

    console, machine = Console(), figures["machine"]
    console.print(
        f"{machine['cores']} cores, {machine['processor']}, {machine['system']}, "
        f"load {machine['load']}"
    )
    table = Table(
        "pixels", "speech s", "made in s", "× real time", "CPU s", "peak MB", "× a still", "load"
    )
    for row in figures["clips"]:
        table.add_row(
            str(row["size"]), f"{row['seconds']:g}", f"{row['wall']:.1f}",
            f"{row['realtime']:.2f}", f"{row['cpu']:.1f}", str(row["peak_mb"]),
            f"{row['ratio']:.1f}", str(row["load"]),
        )  # fmt: skip
    console.print(table)
    for row in figures["clips"]:
        stages = ", ".join(f"{name} {spent:.1f}" for name, spent in row["stages"].items())
        console.print(f"{row['size']} pixels, {row['seconds']:g} s: {stages}")
    if "live" in figures:
        live = figures["live"]
        delay = ", ".join(f"{name} {value:.2f}" for name, value in live["delay"].items())
        console.print(
            f"live, {live['size']} pixels: first frame {live['first']:.2f} s after 0.2 s of sound; "
            f"delay in s {delay}; {live['late']:.1%} late; up to {live['fps']:.0f} a second"
        )
