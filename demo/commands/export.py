"""``facewright export``: motion files for other programs."""

from __future__ import annotations

from pathlib import Path

import typer

from demo.checks import motion_file, writable
from recognizer.motion import MotionTrack


def run(motion: Path, output: Path, livelink: bool) -> None:
    """See ``facewright export --help``."""
    motion_file(motion)
    writable(output, ".csv", ".glb", ".json", ".npz")
    if livelink and output.suffix.lower() != ".csv":
        raise ValueError("--livelink writes a .csv")
    track = MotionTrack.load(motion)
    if livelink:
        from gen.export.livelink import write_livelink

        write_livelink(output, track)
    elif output.suffix.lower() == ".json":
        from gen.export.json import write_json

        write_json(output, track)
    elif output.suffix.lower() == ".glb":
        from gen.export.glb import write_glb

        write_glb(output, track)
    else:
        track.save(output)
    typer.echo(f"{output}: {len(track)} frames, {track.duration:.2f} s")
