"""``facewright recognize``: what a picture, a video or a voice expresses, frame by frame."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path

import typer

from demo.checks import in_range, readable, writable
from demo.progress import progress_bar
from recognizer.affect_csv import write_csv
from recognizer.files import write_whole
from recognizer.plots import save_plot
from recognizer.recognizer import Recognizer
from recognizer.summary import describe, describe_together, reasons, summary


def run(
    media: Path, output: Path | None, json: Path | None, plot: Path | None, explain: bool,
    text: str | None, smooth: bool, faces: int, rest: Path | None,
) -> None:  # fmt: skip
    """See ``facewright recognize --help``."""
    in_range(faces, 1, 20, "--faces")
    readable(media, "picture, video or sound")
    if rest:
        readable(rest, "picture or video")
    for path, ending in ((output, ".csv"), (json, ".json"), (plot, ".png")):
        if path:
            writable(path, ending)
    with progress_bar() as hook:
        recognizer = Recognizer.from_pretrained()
        known = recognizer.learn_rest(rest) if rest else None
        found = recognizer.judge(media, text, faces, hook, known)
    tracks = found.tracks
    if smooth:
        tracks = [track.smoothed() for track in tracks]
    if output:
        write_csv(output, tracks)
    if json:
        write_whole(json, jsonlib.dumps(summary(found, media.name), indent=2) + "\n")
    if plot:
        save_plot(tracks[found.largest or 0], plot, media.name)
    for track in found.faces:
        typer.echo(describe(track))
    if found.voice is not None or found.words is not None:
        typer.echo(describe_together(found))
    if explain:
        for text in reasons(found, tracks):
            typer.echo(f"\n{text}")
    if found.faces and rest is None and len(tracks[0]) > 1:
        typer.echo(
            "read as a stranger's face: --rest PICTURE of the person expressing nothing tells more",
            err=True,
        )
