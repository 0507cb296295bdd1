"""``facewright animate``: drive a portrait by a motion file or by a video of a face."""

from __future__ import annotations

from pathlib import Path

import typer

from demo.checks import in_range, picture, readable, writable
from demo.progress import progress_bar
from recognizer.motion import MotionTrack


def run(portrait: Path, motion: Path, output: Path, *, size, fps, square, motion_out) -> None:
    """See ``facewright animate --help``."""
    in_range(size, 64, 4096, "--size")
    if fps is not None:
        in_range(fps, 1, 120, "--fps")
    writable(output, ".mp4")
    if motion_out:
        writable(motion_out, ".csv", ".npz")
    picture(portrait)
    readable(motion, "motion file")

    from gen.pipeline import prepare_portrait
    from gen.provenance import container_marks
    from gen.video import VideoWriter

    with progress_bar() as hook:
        track, sound = load_driver(motion, hook)
        if fps is not None:
            track = track.resampled(fps)
        in_range(track.fps, 1, 120, "the motion's frame rate")
        renderer, faces = prepare_portrait(portrait, size, square, hook)
        if faces > 1:
            typer.echo(f"{faces} faces in {portrait.name}: the largest one moves", err=True)
        width, height = renderer.size
        marks = container_marks(output.stem)
        with VideoWriter(output, width, height, track.fps, audio=sound, metadata=marks) as writer:
            for i, (blendshapes, pose) in enumerate(
                zip(track.blendshapes, track.pose, strict=True), start=1
            ):
                writer.write(renderer.render(blendshapes, pose))
                hook("rendering", i, len(track))
    if motion_out:
        track.save(motion_out)
    typer.echo(f"{output}: {len(track)} frames, {track.duration:.2f} s")


def load_driver(path: Path, hook) -> tuple[MotionTrack, Path | None]:
    """Motion from a file or a video; a video's sound comes with it.

    A measured head pose is absolute: it is taken relative to its own median, so that the portrait
    keeps its place.

    Raises:
        ValueError: the file is neither, or no frame shows a face.
    """
    if path.suffix.lower() in (".csv", ".npz"):
        return MotionTrack.load(path).filled(), None
    import numpy as np

    from recognizer.media import iter_frames, probe
    from recognizer.tracker import FaceTracker, largest

    about = probe(path)
    if not about.has_video:
        raise ValueError(f"{path.name} is neither a motion file (.csv, .npz) nor a video")

    def counted():
        for i, frame in enumerate(iter_frames(path, max_side=960), start=1):
            hook("tracking", i, round(about.duration * about.fps) or None)
            yield frame

    with FaceTracker() as tracker:
        track = largest(tracker.video(counted(), about.fps)).motion.filled()
    pose = track.pose - np.median(track.pose, axis=0)
    return MotionTrack(track.blendshapes, pose, track.fps), path if about.has_audio else None
