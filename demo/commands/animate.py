"""``facewright animate``: drive a portrait by a motion file or by a video of a face."""

from __future__ import annotations

from pathlib import Path

import typer

from demo.checks import in_range, picture, readable, writable
from demo.marks import signer
from demo.progress import progress_bar
from recognizer.motion import MotionTrack


def run(
    portrait: Path, motion: Path, output: Path, *, size, fps, square, motion_out, relative,
    mark, certificate, key,
) -> None:  # fmt: skip
    """See ``facewright animate --help``."""
    in_range(size, 64, 4096, "--size")
    if fps is not None:
        in_range(fps, 1, 120, "--fps")
    writable(output, ".mp4")
    if motion_out:
        writable(motion_out, ".csv", ".npz")
    picture(portrait)
    readable(motion, "motion file")
    identity = signer(mark, certificate, key)

    from gen.portraits import prepare_portrait
    from gen.provenance import marked_clip

    with progress_bar() as hook:
        track, sound, worn = load_driver(motion, hook, relative)
        if fps is not None:
            track = track.resampled(fps)
        in_range(track.fps, 1, 120, "the motion's frame rate")
        prepared = prepare_portrait(portrait, size, square, hook, worn)
        renderer = prepared.renderer
        if prepared.faces > 1:
            typer.echo(
                f"{prepared.faces} faces in {portrait.name}: the largest one moves", err=True
            )
        width, height = renderer.size
        with marked_clip(
            output, width, height, track.fps, sound, mark=mark, identity=identity
        ) as writer:
            for i, (blendshapes, pose) in enumerate(
                zip(track.blendshapes, track.pose, strict=True), start=1
            ):
                writer.write(renderer.render(blendshapes, pose))
                hook("rendering", i, len(track))
    if motion_out:
        track.save(motion_out)
    typer.echo(f"{output}: {len(track)} frames, {track.duration:.2f} s")


def load_driver(path: Path, hook, relative: bool):
    """Motion from a file or a video, the video's sound, and the expression the portrait wears.

    Raises:
        ValueError: the file is neither, no frame shows a face, or ``relative`` is asked of a motion
            file, which says nothing about a person's first frame.
    """
    if path.suffix.lower() in (".csv", ".npz"):
        if relative:
            raise ValueError(f"--relative is for videos; {path.name} is a motion file")
        return MotionTrack.load(path).filled(), None, None
    from gen.driving import absolute_motion, measure_driver, relative_motion
    from recognizer.media import probe

    about = probe(path)
    if not about.has_video:
        raise ValueError(f"{path.name} is neither a motion file (.csv, .npz) nor a video")
    driver = measure_driver(path, hook)
    sound = path if about.has_audio else None
    if relative:
        track, worn = relative_motion(driver)
        return track, sound, worn
    return absolute_motion(driver.motion), sound, None
